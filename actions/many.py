"""Replaying, cancelling and dismissing many runs at once: counted first, each with the checks of a single one."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import Count, Max, QuerySet

from accounts.audit import record
from accounts.callers import Caller
from accounts.permissions import visible
from accounts.roles import Verb
from actions import execution
from actions.models import Run
from actions.models.run import TERMINAL
from reactions_project import clock

# So many at most in one go, since whoever asked waits for it.
MOST_AT_ONCE = 1_000


@dataclass
class Done:
    """What became of many: how many went well, and of the others the first few with the reason."""

    count: int = 0
    refused: list[dict[str, str]] = field(default_factory=list)


def replay_many(caller: Caller, runs: QuerySet[Run], *, expected: int, version: str, per_second: int | None) -> Done:
    """Replay as many as were counted, oldest first, at most `per_second` each second. Raises ValidationError when their
    number is another by now: what was counted is what is replayed."""
    chosen = _counted(runs.filter(status__in=TERMINAL), expected)
    begin = clock.now()

    def one(run: Run, position: int) -> None:
        due = begin + timedelta(seconds=position / per_second) if per_second else None
        execution.replay(caller, run, version=version, due_at=due)

    return _each(chosen, one)


def cancel_many(caller: Caller, runs: QuerySet[Run], *, expected: int) -> Done:
    """Cancel as many as were counted, whether queued, held or running."""
    return _each(_counted(runs.exclude(status__in=TERMINAL), expected), lambda run, _: execution.cancel(caller, run))


def dismiss_many(caller: Caller, runs: QuerySet[Run], *, expected: int) -> Done:
    """Take letters off the list; nothing else changes."""
    chosen = _counted(runs, expected)
    allowed = set(
        visible(Run.objects.filter(pk__in=[run.pk for run in chosen]), caller, Verb.RUN).values_list("pk", flat=True)
    )

    def one(run: Run, _: int) -> None:
        if run.pk not in allowed:
            raise PermissionDenied(f"{caller.label} may not dismiss this run: ask an editor of the team.")
        with transaction.atomic():
            Run.objects.filter(pk=run.pk).update(dismissed_at=clock.now())
            record(caller, "dismiss", run, project=run.project)

    return _each(chosen, one)


@dataclass(frozen=True)
class Counted:
    """How many there are, and the newest of them: what comes later is not meant."""

    counted: int
    up_to: int


def count(runs: QuerySet[Run]) -> Counted:
    """What a later call is to act on; give it both numbers."""
    told = runs.order_by().aggregate(counted=Count("pk"), up_to=Max("pk"))
    return Counted(told["counted"], told["up_to"] or 0)


def _counted(runs: QuerySet[Run], expected: int) -> list[Run]:
    if expected > MOST_AT_ONCE:
        raise ValidationError(f"At most {MOST_AT_ONCE} at once: narrow the filter, for example by time.")
    found = list(runs.order_by("pk").select_related("project")[: expected + 1])
    if len(found) != expected:
        more = "more" if len(found) > expected else str(len(found))
        raise ValidationError(f"{expected} were counted and there are {more} now: count again.")
    return found


def _each(runs: list[Run], act: Callable[[Run, int], Any]) -> Done:
    done = Done()
    for run in runs:
        try:
            act(run, done.count)
        except (PermissionDenied, ValidationError) as error:
            if len(done.refused) < 20:
                reason = error.messages[0] if isinstance(error, ValidationError) else str(error)
                done.refused.append({"run": str(run.uid), "reason": reason})
        else:
            done.count += 1
    return done
