"""A host is told to stop while a script runs that does not end in time."""

import signal
import subprocess
from pathlib import Path

import pytest

from tests.end_to_end.faults.flows import flow_of
from tests.end_to_end.faults.installation import Installation, awaited
from tests.end_to_end.faults.truth import health_tells_the_truth
from tests.end_to_end.server import wait_until

pytestmark = pytest.mark.end_to_end
# The worker command as it is, but for its patience.
_IMPATIENT = """
import os, sys
import django
os.environ["DJANGO_SETTINGS_MODULE"] = "reactions_project.settings"
django.setup()
from django.core.management import execute_from_command_line
from actions.engine import slices
slices.GRACE_SECONDS["scripts"] = 1.0
execute_from_command_line(["manage.py", "worker", *sys.argv[1:]])
"""
# Only the first time does it take long.
_SOURCE = """
import pathlib, subprocess, time
mark = pathlib.Path({mark!r})
if not mark.exists():
    mark.touch()
    print("begins", flush=True)
    subprocess.Popen(["setsid", "sleep", "{seconds}"])
    time.sleep({seconds})
"""


def lives(seconds: str) -> bool:
    """Whether anything that the script started does."""
    return subprocess.run(["pgrep", "-f", f"sleep.{seconds}"], capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize(
    ("is_repeatable", "group", "status"),
    [
        pytest.param(False, False, "interrupted", id="not to be repeated, SIGTERM to the parent"),
        pytest.param(False, True, "interrupted", id="not to be repeated, SIGTERM to the group"),
        pytest.param(True, False, "queued", id="repeatable, SIGTERM to the parent"),
    ],
)
def test_a_script_in_flight_is_interrupted_or_queued_again_and_all_its_processes_are_gone(
    installation: Installation, tmp_path: Path, is_repeatable: bool, group: bool, status: str
) -> None:
    seconds = f"4713.{int(is_repeatable)}{int(group)}"
    source = _SOURCE.format(mark=str(tmp_path / "mark"), seconds=seconds)
    flow = flow_of(
        kind="script",
        config={"language": "python", "source": source},
        timeout_seconds=200,
        is_repeatable=is_repeatable,
    )
    with installation.host("scripts", program=("-c", _IMPATIENT)) as host:
        awaited(host, "scripts")
        flow.queue(1)
        wait_until(lambda: lives(seconds), "the script never began")
        assert host.stop(signal.SIGTERM, group=group) == 0, host.log.read_text()
        wait_until(lambda: not lives(seconds), "what the script started outlived its worker", 10)
        health_tells_the_truth(host)
    run = flow.runs.get()
    assert (run.status, run.lease_token) == (status, "")
    (attempt,) = run.attempts.all()
    assert attempt.outcome == "stopped"
    assert attempt.finished_at is not None
    assert "begins" in "".join(attempt.log.values_list("text", flat=True))
    if status == "interrupted":
        assert "retry it" in run.reason
    else:
        with installation.host("scripts") as another:
            wait_until(flow.all_succeeded, f"nobody took it over: {flow.statuses()}")
            # The stop used up no try.
            assert (flow.runs.get().attempt_count, flow.runs.get().max_attempts) == (2, run.max_attempts)
            health_tells_the_truth(host, another)
