"""A worker leaves while its host goes on, since it is worn out or was sent SIGTERM: it finishes what it has in flight,
however long that takes, while another works in its place."""

import os
import signal
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from actions.engine import slices
from actions.models import Attempt, Run
from reactions_project import queue, worker_life
from tests.end_to_end.faults.flows import Flow, flow_of_scripts, flow_to, repeated
from tests.end_to_end.faults.installation import Host, Installation, awaited, parent_of
from tests.end_to_end.faults.truth import health_tells_the_truth
from tests.end_to_end.server import wait_until
from tests.fakes.receiver import Answer, Receiver

pytestmark = pytest.mark.end_to_end
# The worker command as it is, but with less patience: all limits together are shorter than what is in flight here.
_IMPATIENT = """
import os, sys
import django
os.environ["DJANGO_SETTINGS_MODULE"] = "reactions_project.settings"
django.setup()
from django.conf import settings
from django.core.management import execute_from_command_line
from actions.engine import slices
from reactions_project import queue, worker_life
for cluster in ("http", "scripts"):
    settings.Q_CLUSTER["ALT_CLUSTERS"][cluster].update({limits})
queue.STALL_SECONDS = 3.0
slices.GRACE_SECONDS = {"http": 2.0, "scripts": 2.0}
queue.STOP_SECONDS = worker_life.STOP_SECONDS = 6.0
execute_from_command_line(["manage.py", "worker", *sys.argv[1:]])
"""
LONG_SECONDS = 12
AFTER_THREE_SLICES = "recycle=3"
NEVER = "recycle=10_000"
# Any worker is larger than that.
AT_ONCE = "max_rss=1_000"


def impatient(
    installation: Installation, limits: str, *clusters: str, **environment: str
) -> AbstractContextManager[Host]:
    program = ("-c", _IMPATIENT.replace("{limits}", limits))
    return installation.host(*clusters, program=program, **environment)


def long_script(began: Path, seconds: float = LONG_SECONDS) -> Flow:
    source = f"import pathlib, time\npathlib.Path({str(began)!r}).touch()\ntime.sleep({seconds})\nprint('done')"
    return flow_of_scripts(source, timeout_seconds=60)


def worker_of(flow: Flow) -> int:
    """The pid of the one that has begun its only script."""
    return int(Attempt.objects.get(run__reaction=flow.reaction).worker.rpartition(":")[2])


@pytest.mark.parametrize("limits", [AFTER_THREE_SLICES, AT_ONCE])
def test_a_worn_out_worker_finishes_what_is_in_flight_while_another_works(
    installation: Installation, tmp_path: Path, limits: str
) -> None:
    assert min(queue.STALL_SECONDS, *slices.GRACE_SECONDS.values()) > 3
    with Receiver() as receiver, impatient(installation, limits, "http", "scripts") as host:
        receiver.respond = lambda request: Answer(delay=9 if request.path == "/slow" else 0)
        script, slow, fast = long_script(tmp_path / "began"), flow_to(receiver, "/slow"), flow_to(receiver)
        for flow in (script, slow):
            flow.queue(1)
        receiver.wait_for(1)
        wait_until((tmp_path / "began").exists, "the script never began")
        worker = worker_of(script)
        another = flow_of_scripts("print('hello')")
        wait_until(lambda: is_replaced(host, worker), "the worn out worker was not replaced")
        for flow in (another, fast):
            flow.queue(1)
        wait_until(lambda: another.all_succeeded() and fast.all_succeeded(), "nobody worked in its place")
        assert script.statuses() == {"running": 1}
        wait_until(lambda: script.all_succeeded() and slow.all_succeeded(), "it did not finish")
        assert worker_of(script) == worker
        wait_until(lambda: not parent_of(worker), "it has nothing to do and stays")
        assert repeated(receiver) == set()
        assert not Run.objects.exclude(attempt_count=1).exists()
        assert "stalled" not in host.log.read_text()
        assert host.stop() == 0, host.log.read_text()


def is_replaced(host: Host, worker: int) -> bool:
    """Whether its sentinel has one child more than when it came up: worker, monitor, pusher and its successor."""
    return len(host.children_of(parent_of(worker))) == 4


def test_a_worker_that_is_sent_sigterm_finishes_what_is_in_flight_while_another_works(
    installation: Installation, tmp_path: Path
) -> None:
    assert worker_life.STOP_SECONDS > 6
    with Receiver(respond=lambda _: Answer(delay=9)) as receiver, impatient(installation, NEVER) as host:
        script, slow = long_script(tmp_path / "began"), flow_to(receiver)
        for flow in (script, slow):
            flow.queue(1)
        receiver.wait_for(1)
        wait_until((tmp_path / "began").exists, "the script never began")
        leaving = set(awaited(host, "http", "scripts").values())
        for worker in leaving:
            os.kill(worker, signal.SIGTERM)
        another = flow_of_scripts("print('hello')")
        another.queue(1)
        wait_until(another.all_succeeded, "nobody worked in its place")
        assert worker_of(another) not in leaving
        assert script.statuses() == {"running": 1}
        wait_until(lambda: script.all_succeeded() and slow.all_succeeded(), "it did not finish")
        wait_until(lambda: not any(map(parent_of, leaving)), "they have nothing to do and stay")
        assert repeated(receiver) == set()
        assert not Run.objects.exclude(attempt_count=1).exists()
        health_tells_the_truth(host)
        assert host.stop() == 0, host.log.read_text()


def test_a_host_that_stops_does_not_wait_for_the_scripts_of_a_leaving_worker(
    installation: Installation, tmp_path: Path
) -> None:
    with impatient(installation, AFTER_THREE_SLICES, "scripts") as host:
        script = long_script(tmp_path / "began", seconds=600)
        script.queue(1)
        wait_until((tmp_path / "began").exists, "the script never began")
        worker = worker_of(script)
        wait_until(lambda: is_replaced(host, worker), "the worn out worker was not replaced")
        assert host.stop() == 0, host.log.read_text()
        assert script.statuses() == {"interrupted": 1}
        health_tells_the_truth(host)
