"""The history of runs, one run with its attempts and log, and what may be done with it."""

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect

from accounts.callers import Caller
from accounts.models import Project
from accounts.permissions import may, visible
from accounts.roles import Verb
from accounts.views.scoped import ScopedPage, one_of, words
from actions import execution
from actions.models import Attempt, Reaction, Run, RunStatus
from actions.views.events import BODIES_OF_EVENT
from actions.views.logs import Tail, chunks_of, last_lines, lines_after
from actions.views.sentences import kind_label
from actions.views.workers import is_anybody_working
from reactions_project.keyset import page_of

STATUSES = dict(RunStatus.choices)
_OVER = frozenset({RunStatus.FAILED, RunStatus.CANCELLED, RunStatus.INTERRUPTED})


class RunList(ScopedPage):
    queryset = Run.objects.select_related("project", "event__trigger", "reaction").defer(*BODIES_OF_EVENT)
    template_name = "actions/run_list.html"

    def get(self, request: HttpRequest) -> HttpResponseBase:
        projects = list(visible(Project.objects.order_by("name"), self.caller))
        project = one_of(request, "project", {project.slug for project in projects})
        status = one_of(request, "status", STATUSES)
        search = words(request, "q")
        reaction = self._reaction(request)
        found = self.get_queryset()
        if project:
            found = found.filter(project__slug=project)
        if status:
            found = found.filter(status=status)
        if reaction is not None:
            found = found.filter(reaction=reaction)
        if search:
            found = found.filter(_matches(search))
        page = page_of(found, request)
        return self.page(
            {
                "page": page,
                "runs": page.rows,
                "projects": projects,
                "statuses": STATUSES,
                "project": project,
                "status": status,
                "reaction": reaction,
                "search": search,
                "is_filtered": bool(project or status or reaction or search),
            }
        )

    def _reaction(self, request: HttpRequest) -> Reaction | None:
        wanted = words(request, "reaction", 36)
        try:
            return visible(Reaction.objects.filter(pk=wanted), self.caller).first() if wanted else None
        except ValidationError:
            return None


class RunDetail(ScopedPage):
    queryset = Run.objects.select_related(
        "project__team", "event__trigger", "reaction", "action_version__action", "replay_of", "requested_by"
    ).defer(*BODIES_OF_EVENT)
    template_name = "actions/run_detail.html"

    def get(self, request: HttpRequest, uid: Any) -> HttpResponseBase:
        run = self.visible_one(self.queryset.all(), uid=uid)
        tail = last_lines(chunks_of(self, run))
        return self.page({**state_of(self, run), **log_of(run, tail)})


class RunLog(ScopedPage):
    """The fragment that a running run's page asks for: new lines, and the run's state when it changed."""

    queryset = RunDetail.queryset
    template_name = "actions/_run_log.html"

    def get(self, request: HttpRequest, uid: Any) -> HttpResponseBase:
        run = self.visible_one(self.queryset.all(), uid=uid)
        if not getattr(request, "htmx", False):
            return redirect("run-detail", uid=run.uid)
        tail = lines_after(chunks_of(self, run), request.GET.get("after", ""))
        context = log_of(run, tail)
        if request.GET.get("state") != context["state"]:
            context |= state_of(self, run) | {"is_changed": True}
        return self.page(context)


class RunCommand(ScopedPage):
    """POST only: retry, replay or cancel, and then the page of the run that this concerns."""

    queryset = Run.objects.select_related("project", "reaction", "event__trigger", "action_version__action")
    done = ""

    def command(self, caller: Caller, run: Run, request: HttpRequest) -> Run | None:
        raise NotImplementedError

    def post(self, request: HttpRequest, uid: Any) -> HttpResponseBase:
        run = self.visible_one(self.queryset.all(), uid=uid)
        try:
            made = self.command(self.caller, run, request)
        except ValidationError as error:
            messages.error(request, " ".join(error.messages))
            made = None
        else:
            messages.success(request, self.done)
        return redirect("run-detail", uid=(made or run).uid)


class RunRetry(RunCommand):
    done = "Queued again, with the version of the action that it had."

    def command(self, caller: Caller, run: Run, request: HttpRequest) -> Run | None:
        return execution.retry(caller, run)


class RunReplay(RunCommand):
    done = "Replayed: this is the new run."

    def command(self, caller: Caller, run: Run, request: HttpRequest) -> Run | None:
        version = "same" if request.POST.get("version") == "same" else "current"
        return execution.replay(caller, run, version=version)


class RunCancel(RunCommand):
    done = "Asked to stop: it ends within a few seconds."

    def command(self, caller: Caller, run: Run, request: HttpRequest) -> Run | None:
        execution.cancel(caller, run)
        return None


def log_of(run: Run, tail: Tail) -> dict[str, Any]:
    return {
        "run": run,
        "tail": tail,
        "state": f"{run.status}.{run.attempt_count}",
        "polls": not run.is_finished or tail.has_more,
    }


def state_of(page: ScopedPage, run: Run) -> dict[str, Any]:
    """All of a run's page that changes while it runs, besides the log."""
    caller = page.caller
    is_waiting = run.status == RunStatus.QUEUED
    return {
        "attempts": visible(Attempt.objects.filter(run=run), caller).order_by("number"),
        "steps": _steps(run),
        "kind": kind_label(run.action_version.kind),
        "replays": visible(Run.objects.filter(replay_of=run), caller).order_by("pk")[:20],
        "may_run": may(caller, Verb.RUN, run),
        "may_replay": may(caller, Verb.REPLAY, run),
        "can_retry": run.status in _OVER,
        "current_version": run.action_version.action.version,
        "is_anybody_working": not is_waiting or is_anybody_working(),
    }


def _steps(run: Run) -> list[tuple[str, datetime | None, datetime | None, str]]:
    """The timeline: (word, when, the step before, tone)."""
    received, decided, started, finished = run.event.recorded_at, run.created_at, run.started_at, run.finished_at
    tone = {RunStatus.SUCCEEDED: "success", RunStatus.CANCELLED: "muted"}.get(RunStatus(run.status), "failure")
    return [
        ("Received", received, None, ""),
        ("Decided", decided, received, ""),
        ("Started", started, decided, ""),
        ("Finished", finished, started or decided, tone),
    ]


def _matches(search: str) -> Q:
    number = search.removeprefix("#")
    if number.isascii() and number.isdigit() and len(number) < 19:
        return Q(pk=int(number))
    return Q(reaction_name__icontains=search) | Q(event__subject__icontains=search)
