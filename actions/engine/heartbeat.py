"""One row per executing process, so that health can tell who is alive and what it can do."""

import os
import socket
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.db.models import Q

from actions.models import Heartbeat

# A tenth of what a tired person waits before looking again, and one small write.
BEAT_SECONDS = 2.0
# A beat older than this is a process that is gone or stuck: seven in a row do not get lost on a busy machine.
STALE_SECONDS = 15.0
_VERSION = "0.1.0"


@dataclass
class Beat:
    """What this process says of itself."""

    cluster: str
    started_at: datetime
    facts: dict[str, Any] = field(default_factory=dict)
    host: str = field(default_factory=socket.gethostname)
    pid: int = field(default_factory=os.getpid)
    claimed_total: int = 0
    _row: int | None = None

    @property
    def worker(self) -> str:
        return f"{self.host}:{self.pid}"[:100]

    def beat(self, now: datetime, in_flight: int) -> None:
        changing = {"beat_at": now, "in_flight": in_flight, "claimed_total": self.claimed_total}
        # Somebody may have deleted it as one of a process long dead.
        if self._row is None or not Heartbeat.objects.filter(pk=self._row).update(**changing):
            row, _ = Heartbeat.objects.update_or_create(
                host=self.host[:100],
                pid=self.pid,
                cluster=self.cluster,
                defaults={"started_at": self.started_at, "version": _VERSION, "facts": self.facts, **changing},
            )
            self._row = row.pk

    def leave(self) -> None:
        Heartbeat.objects.filter(host=self.host[:100], pid=self.pid, cluster=self.cluster).delete()


def heard_of(now: datetime, within: float = STALE_SECONDS) -> Q:
    """Beats of processes that are alive, by the time of `read_clock`. One of the future was written before the clock
    was set back, by somebody who has not been heard of since."""
    margin = timedelta(seconds=within)
    return Q(beat_at__range=(now - margin, now + margin))


def living(now: datetime) -> list[Heartbeat]:
    """Processes that were heard of lately; those of this host only while they exist."""
    beats = Heartbeat.objects.filter(heard_of(now)).order_by("cluster", "pid")
    here = socket.gethostname()[:100]
    return [beat for beat in beats if beat.host != here or Path(f"/proc/{beat.pid}").exists()]


def forget_dead(now: datetime) -> None:
    """Rows of processes that ended without leaving; kept for an hour, so that health can name them."""
    Heartbeat.objects.filter(beat_at__lt=now - timedelta(hours=1)).delete()
