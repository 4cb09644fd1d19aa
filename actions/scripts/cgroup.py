"""Memory and process limits of a whole run, where the operator delegated a cgroup (version 2) to the worker (SEC-52).

Without one there is no limit on the sum of a run's memory; each of its processes is limited by itself.
"""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

from actions.scripts.base import Limits


def available(parent: Path | None) -> str:
    """Empty when both limits can be enforced, else one sentence saying why not."""
    if parent is None:
        return "No cgroup was given: memory is limited per process only."
    try:
        controllers = set((parent / "cgroup.subtree_control").read_text().split())
    except OSError:
        return f"{parent} is not a cgroup this worker may use: delegate one to its account."
    missing = {"memory", "pids"} - controllers
    if missing:
        return f"{parent} does not hand on the controllers {', '.join(sorted(missing))}: enable them for its children."
    return ""


@contextlib.contextmanager
def joinable(parent: Path | None, run_id: str, limits: Limits) -> Iterator[list[Path]]:
    """A group for one run, as a list of none or one. Everything left in it is killed at the end."""
    if parent is None:
        yield []
        return
    group = parent / f"run-{run_id}"
    group.mkdir()
    try:
        values = {"memory.max": limits.memory_bytes, "memory.swap.max": 0, "pids.max": limits.processes}
        for name, value in values.items():
            if (group / name).exists():
                (group / name).write_text(str(value))
        yield [group]
    finally:
        _remove(group)


def _remove(group: Path) -> None:
    with contextlib.suppress(OSError):
        (group / "cgroup.kill").write_text("1")
    for _ in range(100):
        try:
            group.rmdir()
        except FileNotFoundError:
            return
        except OSError:
            # The kernel lets go of the last process a moment after it was killed.
            time.sleep(0.01)
        else:
            return
