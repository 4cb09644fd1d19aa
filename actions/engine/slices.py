"""What a django-q2 worker does for a second: lets this process's engine run.

The engine lives as long as the process: one event loop that claims, carries out and flushes. It claims only while
slices keep coming (the permit), so a worker that is no longer fed, or that is being stopped, takes on nothing new.

A worker that leaves while its host goes on finishes all that it has in flight, since another is at work beside it; when
the host stops there is a limit, and what is not finished by then is handed back.
"""

import asyncio
import logging
import multiprocessing.util
import os
import time

import uvloop

from actions.engine.loop import Engine
from reactions_project import worker_life
from reactions_project.egress.policy import DEADLINE_SECONDS

log = logging.getLogger("reactions.engine")
# The longer, the less it costs to be idle: q2 passes each through three processes.
SLICE_SECONDS = 1.0
# Five slices: on a busy machine q2 may be late with the next one.
PERMIT_SECONDS = 5.0
# A request ends by its deadline, so that none is cut off; scripts may take an hour.
GRACE_SECONDS = {"http": DEADLINE_SECONDS + 1, "scripts": 20.0}
# Of a worker whose parent was killed: another host may be starting in its place already. And of a broken engine, since
# meanwhile nobody works here.
HURRIED_GRACE_SECONDS = 5.0
_LOOK_SECONDS = 0.2


class Host:
    """The engine of this process and the event loop that it lives on."""

    def __init__(self, cluster: str) -> None:
        self.pid = os.getpid()
        self.cluster = cluster
        self.loop = uvloop.new_event_loop()
        self.engine = Engine(cluster)
        self.stopping = False
        # Runs when q2 lets the worker end.
        multiprocessing.util.Finalize(self, _drain, args=(self,), exitpriority=100)

    def slice(self, seconds: float) -> None:
        if self.stopping or worker_life.takes_on_nothing():
            time.sleep(0.05)
            return
        self.engine.permit_until = time.monotonic() + PERMIT_SECONDS
        self.loop.run_until_complete(self.engine.run_for(seconds))

    def finish(self) -> None:
        """Take on nothing more and go on until nothing is in flight, or until there is a hurry."""
        self.engine.permit_until = 0.0
        while self.engine.in_flight and not (worker_life.is_stopping() or worker_life.is_orphaned()):
            worker_life.show_life()
            self.loop.run_until_complete(self.engine.run_for(_LOOK_SECONDS))

    def stop(self, grace: float) -> None:
        if self.stopping:
            return
        self.stopping = True
        self.loop.run_until_complete(self.engine.stop(grace))
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()


_host: Host | None = None


def dispatch_slice(cluster: str, seconds: float = SLICE_SECONDS) -> None:
    """Run this process's engine for a slice; a broken engine is thrown away and the next slice builds another."""
    global _host
    if _host is None or _host.pid != os.getpid():
        _host = Host(cluster)
    try:
        _host.slice(seconds)
    except Exception:
        broken, _host = _host, None
        log.exception("the engine of %s broke; a new one starts", cluster)
        try:
            broken.stop(HURRIED_GRACE_SECONDS)
        except Exception:
            log.exception("the broken engine could not be drained; its runs come back when their leases end")
        raise


def stop_now() -> None:
    """From a signal: take on nothing more."""
    if _host is not None and _host.pid == os.getpid():
        _host.engine.permit_until = 0.0


def _drain(host: Host) -> None:
    if host.pid != os.getpid() or host.stopping or asyncio._get_running_loop():
        return
    with worker_life.leaving():
        try:
            host.finish()
        except Exception:
            log.exception("the engine broke while it finished what was in flight")
        try:
            host.stop(HURRIED_GRACE_SECONDS if worker_life.is_orphaned() else GRACE_SECONDS[host.cluster])
        except Exception:
            log.exception("the engine could not be drained; its runs come back when their leases end")
