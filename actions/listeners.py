"""Who listens to an event: its trigger's reactions or, for an internal event, those that listen for its type in its
project. One query for a batch, with all that deciding and beginning need to know of each reaction."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from django.db.models import Q

from actions.models import ReactionTrigger
from reactions_project.prepared import Among, PreparedRows, many
from triggers.models import Event
from triggers.sources import PING

_LINKS = ReactionTrigger.objects.select_related(
    "trigger", "reaction__action__connection__secret", "reaction__project__team"
).order_by("reaction__name", "pk")
_links = PreparedRows(
    lambda triggers, types, projects: _LINKS.filter(
        Among("trigger__pk", triggers)
        | (Q(trigger__kind="internal") & Among("trigger__event_type", types) & Among("trigger__project__pk", projects))
    ),
    3,
)
_links_everywhere = PreparedRows(
    lambda types: _LINKS.filter(Q(trigger__kind="internal") & Among("trigger__event_type", types))
)


def listeners_of(events: Sequence[Event]) -> dict[int, list[ReactionTrigger]]:
    """By the id of the event, in the order of their reactions' names."""
    by_trigger: dict[Any, list[ReactionTrigger]] = defaultdict(list)
    by_type: dict[Any, list[ReactionTrigger]] = defaultdict(list)
    for link in _listening(events):
        by_trigger[link.trigger_id].append(link)
        if not link.trigger.is_external:
            by_type[link.trigger.event_type, link.trigger.project_id].append(link)
            by_type[link.trigger.event_type, None].append(link)
    found: dict[int, list[ReactionTrigger]] = {}
    for event in events:
        links_of = by_trigger[event.trigger_id] if event.trigger_id else by_type[event.type, event.project_id]
        if event.trigger_id and event.type == PING:
            links_of = []
        # A reaction that listens twice to the same event is considered once.
        found[event.pk] = list({link.reaction_id: link for link in reversed(links_of)}.values())[::-1]
    return found


def _listening(events: Sequence[Event]) -> list[ReactionTrigger]:
    """All that may listen to any of the events, and some more; in the order of their reactions' names."""
    triggers = {event.trigger_id for event in events if event.trigger_id}
    internal = [event for event in events if not event.trigger_id]
    # A space-wide event reaches every project that listens for its type.
    if everywhere := {event.type for event in internal if not event.project_id}:
        types = everywhere | {event.type for event in internal}
        links = {link.pk: link for link in _links_everywhere.all(many(types))}
        if triggers:
            links |= {link.pk: link for link in _links.all(many(triggers), many([]), many([]))}
        return sorted(links.values(), key=lambda link: (link.reaction.name, link.pk))
    types, projects = {event.type for event in internal}, {event.project_id for event in internal}
    return _links.all(many(triggers), many(types), many(projects))
