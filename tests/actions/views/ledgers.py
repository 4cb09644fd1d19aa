"""Events, decisions, runs and logs as rows, for pages that show them."""

from datetime import timedelta
from typing import Any

from actions.models import Attempt, Decision, LogChunk, Reaction, Run
from reactions_project import clock
from triggers.ledger import EventData, record
from triggers.models import Event


def event_of(project: Any, type: str = "DeploymentSucceeded", **more: Any) -> Event:
    more.setdefault("source", "catalog")
    more.setdefault("subject", "Core Web 1.2.0 to Production")
    more.setdefault("payload", {"Release": {"Number": "1.2.0"}})
    return record(EventData(type=type, project=project, **more)).event


def decision_of(event: Event, reaction: Reaction, verdict: str = "filtered", **more: Any) -> Decision:
    more.setdefault("reason", "environment is Staging, wanted Production")
    Event.objects.filter(pk=event.pk).update(matched_at=clock.now())
    return Decision.objects.create(
        event=event,
        reaction=reaction,
        reaction_name=reaction.name,
        reaction_version=reaction.version,
        project=reaction.project,
        verdict=verdict,
        at=clock.now(),
        **more,
    )


def run_of(event: Event, reaction: Reaction, status: str = "succeeded", **more: Any) -> Run:
    now = clock.now()
    version = reaction.action.versions.first()
    if status not in ("queued", "cancelled"):
        more = {"started_at": now - timedelta(seconds=2), "attempt_count": 1} | more
    if status not in ("queued", "running"):
        more = {"finished_at": now, "reason": "It is over."} | more
    run = Run.objects.create(
        project=reaction.project,
        team=reaction.project.team,
        event=event,
        reaction=reaction,
        reaction_name=reaction.name,
        reaction_version=reaction.version,
        action_version=version,
        executor="script" if reaction.action.kind == "script" else "http",
        status=status,
        max_attempts=version.max_attempts,
        **{"due_at": now, "created_at": now, **more},
    )
    if run.started_at:
        Attempt.objects.create(run=run, number=1, started_at=run.started_at, finished_at=run.finished_at, outcome="ok")
    return run


def log_of(run: Run, *lines: str, first: int = 1, stream: str = "stdout", level: str = "info") -> None:
    attempt = run.attempts.get(number=1)
    LogChunk.objects.bulk_create(
        LogChunk(attempt=attempt, sequence=first + n, stream=stream, level=level, text=line, at=clock.now())
        for n, line in enumerate(lines)
    )
