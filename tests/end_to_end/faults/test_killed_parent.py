"""The process that hosts the clusters is killed: nothing that it started works on unseen."""

import os
import signal

import pytest

from tests.end_to_end.faults.flows import flow_to, repeated, sent
from tests.end_to_end.faults.installation import Installation
from tests.end_to_end.faults.truth import health_tells_the_truth
from tests.end_to_end.server import wait_until
from tests.fakes.receiver import Answer, Receiver

pytestmark = pytest.mark.end_to_end
LOAD = 300


def test_the_children_of_a_killed_parent_finish_what_is_in_flight_and_leave(installation: Installation) -> None:
    with Receiver() as receiver:
        receiver.respond = lambda _: Answer(delay=0.5)
        flow = flow_to(receiver)
        flow.queue(LOAD)
        with installation.host() as host:
            receiver.wait_for(60)
            os.kill(host.process.pid, signal.SIGKILL)
            host.process.wait(5)
            wait_until(lambda: not host.family(), "children outlived their parent", 20)
            health_tells_the_truth(host)
        statuses = flow.statuses()
        assert set(statuses) == {"succeeded", "queued"}
        assert not flow.runs.filter(status="queued").exclude(attempt_count=0).exists()
        receiver.respond = None
        with installation.host() as another:
            wait_until(flow.all_succeeded, "another start did not pick everything up")
            health_tells_the_truth(host, another)
            assert another.stop() == 0, another.log.read_text()
        health_tells_the_truth(another)
        assert sent(receiver).total() == LOAD
        assert repeated(receiver) == set()


def test_a_killed_sentinel_is_replaced_and_its_worker_finishes_what_is_in_flight(installation: Installation) -> None:
    with Receiver(respond=lambda _: Answer(delay=0.5)) as receiver, installation.host("http") as host:
        flow = flow_to(receiver)
        flow.queue(LOAD)
        receiver.wait_for(60)
        os.kill(host.cluster().sentinel, signal.SIGKILL)
        wait_until(flow.all_succeeded, "nobody took the killed sentinel's place")
        assert repeated(receiver) == set()
        assert not flow.runs.exclude(attempt_count=1).exists()
        health_tells_the_truth(host)
        assert host.stop() == 0, host.log.read_text()
