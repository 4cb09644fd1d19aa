"""The one writer of the audit log (SEC-80). Secrets appear as "changed", never as values."""

from typing import Any

from django.db.models import Model

from accounts.callers import Caller
from accounts.models import AuditEntry, Project, Team


def record(
    caller: Caller,
    verb: str,
    obj: Model,
    *,
    project: Project | None = None,
    team: Team | None = None,
    changes: dict[str, Any] | None = None,
) -> AuditEntry:
    """Write who did what to which object, in the caller's transaction. Owners see entries of their project or team."""
    return AuditEntry.objects.create(
        actor=caller.user,
        actor_label=caller.label[:200],
        key_prefix=caller.key_prefix,
        verb=verb,
        object_type=obj._meta.label,
        object_id=str(obj.pk),
        object_label=str(obj)[:200],
        project=project,
        team=team,
        changes=changes or {},
    )


def record_denial(caller: Caller, what: str, identity: str, reason: str) -> AuditEntry:
    """Write that somebody was refused; call it after the refused transaction was rolled back."""
    return AuditEntry.objects.create(
        actor=caller.user,
        actor_label=caller.label[:200],
        key_prefix=caller.key_prefix,
        verb="denied",
        object_type=what[:60],
        object_id=identity[:60],
        object_label=reason[:200],
    )
