"""The life of a worker process, as far as it and its host tell each other: it shows that it is alive; it leaves when it
is worn out or was sent SIGTERM, and finishes beside its successor what it has in flight; and it stops with its host."""

import contextlib
import math
import multiprocessing
import os
import resource
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from reactions_project.orphans import die_with_parent

# The longest that the engine takes to finish and hand back what it has in flight (actions/engine/slices.py).
STOP_SECONDS = 37.0
# How long a worker whose parent was killed may take for it.
ORPHAN_SECONDS = 10.0


def _shared(code: str) -> Any:
    # Without a lock: whoever is killed would take it along.
    return multiprocessing.Value(code, 0, lock=False)


@dataclass(frozen=True)
class Watch:
    """Of one cluster, shared by its host and all of its processes. A worker is worn out after so many slices, or when
    it has grown to so many kB."""

    slices: float = math.inf
    kilobytes: float = math.inf
    # When its last slice began, by the monotonic clock.
    tick: Any = field(default_factory=lambda: _shared("d"))
    # Whether a worker that has been replaced is still finishing.
    has_leaver: Any = field(default_factory=lambda: _shared("b"))


watches: dict[str, Watch] = {}
_stopping = _shared("b")
_on_stop: list[Callable[[], None]] = []
# Of a worker: who started it, whether it is at work, whether it was told to leave, what it has done.
_parent = 0
_is_busy = False
_is_told = False
_slices = 0
_seen_at = 0.0


def stop_all() -> None:
    """In the host: every worker of every cluster stops."""
    _stopping.value = 1


def begin() -> None:
    """In a new worker: SIGTERM, be it to the group, to itself or because the parent died, stops claiming and leaves
    time to finish."""
    global _parent
    die_with_parent(signal.SIGTERM)
    _parent = os.getppid()
    signal.signal(signal.SIGTERM, lambda *_: _told())


def _told() -> None:
    global _is_told
    _is_told = True
    for function in _on_stop:
        function()
    _watch_the_end()
    if is_orphaned() and not _is_busy:
        # It waits for work that nobody will give; its finalizers drain.
        raise SystemExit(1)


def when_told(function: Callable[[], None]) -> None:
    """Called in a worker when it is sent SIGTERM, before it is let go."""
    _on_stop.append(function)


def is_stopping() -> bool:
    """Whether the host is being stopped."""
    return bool(_stopping.value)


def is_orphaned() -> bool:
    """Whether the parent was killed, so that nobody will tell this worker to stop."""
    return bool(_parent) and os.getppid() != _parent


def takes_on_nothing() -> bool:
    """Whether slices that q2 still has in hand need not last."""
    return _is_told or is_stopping()


def wants_to_leave(cluster: str) -> bool:
    """Whether to be replaced now. Who is worn out waits until a former one has gone, so that there are never more than
    twice as many workers however long their scripts take."""
    if is_stopping():
        return False
    watch = watches.get(cluster)
    return _is_told or (watch is not None and _is_worn_out(watch) and not watch.has_leaver.value)


def _is_worn_out(watch: Watch) -> bool:
    return _slices >= watch.slices or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >= watch.kilobytes


@contextlib.contextmanager
def at_work(cluster: str) -> Iterator[None]:
    """Around every slice: it shows that the cluster is alive, and is not broken off."""
    global _slices
    _slices += 1
    if cluster in watches:
        watches[cluster].tick.value = time.monotonic()
    with _busy():
        yield


@contextlib.contextmanager
def leaving() -> Iterator[None]:
    """Around what a worker finishes after its last slice, which is not broken off either."""
    _watch_the_end()
    with _busy():
        yield


@contextlib.contextmanager
def _busy() -> Iterator[None]:
    global _is_busy
    show_life()
    _is_busy = True
    try:
        yield
    finally:
        _is_busy = False


def show_life() -> None:
    """That this process is not stuck; what it finishes may take as long as a script does."""
    global _seen_at
    _seen_at = time.monotonic()


def _watch_the_end() -> None:
    show_life()
    threading.Thread(target=_end_when_stuck, daemon=True).start()


def _end_when_stuck() -> None:
    ends = math.inf
    while time.monotonic() < min(ends, _seen_at + STOP_SECONDS):
        if is_orphaned():
            ends = min(ends, time.monotonic() + ORPHAN_SECONDS)
        time.sleep(0.2)
    os._exit(1)
