"""A cluster whose processes all live and do nothing: nobody feeds its workers any more."""

import os
import signal

import pytest

from actions.health import find_workers
from reactions_project import queue
from tests.end_to_end.faults.flows import flow_to
from tests.end_to_end.faults.installation import Installation, awaited, parent_of
from tests.end_to_end.faults.truth import health_tells_the_truth, pass_time
from tests.end_to_end.server import wait_until
from tests.fakes.receiver import Receiver

pytestmark = pytest.mark.end_to_end
# The worker command as it is, but for its patience.
_IMPATIENT = """
import os, sys
import django
os.environ["DJANGO_SETTINGS_MODULE"] = "reactions_project.settings"
django.setup()
from django.core.management import execute_from_command_line
from reactions_project import queue
queue.STALL_SECONDS = 3.0
execute_from_command_line(["manage.py", "worker", *sys.argv[1:]])
"""


def test_a_stalled_cluster_is_started_anew(installation: Installation) -> None:
    assert queue.STALL_SECONDS > 3
    with Receiver() as receiver, installation.host("http", program=("-c", _IMPATIENT)) as host:
        flow = flow_to(receiver)
        # Once a worker lives its pusher is at work too: one that is halted while it starts would not die with its parent.
        awaited(host, "http")
        cluster = host.cluster()
        os.kill(cluster.pusher, signal.SIGSTOP)
        # Now its worker waits for ever, with the queue's lock; sentinel, monitor and pusher are there.
        worker = cluster.waiting_worker()
        pass_time()
        assert not find_workers().facts["alive"], "who does nothing is no living worker"
        flow.queue(20)
        wait_until(flow.all_succeeded, "the stalled cluster was left as it was")
        wait_until(lambda: not parent_of(worker), "the stalled worker is still there")
        assert "the http cluster stalled" in host.log.read_text()
        health_tells_the_truth(host)
        assert host.stop() == 0, host.log.read_text()
