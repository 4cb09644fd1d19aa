"""Runs a few child programs until told to stop, and leaves none behind.

Each child gets a session of its own, so that Ctrl-C reaches this process alone and every child is stopped in order by
a signal to its parent process only. A child that dies is started again; if this process is killed, the kernel ends
the children.
"""

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NoReturn

from reactions_project.orphans import die_with_parent


@dataclass(frozen=True)
class Program:
    name: str
    command: Sequence[str]
    environment: Mapping[str, str]


# A little more than a worker takes at most to finish what is in flight (reactions_project.worker_life.STOP_SECONDS).
GRACE_SECONDS = 39.0
# An idle stop is shorter than this and needs no words.
_QUIET_SECONDS = 3.0


class Supervisor:
    """`grace` is how many seconds the children have to end after SIGTERM before they are killed; a second signal kills
    them at once."""

    def __init__(self, programs: Sequence[Program], say: Callable[[str], None], grace: float = GRACE_SECONDS) -> None:
        self._programs = programs
        self._say = say
        self._grace = grace
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._started: dict[str, float] = {}
        self._stopping = False
        self._hurry = False

    def start(self) -> None:
        """Start every program; from here on SIGINT and SIGTERM mean stop."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)
        for program in self._programs:
            self._spawn(program)

    def _on_signal(self, *_: Any) -> None:
        self._hurry = self._stopping
        self._stopping = True

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
        began = time.monotonic()
        has_said = False
        while not self._hurry and any(child.poll() is None for child in self._children.values()):
            waited = time.monotonic() - began
            if waited > self._grace:
                break
            if waited > _QUIET_SECONDS and not has_said:
                self._say("Finishing what is in flight; a second Ctrl-C ends it at once.")
                has_said = True
            time.sleep(0.05)
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
            preexec_fn=die_with_parent,
        )
        self._started[program.name] = time.monotonic()


@dataclass(frozen=True)
class Plan:
    """All that a supervisor must know. `greeting` is said once `host` answers on `port`."""

    programs: Sequence[tuple[str, Sequence[str]]]
    greeting: Sequence[str]
    host: str
    port: int


def become(plan: Plan, environment: Mapping[str, str]) -> NoReturn:
    """Turn this process into a supervisor of the plan, with the environment for all programs. A new interpreter in the
    same process, since Django and the demo would stay in memory for nothing (80 MB)."""
    # In memory and not on a command line, where everybody could read it.
    descriptor = os.memfd_create("plan", 0)
    with os.fdopen(os.dup(descriptor), "w") as file:
        json.dump(asdict(plan), file)
    sys.stdout.flush()
    sys.stderr.flush()
    command = [sys.executable, "-m", "reactions_project.supervisor", str(descriptor)]
    os.execve(sys.executable, command, dict(environment))  # noqa: S606 - ourselves


def supervise(plan: Plan, environment: Mapping[str, str]) -> None:
    """Run the plan until SIGINT or SIGTERM; returns when all have stopped."""
    supervisor = Supervisor([Program(name, command, environment) for name, command in plan.programs], _say)
    supervisor.start()
    try:
        _wait_until_up(plan, supervisor)
        if not supervisor.is_stopping:
            for line in plan.greeting:
                _say(line)
    finally:
        supervisor.wait()
    _say("Stopped.")


def _wait_until_up(plan: Plan, supervisor: Supervisor) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and not supervisor.is_stopping:
        connection = http.client.HTTPConnection(plan.host, plan.port, timeout=1)
        try:
            connection.request("GET", "/health/live")
            connection.getresponse()
        except (OSError, http.client.HTTPException):
            time.sleep(0.05)
        else:
            return
        finally:
            connection.close()
    if not supervisor.is_stopping:
        _say(f"The web server does not answer at {plan.host}:{plan.port} yet: see its messages above.")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    descriptor = int(sys.argv[1])
    os.lseek(descriptor, 0, os.SEEK_SET)
    with os.fdopen(descriptor) as file:
        plan = Plan(**json.load(file))
    supervise(plan, os.environ)


if __name__ == "__main__":
    main()
