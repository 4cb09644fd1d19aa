"""SEC-52: groups of processes, where this machine has a hierarchy of version 2 that may be written."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from actions.scripts.base import Limits, ScriptJob, ScriptSettings
from actions.scripts.cgroup import available, joinable
from actions.scripts.runner import run_script
from tests.actions.scripts.conftest import run


@pytest.fixture
def parent() -> Iterator[Path]:
    for root in (Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/unified")):
        if (root / "cgroup.controllers").exists() and os.access(root, os.W_OK):
            group = root / f"reactions-test-{os.getpid()}"
            group.mkdir()
            yield group
            group.rmdir()
            return
    pytest.skip("No cgroup of version 2 may be written here.")


def test_sec_52_a_run_is_in_its_group_and_the_group_goes_with_it(settings: ScriptSettings, parent: Path) -> None:
    grouped = ScriptSettings(settings.work_root, sandbox=settings.sandbox, cgroup=parent)

    async def members() -> list[str]:
        """Of the run's group, while it runs."""
        task = asyncio.create_task(run_script(ScriptJob("bash", "sleep 300 & sleep 300"), grouped, lambda _lines: None))
        found: list[str] = []
        while len(found) < 3:
            await asyncio.sleep(0.02)
            found = [pid for procs in parent.glob("run-*/cgroup.procs") for pid in procs.read_text().split()]
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return found

    assert len(asyncio.run(members())) >= 3
    assert [path for path in parent.iterdir() if path.is_dir()] == []


def test_sec_52_limits_are_written_where_the_controllers_are(parent: Path) -> None:
    with joinable(parent, "x", Limits(processes=33, memory_bytes=10**9)) as groups:
        (group,) = groups
        if (group / "pids.max").exists():
            assert (group / "pids.max").read_text().strip() == "33"
    assert not group.exists()


def test_what_a_group_cannot_limit_is_said(parent: Path, tmp_path: Path) -> None:
    assert available(None) == "No cgroup was given: memory is limited per process only."
    assert "is not a cgroup this worker may use" in available(tmp_path)
    assert "memory, pids" in available(parent)


def test_a_group_that_cannot_be_made_fails_the_run(plain: ScriptSettings, tmp_path: Path) -> None:
    settings = ScriptSettings(plain.work_root, sandbox=plain.sandbox, cgroup=tmp_path / "none")
    assert run(settings, "bash", "true").result.reason.startswith("The script could not be started")
