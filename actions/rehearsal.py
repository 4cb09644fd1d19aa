"""A dry run: what a reaction would decide about a recorded event, through the code that decides in earnest."""

from dataclasses import dataclass
from typing import Any

from actions.dispatch import decide
from actions.models import Reaction, Verdict
from triggers.facts import facts_of
from triggers.models import Event, Trigger


@dataclass(frozen=True)
class Rehearsal:
    verdict: str
    reason: str
    trace: list[dict[str, Any]]

    @property
    def would_fire(self) -> bool:
        return self.verdict == Verdict.FIRED


def rehearse(reaction: Reaction, event: Event) -> Rehearsal:
    """Writes nothing and runs nothing."""
    trigger = _listening(reaction, event)
    if trigger is None:
        what = event.trigger.name if event.trigger else event.type
        return Rehearsal("not_considered", f"This reaction does not listen to {what} in this event's project.", [])
    decided = decide(event, reaction, trigger, facts_of(event))
    return Rehearsal(decided.verdict, decided.reason, decided.trace)


def _listening(reaction: Reaction, event: Event) -> Trigger | None:
    for trigger in reaction.triggers.all():
        if event.trigger_id:
            if trigger.pk == event.trigger_id:
                return trigger
        elif trigger.event_type == event.type and event.project_id in (None, reaction.project_id):
            return trigger
    return None
