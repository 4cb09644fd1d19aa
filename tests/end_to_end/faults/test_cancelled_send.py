"""Somebody cancels a run whose request is on its way."""

import pytest

from actions import execution
from tests.end_to_end.faults.flows import flow_to
from tests.end_to_end.faults.installation import Installation
from tests.end_to_end.faults.truth import health_tells_the_truth
from tests.end_to_end.server import wait_until
from tests.factories import operator_caller
from tests.fakes.receiver import Answer, Receiver

pytestmark = pytest.mark.end_to_end


def test_its_send_is_stopped_it_ends_cancelled_and_others_go_on(installation: Installation) -> None:
    # A byte now and then: so the receiver finds out when nobody listens any more.
    endless = Answer(body=b"x" * 10_000, drip=0.1)
    with (
        Receiver(respond=lambda _: endless) as slow,
        Receiver() as receiver,
        installation.host("http") as host,
    ):
        cancelled, other = flow_to(slow, timeout_seconds=300), flow_to(receiver)
        cancelled.queue(2)
        slow.wait_for(2)
        run, kept = cancelled.runs.order_by("pk")
        execution.cancel(operator_caller(), run)
        wait_until(lambda: slow.open_connections == 1, "its request went on")
        wait_until(lambda: not cancelled.running().filter(pk=run.pk).exists(), "it never ended")
        run.refresh_from_db()
        assert (run.status, run.outcome, run.attempt_count) == ("cancelled", "cancelled", 1)
        assert run.attempts.get().outcome == "cancelled"
        assert run.finished_at is not None
        other.queue(20)
        wait_until(other.all_succeeded, "the others were held up")
        assert len(slow.requests) == 2, "it was sent again"
        health_tells_the_truth(host, running=1)
        kept.refresh_from_db()
        assert (kept.status, slow.open_connections) == ("running", 1)
