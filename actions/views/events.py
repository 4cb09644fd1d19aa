"""What happened: the list of events, and one event with what every reaction made of it."""

from typing import Any

from django.core.validators import slug_re
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest, HttpResponseBase

from accounts.models import Project
from accounts.permissions import may, visible
from accounts.roles import Verb
from accounts.views.scoped import ScopedPage, one_of, words
from actions.models import Decision, Reaction, Run
from actions.views.sentences import explained
from actions.views.workers import is_anybody_working
from reactions_project.keyset import page_of
from triggers.event_types import event_types
from triggers.models import Event
from triggers.models.trigger import TriggerKind

# Up to a mebibyte each, and not needed to name an event.
BODIES = ("payload", "query", "headers")
BODIES_OF_EVENT = tuple(f"event__{name}" for name in BODIES)
# Senders name their own events, so the filter offers all of theirs as one.
WEBHOOK = "webhook"
FATES = {"fired": "Something fired", "silent": "Nothing fired", "waiting": "Not decided yet"}


class EventList(ScopedPage):
    queryset = Event.objects.select_related("project", "environment", "trigger").defer(*BODIES)
    template_name = "actions/event_list.html"

    def get(self, request: HttpRequest) -> HttpResponseBase:
        projects = list(visible(Project.objects.order_by("name"), self.caller))
        project = one_of(request, "project", {project.slug for project in projects})
        types = {WEBHOOK: "Webhook called"} | {event_type.name: event_type.label for event_type in event_types}
        event_type = words(request, "type", 60)
        fate = one_of(request, "fate", FATES)
        search = words(request, "q")
        found = _of_fate(self.get_queryset(), fate, visible(Decision.objects.all(), self.caller))
        if project:
            found = found.filter(project__slug=project)
        if event_type == WEBHOOK:
            found = found.filter(trigger__kind=TriggerKind.WEBHOOK)
        elif event_type:
            found = found.filter(type=event_type)
        if search:
            found = found.filter(Q(subject__icontains=search) | Q(trigger__name__icontains=search))
        page = page_of(found, request)
        return self.page(
            {
                "page": page,
                "events": with_decisions(self, page.rows),
                "projects": projects,
                "types": types,
                "fates": FATES,
                "project": project,
                "type": event_type,
                "fate": fate,
                "search": search,
                "is_filtered": bool(project or event_type or fate or search),
            }
        )


class EventDetail(ScopedPage):
    queryset = Event.objects.select_related("project__team", "environment", "trigger")
    template_name = "actions/event_detail.html"

    def get(self, request: HttpRequest, uid: Any) -> HttpResponseBase:
        event = self.visible_one(self.queryset.all(), uid=uid)
        caller = self.caller
        reads_payload = may(caller, Verb.READ, event)
        decisions = visible(Decision.objects.filter(event=event), caller)
        return self.page(
            {
                "event": event,
                "reads_payload": reads_payload,
                "is_linkable": bool(slug_re.match(event.deployment)),
                "decisions": [
                    explained(decision, reads_payload=reads_payload)
                    for decision in decisions.select_related("reaction", "run").order_by("reaction_name", "sequence")
                ],
                "cause": visible(Run.objects.filter(uid=event.cause_run), caller).first() if event.cause_run else None,
                "first": visible(Event.objects.filter(uid=event.root), caller).first() if event.chain else None,
                "chain": _chain(event, visible(Reaction.objects.all(), caller)),
                "caused": visible(Event.objects.filter(root=event.root), caller)
                .filter(cause_run__in=Run.objects.filter(event=event).values("uid"))
                .select_related("trigger")
                .defer(*BODIES)
                .order_by("pk")[:20],
                "is_anybody_working": bool(event.matched_at) or is_anybody_working(),
            }
        )


def with_decisions(page: ScopedPage, events: list[Event]) -> list[Event]:
    """Each event with how many reactions fired and how many were considered, in one query for the list."""
    counts = dict.fromkeys((event.pk for event in events), (0, 0))
    rows = (
        visible(Decision.objects.filter(event__in=list(counts)), page.caller)
        .order_by()
        .values_list("event")
        .annotate(considered=Count("pk"), fired=Count("pk", filter=Q(verdict="fired")))
    )
    counts.update({event: (fired, considered - fired) for event, considered, fired in rows})
    for event in events:
        event.fired, event.silent = counts[event.pk]  # type: ignore[attr-defined]
    return events


def _of_fate(events: QuerySet[Event], fate: str, decisions: QuerySet[Decision]) -> QuerySet[Event]:
    if not fate:
        return events
    if fate == "waiting":
        return events.filter(matched_at=None)
    fired = Exists(decisions.filter(event=OuterRef("pk"), verdict="fired"))
    return events.filter(fired) if fate == "fired" else events.filter(~fired, matched_at__isnull=False)


def _chain(event: Event, reactions: QuerySet[Reaction]) -> list[Any]:
    """The reactions that led here, oldest first; None stands for one that is gone or not the reader's to see."""
    if not event.chain:
        return []
    known = {str(reaction.pk): reaction for reaction in reactions.filter(pk__in=event.chain)}
    return [known.get(identity) for identity in event.chain]
