"""Runs a few child programs until told to stop, and leaves none behind.

Each child gets a session of its own, so that Ctrl-C reaches this process alone and every child is stopped in order by
a signal to its parent process only. A child that dies is started again; if this process is killed, the kernel ends
the children.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Program:
    name: str
    command: Sequence[str]
    environment: Mapping[str, str]


class Supervisor:
    """`grace` is how many seconds the children have to end after SIGTERM before they are killed."""

    def __init__(self, programs: Sequence[Program], say: Callable[[str], None], grace: float = 4.0) -> None:
        self._programs = programs
        self._say = say
        self._grace = grace
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._started: dict[str, float] = {}
        self._stopping = False

    def start(self) -> None:
        """Start every program; from here on SIGINT and SIGTERM mean stop."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: setattr(self, "_stopping", True))
        for program in self._programs:
            self._spawn(program)

    @property
    def is_stopping(self) -> bool:
        return self._stopping

    def wait(self) -> None:
        """Watch until a signal comes, then stop the children."""
        try:
            while not self._stopping:
                time.sleep(0.2)
                self._revive()
        finally:
            self.stop()

    def stop(self) -> None:
        """End all children, the web server first so that nothing new is accepted; returns when they are gone."""
        for child in self._children.values():
            with contextlib.suppress(ProcessLookupError):
                child.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + self._grace
        for child in self._children.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(max(0.05, deadline - time.monotonic()))
        for child in self._children.values():
            # The whole session: whatever a killed parent left behind goes too.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()

    def _revive(self) -> None:
        for program in self._programs:
            child = self._children[program.name]
            if child.poll() is None or self._stopping:
                continue
            if time.monotonic() - self._started[program.name] < 2:
                # It cannot live: do not spin.
                time.sleep(1)
            self._say(f"{program.name} ended with code {child.returncode}; starting it again.")
            self._spawn(program)

    def _spawn(self, program: Program) -> None:
        self._children[program.name] = subprocess.Popen(
            list(program.command),
            env=dict(program.environment),
            start_new_session=True,
            preexec_fn=_die_with_parent,
        )
        self._started[program.name] = time.monotonic()


def _die_with_parent() -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
