"""The list of reactions, one reaction with what it decided and did, and its switch."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import OuterRef, Prefetch, Q, QuerySet, Subquery
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect

from accounts.models import Project
from accounts.permissions import may, may_in, visible
from accounts.roles import Verb
from accounts.views.scoped import ScopedPage, one_of, words
from actions import switch
from actions.models import Decision, Reaction, Run
from actions.rehearsal import rehearse
from actions.views.events import BODIES_OF_EVENT
from actions.views.last_day import LastDay, last_day_of
from actions.views.sentences import Explained, brief, explained, explained_trace, listened, summary
from triggers.filters import describe
from triggers.models import Event, Trigger

STATES = {"on": "On", "off": "Off", "failing": "Failing"}
PER_PAGE = 50


@dataclass(frozen=True)
class Row:
    reaction: Any
    when: Any
    then: str
    last_day: LastDay


class ReactionList(ScopedPage):
    queryset = Reaction.objects.select_related("project", "action").prefetch_related(
        Prefetch("triggers", Trigger.objects.order_by("kind", "event_type", "route"))
    )
    template_name = "actions/reaction_list.html"

    def get(self, request: HttpRequest) -> HttpResponseBase:
        projects = list(visible(Project.objects.order_by("name"), self.caller))
        state = one_of(request, "state", STATES)
        project = one_of(request, "project", {project.slug for project in projects})
        search = words(request, "q")
        found = with_last_run(self.get_queryset()).order_by("name", "pk")
        found = _in_state(found, state)
        if project:
            found = found.filter(project__slug=project)
        if search:
            found = found.filter(Q(name__icontains=search) | Q(action__name__icontains=search))
        page = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
        return self.page(
            {
                "rows": rows_of(page.object_list),
                "page_obj": page,
                "projects": projects,
                "states": STATES,
                "state": state,
                "project": project,
                "search": search,
                "is_filtered": bool(state or project or search),
                "kept": _kept(request),
            }
        )


class ReactionDetail(ScopedPage):
    queryset = Reaction.objects.select_related("project__team", "action__connection", "created_by").prefetch_related(
        "triggers"
    )
    template_name = "actions/reaction_detail.html"

    def get(self, request: HttpRequest, pk: Any) -> HttpResponseBase:
        reaction = self.visible_one(self.queryset.all(), pk=pk)
        caller = self.caller
        reads_payload = may_read_payloads(self, reaction)
        decisions = visible(Decision.objects.filter(reaction=reaction), caller)
        decisions = decisions.select_related("event__trigger", "run").defer(*BODIES_OF_EVENT)
        runs = visible(Run.objects.filter(reaction=reaction), caller)
        may_try = may(caller, Verb.RUN, reaction) and reads_payload
        events = self._recent_events(reaction) if may_try else []
        return self.page(
            {
                "reaction": reaction,
                "when": listened(reaction.triggers.all()),
                "conditions": describe(reaction.conditions),
                "then": summary(reaction.action) if may(caller, Verb.READ, reaction.action) else "",
                "sees_project": visible(Project.objects.filter(pk=reaction.project_id), caller).exists(),
                "decisions": [
                    explained(decision, reads_payload=reads_payload)
                    for decision in decisions.select_related("event__trigger", "run")
                    .defer(*BODIES_OF_EVENT)
                    .order_by("-pk")[:20]
                ],
                "runs": runs.order_by("-pk")[:15],
                "last_day": last_day_of([reaction.pk])[reaction.pk],
                "may_change": may(caller, Verb.UPDATE, reaction),
                "may_try": may_try,
                "events": events,
                "tried": self._tried(request, reaction, events),
            }
        )

    def _recent_events(self, reaction: Reaction) -> list[Event]:
        triggers = reaction.triggers.all()
        types = [trigger.event_type for trigger in triggers if not trigger.is_external]
        routes = [trigger.pk for trigger in triggers if trigger.is_external]
        own = Q(project=reaction.project) | Q(project=None)
        listened_to = (own & Q(type__in=types)) if types else Q(trigger__in=routes)
        found = visible(Event.objects.filter(listened_to), self.caller)
        return list(found.select_related("project", "environment", "trigger").order_by("-pk")[:20])

    def _tried(self, request: HttpRequest, reaction: Reaction, events: list[Event]) -> Explained | None:
        """What the reaction would decide now about the event that the form names; nothing runs."""
        chosen = next((event for event in events if str(event.uid) == request.GET.get("try")), None)
        if chosen is None:
            return None
        outcome = rehearse(reaction, chosen)
        tried = {"event": chosen, "verdict": outcome.verdict, "would_fire": outcome.would_fire}
        return explained_trace(tried, outcome.verdict, outcome.reason, outcome.trace, reads_payload=True)


class ReactionSwitch(ScopedPage):
    """POST only: turn a reaction on or off."""

    queryset = Reaction.objects.select_related("project", "action")
    turns_on = True

    def post(self, request: HttpRequest, pk: Any) -> HttpResponseBase:
        reaction = self.visible_one(self.queryset.all(), pk=pk)
        try:
            (switch.enable if self.turns_on else switch.disable)(self.caller, reaction)
        except ValidationError as error:
            messages.error(request, " ".join(error.messages))
        else:
            done = "is on: it fires for the next event." if self.turns_on else "is off: it fires no more."
            messages.success(request, f"{reaction.name} {done}")
        return redirect("reaction-detail", pk=reaction.pk)


def may_read_payloads(page: ScopedPage, reaction: Reaction) -> bool:
    """Whether the reader may see what events of this reaction's project say, not only that they were."""
    return may_in(page.caller, Verb.READ, "event_payload", reaction.project)


def with_last_run(reactions: QuerySet[Reaction]) -> QuerySet[Any]:
    """The run for the latest event; ordered so that the unique index over reaction, event and sequence answers."""
    latest = Run.objects.filter(reaction=OuterRef("pk")).order_by("-event_id", "-sequence")
    return reactions.annotate(
        last_status=Subquery(latest.values("status")[:1]),
        last_at=Subquery(latest.values("created_at")[:1]),
        last_uid=Subquery(latest.values("uid")[:1]),
    )


def rows_of(reactions: Iterable[Reaction]) -> list[Row]:
    found = list(reactions)
    days = last_day_of(reaction.pk for reaction in found)
    return [
        Row(reaction, listened(reaction.triggers.all()), brief(reaction.action), days[reaction.pk])
        for reaction in found
    ]


def _in_state(reactions: QuerySet[Any], state: str) -> QuerySet[Any]:
    if state == "failing":
        return reactions.filter(last_status__in=("failed", "interrupted"))
    return reactions.filter(is_enabled=state == "on") if state else reactions


def _kept(request: HttpRequest) -> str:
    """The filters of the present address, ready for "&page=2"."""
    query = request.GET.copy()
    query.pop("page", None)
    return query.urlencode()
