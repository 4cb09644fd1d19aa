"""django-q2, and the only importer of it: it hosts, supervises and restarts the workers of a host.

Its queue holds no state. For the clusters `http` and `scripts` a small broker hands each worker endless slices of a
second, in which the engine claims due runs; the housekeeping cluster has q2's own database broker and schedules.

What q2 does not survive by itself is mended here: a signal to the whole process group (its sentinel would die and its
parent hang), a worker that was killed while it waited and took the queue's lock along (the cluster would stall for
ever), and a killed parent (its children would go on). And it would replace a worker only once that has ended, which may
take as long as a script does.
"""

import contextlib
import gc
import logging
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from typing import Any

import django_q.cluster
from django.conf import settings
from django.db import connections
from django_q.brokers import Broker
from django_q.conf import Conf
from django_q.models import Schedule
from django_q.signals import post_spawn
from django_q.signing import SignedPackage

from reactions_project import worker_life
from reactions_project.orphans import die_with_parent
from reactions_project.worker_life import STOP_SECONDS, Watch, watches

log = logging.getLogger("reactions.worker")
CLUSTERS = ("http", "scripts", "housekeeping")
SLICE_FUNCTION = "actions.tasks.dispatch_slice"
HOUSEKEEPING_FUNCTION = "actions.tasks.keep_house"
# Without a slice for this long, twenty times its length, a cluster is stalled and is started anew.
STALL_SECONDS = 20.0
# How late a stop, or the replacement of a cluster that ended, may begin.
_LOOK_SECONDS = 0.5
# What q2 writes in a worker's timer between two tasks.
_IDLE = -1
# And when it has let the worker go.
_LET_GO = -2


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


@contextlib.contextmanager
def slice_of(cluster: str) -> Iterator[None]:
    """Around every slice. A worker whose parent is gone leaves after it, and so does one that is to be replaced."""
    with worker_life.at_work(cluster):
        yield
    if worker_life.is_orphaned():
        raise SystemExit(1)
    if worker_life.wants_to_leave(cluster):
        # Of a worker that is larger than this, q2 lets go after the task.
        Conf.MAX_RSS = 1


class _Sentinel(django_q.cluster.Sentinel):  # type: ignore[misc]
    """Ignores signals that were sent to the whole group, and dies with its parent; its children likewise. Ends when a
    worker was killed that may have held the queue's lock, so that the host starts the cluster anew. Who leaves is
    replaced at once, and finishes beside its successor."""

    def start(self) -> None:
        self._leaving: list[Any] = []
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        die_with_parent(signal.SIGKILL)
        os.register_at_fork(after_in_child=lambda: die_with_parent(signal.SIGKILL))
        super().start()

    def look(self) -> None:
        """With every look of q2 at its workers."""
        self._leaving = [process for process in self._leaving if process.is_alive()]
        if not self.stop_event.is_set():
            for process in self._let_go():
                self.reincarnate(process)
        watches[Conf.CLUSTER_NAME].has_leaver.value = bool(self._leaving)

    def reincarnate(self, process: Any) -> None:
        is_worker = process not in (self.monitor, self.pusher)
        if is_worker and process.exitcode and process.timer.value == _IDLE:
            log.error("a worker of the %s cluster was killed while it waited for work", Conf.CLUSTER_NAME)
            os._exit(1)
        if process.is_alive():
            self._leaving.append(process)
        super().reincarnate(process)

    def stop(self) -> None:
        # They take none of the pills out of the queue that end the others.
        for process in self._let_go():
            self.pool.remove(process)
            self._leaving.append(process)
        super().stop()
        for process in self._leaving:
            process.join()

    def _let_go(self) -> list[Any]:
        return [process for process in self.pool if process.timer.value == _LET_GO and process.is_alive()]


class _Look:
    """In place of what q2 signs and puts into a cache with every look at its workers: heartbeats say it (trap 11)."""

    def __init__(self, sentinel: _Sentinel) -> None:
        self._sentinel = sentinel

    def save(self) -> None:
        self._sentinel.look()


def _begin_worker(**_: Any) -> None:
    worker_life.begin()


