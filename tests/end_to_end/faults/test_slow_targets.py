"""Targets that hang or drip take their own slots and nobody else's."""

import threading

import pytest

from actions.engine.loop import HTTP_IN_FLIGHT, PER_TARGET
from tests.end_to_end.faults.flows import flow_to
from tests.end_to_end.faults.installation import Installation
from tests.end_to_end.faults.truth import health_tells_the_truth
from tests.end_to_end.server import wait_until
from tests.fakes.receiver import Answer, Received, Receiver

pytestmark = pytest.mark.end_to_end
HANGING = 2_000


class Gate:
    """Lets requests in and answers none until it is opened; remembers how many waited at once."""

    def __init__(self) -> None:
        self._opened = threading.Event()
        self._lock = threading.Lock()
        self.waiting = self.most = 0

    def __call__(self, _: Received) -> Answer:
        with self._lock:
            self.waiting += 1
            self.most = max(self.most, self.waiting)
        self._opened.wait(60)
        with self._lock:
            self.waiting -= 1
        return Answer()

    def open(self) -> None:
        self._opened.set()


def test_others_flow_while_two_thousand_sends_wait_for_a_target_that_hangs(installation: Installation) -> None:
    gate = Gate()
    with Receiver(respond=gate) as hung, Receiver() as receiver, installation.host("http") as host:
        hanging, other = flow_to(hung, timeout_seconds=60), flow_to(receiver)
        hanging.queue(HANGING)
        wait_until(lambda: gate.waiting == PER_TARGET, "the hanging target was never at its cap")
        other.queue(500)
        wait_until(other.all_succeeded, "the others were held up")
        assert hanging.statuses() == {"running": PER_TARGET, "queued": HANGING - PER_TARGET}
        assert gate.most == PER_TARGET
        health_tells_the_truth(host, running=PER_TARGET)
        gate.open()
        wait_until(hanging.all_succeeded, "the target got no more once it answered")
        health_tells_the_truth(host)


def test_no_process_has_more_in_flight_than_its_cap(installation: Installation) -> None:
    gate = Gate()
    targets = HTTP_IN_FLIGHT // PER_TARGET + 2
    with installation.host("http") as host:
        receivers = [Receiver(respond=gate).__enter__() for _ in range(targets)]
        try:
            flows = [flow_to(receiver, timeout_seconds=60) for receiver in receivers]
            for flow in flows:
                flow.queue(PER_TARGET * 2)
            wait_until(lambda: gate.waiting == HTTP_IN_FLIGHT, "the slots were never all taken")
            assert sum(flow.statuses()["running"] for flow in flows) == HTTP_IN_FLIGHT
            health_tells_the_truth(host, running=HTTP_IN_FLIGHT)
            gate.open()
            wait_until(lambda: all(flow.all_succeeded() for flow in flows), "not everything was sent")
            assert gate.most == HTTP_IN_FLIGHT
            health_tells_the_truth(host)
        finally:
            for receiver in receivers:
                receiver.__exit__()


def test_a_target_that_drips_is_cut_at_the_deadline_and_holds_nobody(installation: Installation) -> None:
    # Each byte comes well within any pause that a client may allow; all of them would take forty seconds.
    drop = Answer(body=b"x" * 200, drip=0.2)
    with Receiver(respond=lambda _: drop) as dripping, Receiver() as receiver, installation.host("http") as host:
        slow, other = flow_to(dripping, timeout_seconds=3, max_attempts=1), flow_to(receiver)
        slow.queue(5)
        dripping.wait_for(5)
        other.queue(200)
        wait_until(other.all_succeeded, "the others were held up")
        assert slow.statuses() == {"running": 5}
        wait_until(lambda: slow.statuses() == {"failed": 5}, "the target was not cut off", 20)
        assert set(slow.runs.values_list("outcome", flat=True)) == {"timeout"}
        health_tells_the_truth(host)
