"""One running script as a process tree: start it, pump its output, and be sure that nothing of it survives.

Kept apart from asyncio's own subprocess support because that waits for the pipes to close, which a survivor of the
script may never let happen (SEC-52), and because it behaves differently under uvloop.
"""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

from actions.scripts.base import Limits, Stream

RUN_MARKER = "REACTIONS_RUN"
LAUNCHER = Path(str(resources.files("actions.scripts") / "bootstrap" / "launch.py"))
_CHUNK = 64 * 1024
_PATIENCE = 5.0
_LAST_WORDS = 1.0


@dataclass(frozen=True, slots=True)
class Launch:
    """Everything needed to start one tree. `descriptors` are inherited by it, all others are closed."""

    run_id: str
    command: Sequence[str]
    directory: Path
    environment: Mapping[str, str]
    sandboxed: bool
    limits: Mapping[str, int]
    cgroups: Sequence[Path] = ()
    descriptors: Sequence[int] = field(default=())


def resource_limits(limits: Limits, timeout: float) -> dict[str, int]:
    """Limits for every process of the tree. Of memory, what can be written is counted; not the
    address space, of which .NET and others reserve far more than they use."""
    return {
        "RLIMIT_CPU": max(1, min(limits.cpu_seconds, int(timeout) + 5)),
        "RLIMIT_FSIZE": limits.file_bytes,
        "RLIMIT_NOFILE": limits.open_files,
        "RLIMIT_DATA": limits.memory_bytes,
        "RLIMIT_CORE": 0,
    }


class ProcessTree:
    """Start it from a thread that lives as long as the run: the kernel ties the tree's life to that thread."""

    def __init__(self, launch: Launch) -> None:
        self._run_id = launch.run_id
        self._sandboxed = launch.sandboxed
        self._exited = asyncio.Event()
        self._pipes: dict[int, Stream] = {}
        self._all_closed = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._receive: Callable[[Stream, bytes], None] = lambda _stream, _data: None
        orders = {
            "parent": os.getpid(),
            "sandboxed": launch.sandboxed,
            "command": list(launch.command),
            "environment": dict(launch.environment),
            "directory": str(launch.directory),
            "limits": dict(launch.limits),
            "cgroups": [str(path / "cgroup.procs") for path in launch.cgroups],
        }
        with contextlib.ExitStack() as opened:
            orders_fd = memory_file("orders", json.dumps(orders).encode())
            opened.callback(os.close, orders_fd)
            ends = {}
            for stream in (Stream.STDOUT, Stream.STDERR):
                reading, writing = os.pipe()
                os.set_blocking(reading, False)
                self._pipes[reading] = stream
                ends[stream] = writing
                opened.callback(os.close, writing)
            try:
                self._process = subprocess.Popen(
                    [sys.executable, "-I", "-S", "-B", str(LAUNCHER), str(orders_fd)],
                    stdin=subprocess.DEVNULL,
                    stdout=ends[Stream.STDOUT],
                    stderr=ends[Stream.STDERR],
                    env={},
                    pass_fds=(orders_fd, *launch.descriptors),
                    start_new_session=True,
                    cwd="/",
                )
                self._pidfd = os.pidfd_open(self._process.pid)
            except BaseException:
                for reading in self._pipes:
                    os.close(reading)
                raise
        self._loop.add_reader(self._pidfd, self._on_exit)

    @property
    def pid(self) -> int:
        return self._process.pid

    def read_into(self, receive: Callable[[Stream, bytes], None]) -> None:
        self._receive = receive
        for descriptor in self._pipes:
            self._loop.add_reader(descriptor, self._on_readable, descriptor)

    async def wait(self) -> int:
        """The exit code, once the leader has ended and its output is read. Survivors are not waited for."""
        await self._exited.wait()
        # The launcher or the sandbox took all survivors along; only what is already in the pipes is still of interest.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._all_closed.wait(), _LAST_WORDS)
        code = self._process.returncode
        return code if code >= 0 else 128 - code

    async def kill(self) -> None:
        """Ends the whole tree and returns when it is gone, or after a bounded time."""
        self._signal_leader()
        try:
            await asyncio.wait_for(self._exited.wait(), _PATIENCE)
        except TimeoutError:
            self._signal(signal.SIGKILL)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._exited.wait(), _PATIENCE)
        finally:
            self.close()

    def close(self) -> None:
        """Immediate and final; safe to call twice. For a tree that `kill` could not finish in time it is the last
        resort."""
        if self._process.poll() is None:
            self._signal(signal.SIGKILL)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_LAST_WORDS)
        if not self._sandboxed:
            sweep_marked(self._run_id)
        for descriptor in list(self._pipes):
            self._close_pipe(descriptor)
        if self._pidfd >= 0:
            self._loop.remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = -1

    def _signal_leader(self) -> None:
        # A launcher that supervises ends its descendants itself, and must not be frozen while it should.
        if self._sandboxed:
            self._signal(signal.SIGKILL)
        else:
            self._signal(signal.SIGTERM)
            self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, number)

    def _on_exit(self) -> None:
        if self._process.poll() is not None:
            self._loop.remove_reader(self._pidfd)
            self._exited.set()

    def _on_readable(self, descriptor: int) -> None:
        try:
            data = os.read(descriptor, _CHUNK)
        except BlockingIOError:
            return
        if data:
            self._receive(self._pipes[descriptor], data)
        else:
            self._close_pipe(descriptor)

    def _close_pipe(self, descriptor: int) -> None:
        if self._pipes.pop(descriptor, None) is not None:
            self._loop.remove_reader(descriptor)
            os.close(descriptor)
        if not self._pipes:
            self._all_closed.set()


def memory_file(name: str, content: bytes) -> int:
    """An anonymous file in memory, positioned at its start: for content that must touch neither disk nor argv."""
    descriptor = os.memfd_create(name)
    with open(descriptor, "wb", closefd=False) as target:
        target.write(content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def sweep_marked(run_id: str) -> int:
    """Kills what carries the run's marker in its environment: without a sandbox, the net below the launcher's own."""
    marker = f"{RUN_MARKER}={run_id}".encode()
    killed = 0
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if marker in (entry / "environ").read_bytes().split(b"\0"):
                os.kill(int(entry.name), signal.SIGKILL)
                killed += 1
        except OSError:
            continue
    return killed
