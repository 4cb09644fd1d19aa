"""The one writer of the audit log (SEC-80). Secrets appear as "changed", never as values."""

from typing import Any

from django.db.models import Model

from accounts.callers import Caller
from accounts.models import AuditEntry, Project


def record(
    caller: Caller, verb: str, obj: Model, *, project: Project | None = None, changes: dict[str, Any] | None = None
) -> AuditEntry:
    """Write who did what to which object, in the caller's transaction."""
    return AuditEntry.objects.create(
        actor=caller.user,
        actor_label=caller.label[:200],
        key_prefix=caller.key_prefix,
        verb=verb,
        object_type=obj._meta.label,
        object_id=str(obj.pk),
        object_label=str(obj)[:200],
        project=project,
        changes=changes or {},
    )
