"""One team queues far more than can be sent at once; the others do not notice (SEC-90)."""

import pytest

from tests.end_to_end.faults.flows import flow_to
from tests.end_to_end.faults.installation import Installation, awaited
from tests.end_to_end.faults.truth import health_tells_the_truth
from tests.end_to_end.server import wait_until
from tests.fakes.receiver import Receiver

pytestmark = pytest.mark.end_to_end
FLOOD = 100_000


def test_one_run_of_another_team_passes_a_flood(installation: Installation) -> None:
    with Receiver() as flooded, Receiver() as receiver, installation.host("http") as host:
        awaited(host, "http")
        flood, other = flow_to(flooded), flow_to(receiver)
        flood.queue(FLOOD)
        wait_until(lambda: flood.statuses()["succeeded"], "the flood never began")
        other.queue(1)
        receiver.wait_for(1)
        waiting = flood.statuses()["queued"]
        assert waiting > 0.9 * FLOOD
        wait_until(other.all_succeeded, "the single run was sent and not finished")
        health_tells_the_truth(host, running=None)
        assert host.stop() == 0, host.log.read_text()
        health_tells_the_truth(host)
