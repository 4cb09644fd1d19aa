"""A whole host is lost with sends in flight: another finishes its work once the leases have ended."""

import pytest

from tests.end_to_end.faults.flows import flow_to, repeated, sent, slow_or_slower, uids
from tests.end_to_end.faults.installation import Installation
from tests.end_to_end.faults.truth import health_tells_the_truth
from tests.end_to_end.server import wait_until
from tests.fakes.receiver import Receiver

pytestmark = pytest.mark.end_to_end
LOAD = 300


def test_what_a_lost_host_had_in_flight_is_sent_again_and_nothing_else_twice(installation: Installation) -> None:
    with Receiver() as receiver:
        receiver.respond = slow_or_slower()
        flow = flow_to(receiver)
        flow.queue(LOAD)
        with installation.host("http") as host:
            wait_until(lambda: flow.statuses()["succeeded"], "nothing was ever finished")
            host.kill()
        done, held = uids(flow.runs.filter(status="succeeded")), uids(flow.running())
        in_flight = set(sent(receiver)) - done
        assert in_flight
        assert in_flight <= held
        health_tells_the_truth(host, lost=1, running=len(held))
        with installation.host("http") as another:
            wait_until(flow.all_succeeded, "not everything was sent")
            health_tells_the_truth(host, another, lost=1)
        # What had left the lost host may have reached the receiver after we looked, but nothing that it did not hold.
        assert in_flight <= repeated(receiver) <= held
        assert sent(receiver).total() == LOAD + len(repeated(receiver))
        assert (
            uids(flow.runs.filter(attempts__outcome="worker_lost")) == uids(flow.runs.filter(attempt_count=2)) == held
        )
        tries = {(one.headers["Idempotency-Key"], one.headers["X-Reactions-Attempt"]) for one in receiver.requests}
        assert len(tries) == len(receiver.requests), "a repeat had the number of the first try"
