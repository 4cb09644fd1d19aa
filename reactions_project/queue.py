"""django-q2, and the only importer of it: it hosts, supervises and restarts the workers of a host.

Its queue holds no state. For the clusters `http` and `scripts` a small broker hands each worker endless slices of half
a second, in which the engine claims due runs; the housekeeping cluster has q2's own database broker and schedules.

What q2 does not survive by itself is mended here: a signal to the whole process group (its sentinel would die and its
parent hang), a killed worker that took the queue's lock along (the cluster would stall for ever), and a killed parent
(its children would go on).
"""

import ctypes
import logging
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import django_q.cluster
from django.conf import settings
from django.db import connections
from django_q.brokers import Broker
from django_q.conf import Conf
from django_q.models import Schedule
from django_q.signals import post_spawn
from django_q.signing import SignedPackage

log = logging.getLogger("reactions.worker")
CLUSTERS = ("http", "scripts", "housekeeping")
SLICE_FUNCTION = "actions.tasks.dispatch_slice"
HOUSEKEEPING_FUNCTION = "actions.tasks.keep_house"
# Without a slice for this long a cluster is stalled and is started anew.
STALL_SECONDS = 20.0
STOP_SECONDS = 30.0
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)

# Shared with all descendants of a cluster: when its last slice began, by the monotonic clock.
_ticks: dict[str, Any] = {}
_on_stop: list[Callable[[], None]] = []


class SliceBroker(Broker):  # type: ignore[misc]
    """Always has one more slice to give; the bounded queue of q2 makes it wait."""

    def dequeue(self) -> list[tuple[None, str]]:
        task = {
            "id": f"slice-{self.list_key}",
            "name": f"slice-{self.list_key}",
            "func": SLICE_FUNCTION,
            "args": (self.list_key,),
            "kwargs": {},
            "save": False,
            "ack_failure": True,
        }
        return [(None, SignedPackage.dumps(task))]

    def ping(self) -> bool:
        return True

    def queue_size(self) -> int:
        return 0

    def info(self) -> str:
        return "slices"


def tick(cluster: str) -> None:
    """A slice began: the cluster is alive."""
    if cluster in _ticks:
        _ticks[cluster].value = time.monotonic()


def when_stopping(function: Callable[[], None]) -> None:
    """Called in a worker when it is told to stop, before q2 lets it end."""
    _on_stop.append(function)


class _Sentinel(django_q.cluster.Sentinel):  # type: ignore[misc]
    """Ignores signals that were sent to the whole group, and dies with its parent; its children likewise."""

    def start(self) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        _die_with_parent(signal.SIGKILL)
        os.register_at_fork(after_in_child=lambda: _die_with_parent(signal.SIGKILL))
        super().start()


def _in_worker(**_: Any) -> None:
    """q2's post_spawn signal: SIGTERM, be it to the group or because the parent died, stops claiming and leaves time to
    finish; who is stuck is ended by a timer."""
    _die_with_parent(signal.SIGTERM)
    parent = os.getppid()

    def stop(*_: Any) -> None:
        for function in _on_stop:
            function()
        threading.Thread(target=_end_when_orphaned, args=(parent,), daemon=True).start()

    signal.signal(signal.SIGTERM, stop)


def _end_when_orphaned(parent: int) -> None:
    deadline = time.monotonic() + STOP_SECONDS
    while time.monotonic() < deadline:
        if os.getppid() != parent:
            # Nobody will send STOP any more: a few seconds for what is in flight, then go.
            time.sleep(3)
            os._exit(1)
        time.sleep(0.2)
    os._exit(1)


class Host:
    """The clusters of this host under one parent process."""

    def __init__(self, names: Sequence[str] = CLUSTERS) -> None:
        self._names = tuple(names)
        self._clusters: dict[str, django_q.cluster.Cluster] = {}
        self._stop = False

    def run(self) -> None:
        """Start the clusters and watch them until SIGTERM or SIGINT; returns when all have stopped."""
        django_q.cluster.Sentinel = _Sentinel
        post_spawn.connect(_in_worker, dispatch_uid="reactions-worker")
        ensure_schedules()
        connections.close_all()
        for name in self._names:
            self._start(name)
        self._catch_signals()
        try:
            while not self._stop:
                time.sleep(0.2)
                for name in self._names:
                    if not self._stop and not self._is_well(name):
                        self._restart(name)
        finally:
            self._stop_all()

    def _catch_signals(self) -> None:
        # Cluster() installs handlers of its own, which stop one cluster from inside the handler.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: setattr(self, "_stop", True))

    def _start(self, name: str) -> None:
        _configure(name)
        _ticks[name] = multiprocessing.Value("d", time.monotonic())
        cluster = django_q.cluster.Cluster()
        self._clusters[name] = cluster
        cluster.start()
        _ticks[name].value = time.monotonic()

    def _is_well(self, name: str) -> bool:
        if not self._clusters[name].sentinel.is_alive():
            log.error("the %s cluster ended; starting it again", name)
            return False
        if name != "housekeeping" and time.monotonic() - _ticks[name].value > STALL_SECONDS:
            log.error("the %s cluster stalled; starting it again", name)
            return False
        return True

    def _restart(self, name: str) -> None:
        sentinel = self._clusters[name].sentinel
        if sentinel.is_alive():
            # Its children follow it (see _Sentinel).
            sentinel.kill()
        sentinel.join(5)
        self._start(name)
        self._catch_signals()

    def _stop_all(self) -> None:
        for cluster in self._clusters.values():
            if cluster.stop_event is not None:
                cluster.stop_event.set()
        deadline = time.monotonic() + STOP_SECONDS
        for name, cluster in self._clusters.items():
            cluster.sentinel.join(max(0.1, deadline - time.monotonic()))
            if cluster.sentinel.is_alive():
                log.error("the %s cluster did not stop in time and is killed", name)
                cluster.sentinel.kill()


def _configure(name: str) -> None:
    """q2 reads its settings once, at import; each cluster here is forked after they were set for it."""
    configured: dict[str, Any] = dict(settings.Q_CLUSTER)
    others: dict[str, dict[str, Any]] = configured.pop("ALT_CLUSTERS")
    wanted = {**configured, **others.get(name, {})}
    Conf.CLUSTER_NAME = name
    Conf.BROKER_CLASS = wanted.get("broker_class")
    Conf.WORKERS = wanted["workers"]
    Conf.QUEUE_LIMIT = wanted["queue_limit"]
    Conf.SAVE_LIMIT = wanted["save_limit"]
    Conf.RECYCLE = wanted.get("recycle", 500)
    Conf.MAX_RSS = wanted.get("max_rss")
    Conf.TIMEOUT = wanted["timeout"]
    Conf.RETRY = wanted["retry"]
    Conf.GUARD_CYCLE = wanted["guard_cycle"]
    Conf.SCHEDULER = wanted.get("scheduler", True)
    Conf.POLL = wanted.get("poll", 2)


def ensure_schedules() -> None:
    """Housekeeping runs every few minutes; made again if somebody deleted it."""
    Schedule.objects.update_or_create(
        name="housekeeping",
        defaults={"func": HOUSEKEEPING_FUNCTION, "schedule_type": Schedule.MINUTES, "minutes": 5, "repeats": -1},
    )


def _die_with_parent(number: int) -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, int(number))
