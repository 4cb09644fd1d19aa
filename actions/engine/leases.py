"""Leases: a worker owns a run for a few seconds and renews; what it does not finish it hands back."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import F

from accounts import keys
from actions.execution import end_cancelled
from actions.models import Attempt, Run
from reactions_project import clock
from reactions_project.prepared import fetched, many


def renew(run_ids: Sequence[int], token: str, now: datetime, seconds: float) -> set[int]:
    """Extend the leases that are still ours; returns their ids."""
    ours = Run.objects.filter(pk__in=run_ids, lease_token=token, status="running")
    ours.update(lease_until=now + timedelta(seconds=seconds))
    return set(ours.values_list("pk", flat=True))


def still_held(runs: Iterable[Run], token: str) -> dict[tuple[int, int], bool]:
    """Locks those of the runs that `token` holds; by id and the number of the present try, whether somebody asked to
    stop it. Another number is of a former try, whose lease ended before the same worker claimed the run again."""
    among, locking = (
        ("IN (SELECT value FROM json_each(%s))", "")
        if connection.vendor == "sqlite"
        else ("= ANY(%s)", " ORDER BY id FOR UPDATE")
    )
    found = fetched(
        "SELECT id, attempt_count, cancel_requested_at IS NOT NULL FROM actions_run"  # noqa: S608 # nosec B608
        f" WHERE id {among} AND lease_token = %s AND status = 'running'{locking}",
        [many(run.pk for run in runs), token],
    )
    return {(pk, number): bool(is_cancelled) for pk, number, is_cancelled in found}


def cancelled_among(run_ids: Sequence[int]) -> list[int]:
    """Those of the runs in hand that somebody asked to stop."""
    wanted = Run.objects.filter(pk__in=run_ids, status="running", cancel_requested_at__isnull=False)
    return list(wanted.values_list("pk", flat=True))


@transaction.atomic
def return_unstarted(runs: Sequence[Run], token: str) -> None:
    """On a stop: what was claimed and not begun is queued as if it had never been claimed, scripts too."""
    held = still_held(runs, token)
    for run in runs:
        if (run.pk, run.attempt_count) not in held:
            # Another worker may have it by now, and the keys that it gave it.
            continue
        Attempt.objects.filter(run=run, number=run.attempt_count, finished_at=None).delete()
        keys.revoke_run_tokens(run.uid)
        Run.objects.filter(pk=run.pk).update(
            status="queued",
            lease_until=None,
            lease_token="",
            attempt_count=F("attempt_count") - 1,
            started_at=None if run.attempt_count == 1 else run.started_at,
        )
    end_cancelled([run_id for run_id, _ in held], clock.now())


@transaction.atomic
def hand_back(begun: Iterable[tuple[Run, datetime]], token: str, worker: str) -> None:
    """On a stop: what was begun, and when, and is not finished. The try stays in the history, since what was sent may
    have arrived. A request is sent again; a script that was stopped half-way is interrupted, unless its action says
    that it may be repeated. What was to be cancelled is."""
    now = clock.now()
    stopped = {"finished_at": now, "outcome": "stopped", "reason": "The worker was stopped."}
    begun = list(begun)
    held = still_held([run for run, _ in begun], token)
    for run, started_at in begun:
        if (run.pk, run.attempt_count) not in held:
            continue
        is_http = run.executor == "http"
        if is_http:
            Attempt.objects.create(run=run, number=run.attempt_count, worker=worker, started_at=started_at, **stopped)
        else:
            Attempt.objects.filter(run=run, number=run.attempt_count, finished_at=None).update(**stopped)
            keys.revoke_run_tokens(run.uid)
        ours = Run.objects.filter(pk=run.pk)
        if is_http or run.is_repeatable or held[run.pk, run.attempt_count]:
            ours.update(
                status="queued",
                due_at=now,
                lease_until=None,
                lease_token="",
                # A stop uses up no try.
                max_attempts=F("max_attempts") + 1,
                reason="Its worker was stopped; another one takes it over.",
            )
        else:
            ours.update(
                status="interrupted",
                lease_until=None,
                lease_token="",
                finished_at=now,
                outcome="interrupted",
                reason="The worker was stopped in the middle of the script. It is not repeated by itself, since it may "
                "have done half of its work: look at the log, then retry it.",
            )
    end_cancelled([run_id for run_id, _ in held], now)
