"""Whose due runs are left for later, so that one team's flood delays nobody else (SEC-90)."""

import time
from collections import Counter
from datetime import datetime
from typing import Any

from actions.models import Run

# So many runs of one claim make a team let the others go first in the next; fewer are what one event starts.
MANY = 5
# To find out that nobody else waits, all of a flood is looked through: not with every claim.
LOOK_SECONDS = 0.25


class Turns:
    """Of one process: who holds how much of it, and who was served last."""

    def __init__(self, executor: str, slots: int) -> None:
        self._executor = executor
        self._slots = slots
        self._served: set[Any] = set()
        self._next_turn = 0.0
        self._next_look = 0.0
        self._others_wait = False

    def crowded(self, in_flight: Counter[Any], now: datetime) -> set[Any]:
        """Teams that hold their share of the slots while another team has something due. A team alone may take all."""
        if sum(in_flight.values()) < self._slots // 4:
            return set()
        if len(in_flight) == 1 and not self._look_for_others(set(in_flight), now):
            return set()
        share = max(1, self._slots // (len(in_flight) + 1))
        return {team for team, count in in_flight.items() if count >= share}

    def standing_back(self) -> set[Any]:
        """Teams that were given many runs in the last claim: in this one the others are asked first."""
        return self._served if time.monotonic() >= self._next_turn else set()

    def nobody_else(self) -> None:
        """The others were asked and had nothing that could be begun."""
        self._next_turn = time.monotonic() + LOOK_SECONDS

    def served(self, teams: Counter[Any]) -> None:
        self._served = {team for team, count in teams.items() if count >= MANY}

    def _look_for_others(self, teams: set[Any], now: datetime) -> bool:
        if time.monotonic() >= self._next_look:
            due = Run.objects.filter(status="queued", executor=self._executor, due_at__lte=now)
            self._others_wait = due.exclude(team__in=teams).exists()
            self._next_look = time.monotonic() + LOOK_SECONDS
        return self._others_wait
