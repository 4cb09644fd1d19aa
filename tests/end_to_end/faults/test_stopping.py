"""A host is told to stop under load, in every way that process managers do it."""

import contextlib
import signal

import pytest

from actions.models import Heartbeat
from tests.end_to_end.faults.flows import flow_to, repeated, sent, uids
from tests.end_to_end.faults.installation import Host, Installation, awaited
from tests.end_to_end.faults.truth import health_tells_the_truth
from tests.end_to_end.server import ROOT, free_ports, wait_until
from tests.fakes.receiver import Answer, Receiver

pytestmark = pytest.mark.end_to_end
LOAD = 600


@pytest.mark.parametrize(
    ("number", "group"),
    [
        pytest.param(signal.SIGTERM, False, id="SIGTERM to the parent"),
        pytest.param(signal.SIGTERM, True, id="SIGTERM to the group"),
        pytest.param(signal.SIGINT, False, id="SIGINT to the parent"),
        pytest.param(signal.SIGINT, True, id="SIGINT to the group"),
    ],
)
def test_a_host_that_stops_finishes_what_is_in_flight_and_hands_back_the_rest(
    installation: Installation, number: int, group: bool
) -> None:
    with Receiver() as receiver:
        receiver.respond = lambda _: Answer(delay=0.5)
        flow = flow_to(receiver)
        flow.queue(LOAD)
        with installation.host() as host:
            receiver.wait_for(60)
            assert host.stop(number, group=group) == 0, host.log.read_text()
        health_tells_the_truth(host)
        statuses = flow.statuses()
        assert set(statuses) == {"succeeded", "queued"}
        assert statuses.total() == LOAD
        assert repeated(receiver) == set()
        assert set(sent(receiver)) == uids(flow.runs.filter(status="succeeded"))
        assert not flow.runs.filter(status="queued").exclude(attempt_count=0).exists()
        receiver.respond = None
        with installation.host("http") as host:
            awaited(host, "http")
            wait_until(flow.all_succeeded, "what was handed back was not done")
            health_tells_the_truth(host)
        assert sent(receiver).total() == LOAD
        assert not flow.runs.exclude(attempt_count=1).exists()


def test_a_host_that_stops_waits_for_an_answer_until_the_deadline_of_the_request(installation: Installation) -> None:
    # Longer than a script is waited for, shorter than DEADLINE_SECONDS.
    with Receiver(respond=lambda _: Answer(delay=24)) as receiver, installation.host("http") as host:
        flow = flow_to(receiver, timeout_seconds=60)
        flow.queue(1)
        receiver.wait_for(1)
        assert host.stop() == 0, host.log.read_text()
        assert flow.all_succeeded()
        assert sent(receiver).total() == 1


_HURRIED = """
import os, sys
import django
os.environ["DJANGO_SETTINGS_MODULE"] = "reactions_project.settings"
django.setup()
from django.core.management import execute_from_command_line
from actions.engine import slices
slices.GRACE_SECONDS["http"] = 1.0
execute_from_command_line(["manage.py", "worker", *sys.argv[1:]])
"""


def test_a_request_that_a_stop_cut_off_is_sent_again_as_another_try(installation: Installation) -> None:
    with Receiver() as receiver, installation.host("http", program=("-c", _HURRIED)) as host:
        receiver.answers(Answer(hang=True))
        flow = flow_to(receiver)
        flow.queue(1)
        receiver.wait_for(1)
        assert host.stop() == 0, host.log.read_text()
        assert flow.statuses() == {"queued": 1}
        with installation.host("http"):
            wait_until(flow.all_succeeded, "it was not sent again")
        first, second = receiver.requests
        assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"]
        assert [one.headers["X-Reactions-Attempt"] for one in (first, second)] == ["1", "2"]
        assert list(flow.runs.get().attempts.order_by("number").values_list("outcome", flat=True)) == ["stopped", "ok"]


def serve(installation: Installation) -> contextlib.AbstractContextManager[Host]:
    port = str(free_ports(1))
    return installation.host(program=(str(ROOT / "manage.py"), "serve"), PORT=port)


def test_the_supervisor_waits_for_what_is_in_flight(installation: Installation) -> None:
    with Receiver(respond=lambda _: Answer(delay=5)) as receiver, serve(installation) as host:
        flow = flow_to(receiver)
        flow.queue(20)
        wait_until(lambda: flow.statuses()["running"] == 20, "nothing was sent")
        assert host.stop() == 0, host.log.read_text()
        assert flow.all_succeeded()
        assert "a second Ctrl-C ends it at once" in host.log.read_text()
        health_tells_the_truth(host)


def test_a_second_ctrl_c_does_not_wait(installation: Installation) -> None:
    with Receiver(respond=lambda _: Answer(hang=True)) as receiver, serve(installation) as host:
        flow = flow_to(receiver, timeout_seconds=60)
        flow.queue(1)
        receiver.wait_for(1)
        idle = Heartbeat.objects.filter(cluster="scripts")
        wait_until(idle.exists, "no worker of the cluster scripts came up")
        host.process.send_signal(signal.SIGINT)
        wait_until(lambda: "a second Ctrl-C" in host.log.read_text(), "nobody said that it waits")
        wait_until(lambda: not idle.exists(), "who had nothing to finish did not leave")
        assert host.stop(signal.SIGINT) == 0, host.log.read_text()
        assert flow.statuses() == {"running": 1}, "it was waited for"
        health_tells_the_truth(host, lost=1, running=1)
        receiver.respond = None
        with installation.host("http") as another:
            wait_until(flow.all_succeeded, "what it had in flight was never sent")
            health_tells_the_truth(host, another, lost=1)
