"""How much of a team may wait to be decided and executed before its deliveries are turned away (SEC-90).

Who counts runs lives above this layer and registers itself. The answer is remembered for a second: a ceiling is no
precise number, and every delivery asks.
"""

import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet

from triggers.models import Event

_REMEMBERED_SECONDS = 1.0
# (team, most) -> how much of it waits; no more than `most` need be counted.
Counter = Callable[[UUID, int], int]


class Ceiling:
    """Of this process. `uptime` gives seconds."""

    def __init__(self, uptime: Callable[[], float] = time.monotonic) -> None:
        self._uptime = uptime
        self._counters: list[Counter] = [unmatched_events]
        self._told: dict[UUID, tuple[float, bool]] = {}

    def add(self, counter: Counter) -> None:
        """Called once, when an app is ready."""
        if counter not in self._counters:
            self._counters.append(counter)

    def is_reached(self, team_id: UUID) -> bool:
        """Whether as much waits of this team as is allowed."""
        most: int = settings.REACTIONS_QUEUE_CEILING
        if not most:
            return False
        now = self._uptime()
        at, told = self._told.get(team_id, (0.0, False))
        if team_id in self._told and now - at < _REMEMBERED_SECONDS:
            return told
        if len(self._told) > 1_000:
            self._told.clear()
        told = any(counter(team_id, most) >= most for counter in self._counters)
        self._told[team_id] = now, told
        return told


def unmatched_events(team_id: UUID, most: int) -> int:
    """Events that no worker has decided yet; all of them while they are fewer, which costs an index of what waits."""
    waiting = Event.objects.filter(matched_at=None).order_by()
    return counted(waiting, "project__team", team_id, most)


def counted(waiting: QuerySet[Any], column: str, team_id: UUID, most: int) -> int:
    """At most `most`: of everybody while that is less, and of the team only when it is not."""
    everybodys = waiting[:most].count()
    return everybodys if everybodys < most else waiting.filter(**{column: team_id})[:most].count()


ceiling = Ceiling()
