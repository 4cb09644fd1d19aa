"""A worker is killed while it has many requests in flight and many more wait for it."""

import os
import signal

import pytest

from tests.end_to_end.faults.flows import flow_to, repeated, sent, uids
from tests.end_to_end.faults.installation import Installation, awaited, parent_of
from tests.end_to_end.faults.truth import health_tells_the_truth
from tests.end_to_end.server import wait_until
from tests.fakes.receiver import Answer, Receiver

pytestmark = pytest.mark.end_to_end
LOAD = 600


def test_only_what_a_killed_worker_had_in_flight_is_sent_twice_and_everything_is_sent(
    installation: Installation,
) -> None:
    with Receiver(respond=lambda _: Answer(delay=0.3)) as receiver, installation.host("http") as host:
        worker = awaited(host, "http")["http"]
        flow = flow_to(receiver)
        flow.queue(LOAD)
        receiver.wait_for(120)
        token = flow.running().values_list("lease_token", flat=True)[0]
        os.kill(worker, signal.SIGKILL)
        wait_until(lambda: not parent_of(worker), "it outlived its kill", 10)
        # Those that were answered and not yet written are among them.
        in_flight = uids(flow.running().filter(lease_token=token))
        assert in_flight
        assert flow.statuses()["queued"], "it was not under load any more"
        wait_until(flow.all_succeeded, f"not all ended well: {flow.statuses()}", 60)
        health_tells_the_truth(host, lost=1)
        times = sent(receiver)
        assert set(times) == uids(flow.runs)
        assert set(times.values()) == {1, 2}
        assert repeated(receiver) <= uids(flow.runs.filter(attempt_count=2)) <= in_flight
        assert not flow.runs.filter(attempt_count__gt=2).exists()
        assert host.stop() == 0, host.log.read_text()
