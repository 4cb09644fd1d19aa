"""The time by which leases are kept: the database's on PostgreSQL, so that hosts need not agree; between two readings
it goes on with the machine's uptime, so that a clock that is set ends no lease and lengthens none."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Q

from actions.models import Run
from reactions_project import clock

# Corrections of this size are usual when a machine follows a time server.
JUMP_SECONDS = 2.0


class SteadyTime:
    """`uptime` gives seconds that only ever grow, whatever the clock says."""

    def __init__(self, reading: datetime, uptime: Callable[[], float] = time.monotonic) -> None:
        self._uptime = uptime
        # One value, since threads ask while another one follows.
        self._since = reading, uptime()

    def now(self) -> datetime:
        reading, at = self._since
        return reading + timedelta(seconds=self._uptime() - at)

    def follow(self, reading: datetime) -> float:
        """Take over what the clock says now; seconds by which it was set forward (or back, below nought), 0 when it
        only went on."""
        ahead = (reading - self.now()).total_seconds()
        self._since = reading, self._uptime()
        return ahead if abs(ahead) >= JUMP_SECONDS else 0.0


def read_clock() -> datetime:
    """What everybody who shares the database takes for the time."""
    if connection.vendor != "postgresql":
        return clock.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        reading: datetime = cursor.fetchone()[0]
    return reading


def mend_future(executor: str, now: datetime, lease_seconds: float) -> int:
    """After a clock was set back: what was written by the former time must wait for it no longer. Runs that nobody has
    tried are due at once, and a lease ends within its length again. Returns how many rows it changed."""
    fresh = Q(status="queued", executor=executor, attempt_count=0, due_at__gt=now, created_at__gt=now)
    mended = Run.objects.filter(fresh).update(due_at=now)
    longest = now + timedelta(seconds=lease_seconds)
    return mended + Run.objects.filter(status="running", lease_until__gt=longest).update(lease_until=longest)