class _Cluster(django_q.cluster.Cluster):  # type: ignore[misc]
    """Installs its signal handler whenever one is made; a signal means the host, also while its clusters start."""

    def __init__(self, on_signal: Callable[[], None]) -> None:
        self._on_signal = on_signal
        super().__init__()

    def sig_handler(self, *_: Any) -> None:
        self._on_signal()


class Host:
    """The clusters of this host under one parent process."""

    def __init__(self, names: Sequence[str] = CLUSTERS) -> None:
        self._names = tuple(names)
        self._clusters: dict[str, _Cluster] = {}
        self._stop = False

    def run(self) -> None:
        """Start the clusters and watch them until SIGTERM or SIGINT; returns when all have stopped."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._want_stop())
        django_q.cluster.Sentinel = _Sentinel
        django_q.cluster.Stat = _Look
        post_spawn.connect(_begin_worker, dispatch_uid="reactions-worker")
        ensure_schedules()
        connections.close_all()
        # By its name, since the engine is above this. Before forking, or each worker would load the engine for itself.
        import_module(SLICE_FUNCTION.rpartition(".")[0])
        # What is loaded by now stays: looking through all of it for garbage stops a worker for 100 ms every few seconds
        # and makes each fork a copy of its own.
        gc.collect()
        gc.freeze()
        try:
            for name in self._names:
                if not self._stop:
                    self._start(name)
            while not self._stop:
                time.sleep(_LOOK_SECONDS)
                for name in self._names:
                    if not self._stop and not self._is_well(name):
                        self._restart(name)
        finally:
            self._stop_all()

    def _want_stop(self) -> None:
        self._stop = True
        # At once, so that no worker is replaced that a signal to the whole group has told to leave.
        worker_life.stop_all()

    def _start(self, name: str) -> None:
        watches[name] = _configure(name)
        cluster = _Cluster(self._want_stop)
        self._clusters[name] = cluster
        try:
            cluster.start()
        except RuntimeError:
            # A signal to the whole group also ends a sentinel that is not yet deaf to it.
            if not self._stop:
                raise
        watches[name].tick.value = time.monotonic()

    def _is_well(self, name: str) -> bool:
        if not self._clusters[name].sentinel.is_alive():
            log.error("the %s cluster ended; starting it again", name)
            return False
        if name != "housekeeping" and time.monotonic() - watches[name].tick.value > STALL_SECONDS:
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

    def _stop_all(self) -> None:
        worker_life.stop_all()
        for cluster in self._clusters.values():
            if cluster.stop_event is not None:
                cluster.stop_event.set()
        deadline = time.monotonic() + STOP_SECONDS
        for name, cluster in self._clusters.items():
            cluster.sentinel.join(max(0.1, deadline - time.monotonic()))
            if cluster.sentinel.is_alive():
                log.error("the %s cluster did not stop in time and is killed", name)
                cluster.sentinel.kill()


def _configure(name: str) -> Watch:
    """q2 reads its settings once, at import; each cluster here is forked after they were set for it. When a worker of
    slices is worn out is not for q2 to say."""
    configured: dict[str, Any] = dict(settings.Q_CLUSTER)
    others: dict[str, dict[str, Any]] = configured.pop("ALT_CLUSTERS")
    wanted = {**configured, **others.get(name, {})}
    Conf.CLUSTER_NAME = name
    Conf.BROKER_CLASS = wanted.get("broker_class")
    Conf.WORKERS = wanted["workers"]
    Conf.QUEUE_LIMIT = wanted["queue_limit"]
    Conf.SAVE_LIMIT = wanted["save_limit"]
    Conf.RECYCLE = 500 if name == "housekeeping" else 0
    Conf.MAX_RSS = None
    Conf.TIMEOUT = wanted["timeout"]
    Conf.RETRY = wanted["retry"]
    Conf.GUARD_CYCLE = wanted["guard_cycle"]
    Conf.SCHEDULER = wanted.get("scheduler", True)
    Conf.POLL = wanted.get("poll", 2)
    return Watch() if name == "housekeeping" else Watch(wanted["recycle"], wanted["max_rss"])


def ensure_schedules() -> None:
    """Housekeeping runs every few minutes; made again if somebody deleted it."""
    Schedule.objects.update_or_create(
        name="housekeeping",
        defaults={"func": HOUSEKEEPING_FUNCTION, "schedule_type": Schedule.MINUTES, "minutes": 5, "repeats": -1},
    )
