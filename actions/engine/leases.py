"""Leases: a worker owns a run for a few seconds and renews; what it does not finish it hands back."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F

from accounts import keys
from actions.models import Attempt, Run
from reactions_project import clock


def renew(run_ids: Sequence[int], token: str, now: datetime, seconds: float) -> set[int]:
    """Extend the leases that are still ours; returns their ids."""
    ours = Run.objects.filter(pk__in=run_ids, lease_token=token, status="running")
    ours.update(lease_until=now + timedelta(seconds=seconds))
    return set(ours.values_list("pk", flat=True))


def cancelled_among(run_ids: Sequence[int]) -> list[int]:
    """Those of the runs in hand that somebody asked to stop."""
    wanted = Run.objects.filter(pk__in=run_ids, status="running", cancel_requested_at__isnull=False)
    return list(wanted.values_list("pk", flat=True))


@transaction.atomic
def hand_back(runs: Sequence[Run], token: str) -> None:
    """On a stop: what was claimed and not finished. HTTP runs are queued again as if never claimed; a script that was
    stopped half-way is interrupted, unless its action says that it may be repeated."""
    now = clock.now()
    for run in runs:
        held = Run.objects.filter(pk=run.pk, lease_token=token, status="running")
        Attempt.objects.filter(run=run, number=run.attempt_count, finished_at=None).update(
            finished_at=now, outcome="stopped", reason="The worker was stopped."
        )
        keys.revoke_run_tokens(run.uid)
        if run.executor == "http" or run.is_repeatable:
            held.update(
                status="queued",
                due_at=now,
                lease_until=None,
                lease_token="",
                attempt_count=F("attempt_count") - (1 if run.executor == "http" else 0),
                reason="Its worker was stopped; another one takes it over.",
            )
        else:
            held.update(
                status="interrupted",
                lease_until=None,
                lease_token="",
                finished_at=now,
                outcome="interrupted",
                reason="The worker was stopped in the middle of the script. It is not repeated by itself, since it may "
                "have done half of its work: look at the log, then retry it.",
            )
