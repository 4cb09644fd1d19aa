"""Runs that ended badly and that nobody has looked after: grouped by cause, to be replayed or dismissed together.

A run is such a letter when it failed for good or was interrupted, was neither retried nor replayed since, and was not
dismissed.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import BooleanField, Count, Max, Min, QuerySet
from django.db.models.expressions import RawSQL

from accounts.callers import Caller
from accounts.permissions import visible
from actions.models import Run

# Written out as in the condition of the index run_dead_letter: SQLite does not see from parameters that it may use it,
# and would look through all of history.
_ENDED_BADLY = RawSQL(
    "(actions_run.status IN ('failed', 'interrupted') AND actions_run.dismissed_at IS NULL)",  # nosec B611 - no input
    [],
    output_field=BooleanField(),
)


def dead_letters(caller: Caller) -> QuerySet[Run]:
    """Those that the caller may see."""
    runs = Run.objects.filter(_ENDED_BADLY, replays=None)
    return visible(runs, caller)


@dataclass(frozen=True)
class Cause:
    """Letters that ended in the same way: outcome, target and reaction are the cause, the rest says how many and when.
    `sample` is the newest, and `up_to` its number."""

    outcome: str
    target: str
    project: UUID
    reaction: UUID | None
    reaction_name: str
    count: int
    first: datetime
    last: datetime
    sample: UUID
    up_to: int
    reason: str


def by_cause(letters: QuerySet[Run], most: int = 200) -> list[Cause]:
    """The most frequent first."""
    keys = ("outcome", "target_key", "project", "reaction", "reaction_name")
    rows = list(
        letters.order_by()
        .values(*keys)
        .annotate(count=Count("pk"), first=Min("finished_at"), last=Max("finished_at"), newest=Max("pk"))
        .order_by("-count", "-newest")[:most]
    )
    samples = Run.objects.in_bulk([row["newest"] for row in rows])
    return [
        Cause(
            outcome=row["outcome"],
            target=row["target_key"],
            project=row["project"],
            reaction=row["reaction"],
            reaction_name=row["reaction_name"],
            count=row["count"],
            first=row["first"],
            last=row["last"],
            sample=samples[row["newest"]].uid,
            up_to=row["newest"],
            reason=samples[row["newest"]].reason,
        )
        for row in rows
    ]
