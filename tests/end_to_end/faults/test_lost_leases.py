"""A worker that lives loses its lease: what a script started ends before anybody else may begin the run again."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import transaction

from actions.models import Run
from reactions_project import clock
from tests.end_to_end.faults.flows import Flow, flow_of_scripts
from tests.end_to_end.faults.installation import LEASE_SECONDS, Host, Installation
from tests.end_to_end.server import wait_until

pytestmark = pytest.mark.end_to_end


@contextmanager
def long_script(installation: Installation, marker: str, began: Path) -> Iterator[tuple[Host, Flow]]:
    """Under way on a host of its own, with a child process."""
    source = f"import pathlib, subprocess\np = subprocess.Popen(['sleep', '{marker}'])\npathlib.Path({str(began)!r}).touch()\np.wait()"
    with installation.host("scripts") as host:
        flow = flow_of_scripts(source, timeout_seconds=600)
        flow.queue(1)
        wait_until(began.exists, "the script never began")
        assert sleeps(marker)
        yield host, flow


def sleeps(marker: str) -> bool:
    return subprocess.run(["pgrep", "-f", f"sleep {marker}"], capture_output=True, check=False).returncode == 0


def test_a_script_whose_run_somebody_else_has_by_now_is_stopped(installation: Installation, tmp_path: Path) -> None:
    marker = f"{os.getpid()}.1"
    with long_script(installation, marker, tmp_path / "began") as (host, flow):
        longer = clock.now() + timedelta(hours=1)
        flow.runs.update(lease_token="somebody else", lease_until=longer)
        wait_until(lambda: not sleeps(marker), "it went on though the run is another's")
        assert host.stop() == 0, host.log.read_text()
        run = flow.runs.get()
        assert (run.status, run.lease_token, run.lease_until) == ("running", "somebody else", longer)


def test_a_script_whose_lease_cannot_be_renewed_is_stopped_before_it_counts_as_lost(
    installation: Installation, tmp_path: Path
) -> None:
    marker = f"{os.getpid()}.2"
    with long_script(installation, marker, tmp_path / "began") as (host, flow):
        with transaction.atomic():
            # Nobody can write to it as long as we hold it; the worker gets no answer.
            held = Run.objects.select_for_update().get(reaction=flow.reaction)
            wait_until(lambda: not sleeps(marker), "it went on without a lease", 4 * LEASE_SECONDS)
            assert held.status == "running"
        wait_until(lambda: flow.statuses() == {"interrupted": 1}, "it was never told what became of the run")
        another = flow_of_scripts("print('hello')")
        another.queue(1)
        wait_until(another.all_succeeded, "the worker did not go on")
        assert host.stop() == 0, host.log.read_text()
