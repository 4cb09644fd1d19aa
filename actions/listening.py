"""The internal triggers that a reaction listens to, named by their event types and made when a project has none yet."""

from collections.abc import Iterable

from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.audit import record
from accounts.callers import Caller
from accounts.models import Project
from accounts.permissions import require_in
from accounts.roles import Verb
from triggers.event_types import event_types
from triggers.models import Trigger
from triggers.models.trigger import TriggerKind


@transaction.atomic
def internal_triggers(caller: Caller, project: Project, names: Iterable[str]) -> list[Trigger]:
    """One trigger of the project for each event type; raises ValidationError, PermissionDenied."""
    wanted = list(dict.fromkeys(names))
    for name in wanted:
        if name not in event_types:
            raise ValidationError({"event_types": f"There is no event type {name}: see /api/event-types/ for all."})
    present = {
        trigger.event_type: trigger
        for trigger in Trigger.objects.filter(project=project, kind=TriggerKind.INTERNAL, event_type__in=wanted)
    }
    return [present.get(name) or _make(caller, project, name) for name in wanted]


def _make(caller: Caller, project: Project, name: str) -> Trigger:
    require_in(caller, Verb.CREATE, "endpoint", project)
    # Two reactions saved at once may both find none; the constraint lets one make it.
    trigger, made = Trigger.objects.get_or_create(
        project=project,
        kind=TriggerKind.INTERNAL,
        event_type=name,
        defaults={"name": event_types.get(name).label},
    )
    if made:
        record(caller, "create", trigger, project=project)
    return trigger
