"""Whose due runs are left for later, so that one team's flood delays nobody else (SEC-90)."""

from collections import Counter
from datetime import datetime
from typing import Any

from actions.models import Run


def crowded_teams(executor: str, in_flight: Counter[Any], slots: int, now: datetime) -> set[Any]:
    """Teams that hold their share of the slots while another team has something due. A team alone may take all."""
    if sum(in_flight.values()) < slots // 4:
        return set()
    due = Run.objects.filter(status="queued", executor=executor, due_at__lte=now)
    others_wait = due.exclude(team__in=list(in_flight)).exists() if len(in_flight) == 1 else True
    if not others_wait:
        return set()
    share = max(1, slots // (len(in_flight) + 1))
    return {team for team, count in in_flight.items() if count >= share}
