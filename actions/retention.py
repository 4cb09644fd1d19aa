"""Removes what has grown old, in batches that hold the write lock for some milliseconds each (SEC-94)."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Exists, OuterRef, QuerySet

from accounts.models import RunToken
from actions.engine.heartbeat import forget_dead
from actions.engine.steady_time import read_clock
from actions.models import Attempt, Decision, LogChunk, Run
from reactions_project import clock
from triggers.models import Event

# A writer that waits notices less than 50 ms; half of that is left for machines that are slower at times.
LOCK_SECONDS = 0.025
# It begins where even a slow disk keeps within the time; beyond the largest one transaction costs as much for each row.
FIRST_BATCH, LARGEST_BATCH = 20, 1_000


@dataclass
class Pace:
    """How many rows one transaction deletes: fewer when the last took too long, more when it was quick. After each,
    everybody else has the database for as long as the deletion had it."""

    size: int = FIRST_BATCH
    timer: Callable[[], float] = time.perf_counter
    rest: Callable[[float], None] = time.sleep

    def take(self, delete: Callable[[], object]) -> None:
        begun = self.timer()
        delete()
        took = self.timer() - begun
        if took > LOCK_SECONDS:
            self.size = max(1, int(self.size * LOCK_SECONDS / took))
        elif took < LOCK_SECONDS / 2:
            self.size = min(LARGEST_BATCH, self.size * 2)
        self.rest(min(took, 0.2))


def clean_up(now: datetime | None = None) -> dict[str, int]:
    """Delete expired decisions, runs with their attempts and logs, events and run tokens; returns how many of each
    were deleted by themselves, which for runs is before what hangs on them."""
    now = now or clock.now()
    decided_before = now - timedelta(days=settings.REACTIONS_DECISION_RETENTION_DAYS)
    before = now - timedelta(days=settings.REACTIONS_RETENTION_DAYS)
    forget_dead(read_clock())
    decisions = _delete(Decision.objects.filter(at__lt=decided_before))
    # From the leaves up: one run may have more lines of log than a batch may delete.
    _delete(LogChunk.objects.filter(attempt__run__finished_at__lt=before))
    _delete(Attempt.objects.filter(run__finished_at__lt=before))
    return {
        "decisions": decisions,
        "runs": _delete(Run.objects.filter(finished_at__lt=before)),
        "events": _delete(
            Event.objects.filter(recorded_at__lt=before, matched_at__isnull=False).exclude(
                Exists(Run.objects.filter(event=OuterRef("pk")))
            )
        ),
        "tokens": _delete(RunToken.objects.filter(expires_at__lt=now - timedelta(days=1))),
    }


def _delete(rows: QuerySet[Any], pace: Pace | None = None) -> int:
    """Reading which rows are next takes no lock."""
    pace = pace or Pace()
    gone = 0
    while ids := list(rows.order_by().values_list("pk", flat=True)[: pace.size]):
        pace.take(rows.model._default_manager.filter(pk__in=ids).delete)
        gone += len(ids)
    return gone
