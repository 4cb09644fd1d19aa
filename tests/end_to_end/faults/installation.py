"""A migrated database of its own, and the worker hosts on it as real processes that tests kill and stop."""

import contextlib
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dj_database_url
from django.contrib.contenttypes.models import ContentType
from django.db import connections
from django.db.utils import load_backend

from actions.engine.heartbeat import living
from actions.models import Heartbeat
from reactions_project import clock
from tests.end_to_end.server import ROOT, wait_until

LEASE_SECONDS = 3
# As long as the README says that a stop may take.
STOP_WITHIN_SECONDS = 40


@dataclass(frozen=True)
class Cluster:
    """What django-q2 starts for one of ours: pids."""

    sentinel: int
    workers: list[int]
    monitor: int
    pusher: int

    def waiting_worker(self) -> int:
        """The worker that sits in the queue with its lock, once one does."""

        def waiting() -> int | None:
            return next((pid for pid in self.workers if reads_a_pipe(pid)), None)

        found: int = wait_until(waiting, "no worker ever waited for work")
        return found


@dataclass
class Host:
    """One `manage.py worker` with all its children, in a process group of their own."""

    process: subprocess.Popen[Any]
    log: Path
    # Cluster -> how many processes execute in it, and say so; housekeeping is no such cluster.
    works: Counter[str]

    def family(self) -> list[int]:
        """Pids of the process group: the parent, sentinels, pushers, monitors and workers."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    state, _, group = (entry / "stat").read_text().rsplit(")", 1)[1].split()[:3]
                    if int(group) == self.process.pid and state != "Z":
                        found.append(int(entry.name))
        return found

    def children_of(self, parent: int) -> list[int]:
        """In the order in which they were started."""
        return sorted(pid for pid in self.family() if parent_of(pid) == parent)

    def cluster(self, workers: int = 1) -> Cluster:
        """The pids of the only cluster of this host, once it is complete."""

        def complete() -> Cluster | None:
            for sentinel in self.children_of(self.process.pid):
                children = self.children_of(sentinel)
                if len(children) == workers + 2:
                    return Cluster(sentinel, children[:workers], *children[workers:])
            return None

        found: Cluster = wait_until(complete, "no complete cluster came up")
        return found

    def kill(self) -> None:
        """As if the machine were gone: every process of the host at once."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)

    def stop(self, number: int = signal.SIGTERM, *, group: bool = False) -> int:
        """Ask it to stop, the parent or everybody; its exit code, once nobody is left."""
        (os.killpg if group else os.kill)(self.process.pid, number)
        code = self.process.wait(STOP_WITHIN_SECONDS)
        try:
            wait_until(lambda: not self.family(), "processes outlived their host", 10)
        except AssertionError as error:
            raise AssertionError(f"{error}: {[about(pid) for pid in self.family()]}") from None
        return code


def parent_of(pid: int) -> int:
    """0 when the process has ended."""
    try:
        state, parent = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[:2]
    except OSError:
        return 0
    return 0 if state == "Z" else int(parent)


def about(pid: int) -> str:
    """For the message of a failed test."""
    folder = Path(f"/proc/{pid}")
    threads = {(thread / "wchan").read_text() for thread in (folder / "task").iterdir()}
    return f"{pid}: {(folder / 'stat').read_text()[:60]}, its threads in {threads}"


def reads_a_pipe(pid: int) -> bool:
    """Whether its main thread waits for something to come through a pipe."""
    try:
        return "pipe_read" in Path(f"/proc/{pid}/wchan").read_text()
    except OSError:
        return False


@dataclass
class Installation:
    data: Path
    environment: dict[str, str]

    def manage(self, *words: str) -> str:
        done = subprocess.run(
            [sys.executable, str(ROOT / "manage.py"), *words],
            env=self.environment, cwd=ROOT, check=True, timeout=110, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        return done.stdout

    @contextlib.contextmanager
    def connected(self) -> Iterator[None]:
        """The models of this process read and write this installation's database."""
        own = {**connections["default"].settings_dict, **self._database()}
        before = connections["default"]
        ContentType.objects.clear_cache()
        connections["default"] = load_backend(own["ENGINE"]).DatabaseWrapper(own, "default")
        try:
            yield
        finally:
            connections["default"].close()
            connections["default"] = before
            ContentType.objects.clear_cache()

    def _database(self) -> dict[str, object]:
        if url := self.environment.get("DATABASE_URL"):
            named = dj_database_url.parse(url)
            return {name: named[name] for name in ("NAME", "HOST", "PORT", "USER", "PASSWORD")}
        return {"NAME": self.data / "reactions.sqlite3"}

    @contextlib.contextmanager
    def host(
        self,
        *clusters: str,
        prefix: Sequence[str] = (),
        program: Sequence[str] = (str(ROOT / "manage.py"), "worker"),
        **environment: str,
    ) -> Iterator[Host]:
        """Start a worker host with these clusters (all, if none is named); whatever is left of it at the end is killed.
        Returns at once: `awaited` waits until it works."""
        only = [word for cluster in clusters for word in ("--only", cluster)]
        log = self.data / f"host-{len(list(self.data.glob('host-*')))}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*prefix, sys.executable, *program, *only],
                env={**self.environment, **environment}, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT,
                start_new_session=True,
            )  # fmt: skip
        executing = {"http": int(environment.get("REACTIONS_WORKERS", "1")), "scripts": 1}
        works = Counter({name: count for name, count in executing.items() if name in clusters or not clusters})
        started = Host(process, log, works)
        try:
            yield started
        finally:
            started.kill()
            # Shown of a failed test only.
            sys.stderr.write(log.read_text()[-6000:])


def awaited(host: Host, *clusters: str) -> dict[str, int]:
    """Cluster -> pid of its (last) worker, once each of them has said that it lives."""

    def all_live() -> dict[str, int]:
        family = set(host.family())
        beats = {beat.cluster: beat.pid for beat in living(clock.now()) if beat.pid in family}
        return beats if set(clusters) <= set(beats) else {}

    return dict(
        wait_until(all_live, f"no worker of {' and '.join(clusters)} came up: {list(Heartbeat.objects.values())}")
    )
