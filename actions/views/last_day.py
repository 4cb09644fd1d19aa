"""What reactions did in the last 24 hours, in one query for a whole list."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Count

from actions.models import Run, RunStatus
from reactions_project import clock

_PENDING = frozenset({RunStatus.QUEUED, RunStatus.HELD, RunStatus.RUNNING})
_FAILED = frozenset({RunStatus.FAILED, RunStatus.INTERRUPTED})


@dataclass
class LastDay:
    succeeded: int = 0
    failed: int = 0
    pending: int = 0
    cancelled: int = 0

    def add(self, status: str, count: int) -> None:
        if status == RunStatus.SUCCEEDED:
            self.succeeded += count
        elif status in _FAILED:
            self.failed += count
        elif status in _PENDING:
            self.pending += count
        else:
            self.cancelled += count


def last_day_of(reaction_ids: Iterable[Any]) -> dict[Any, LastDay]:
    since = clock.now() - timedelta(hours=24)
    rows = (
        Run.objects.filter(reaction__in=list(reaction_ids), created_at__gte=since)
        .order_by()
        .values_list("reaction", "status")
        .annotate(count=Count("pk"))
    )
    found: dict[Any, LastDay] = defaultdict(LastDay)
    for reaction, status, count in rows:
        found[reaction].add(status, count)
    return found
