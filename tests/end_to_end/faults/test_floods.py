"""One team queues far more than can be sent at once; the others do not notice (SEC-90)."""

import pytest

from tests.end_to_end.faults.flows import flow_to
from tests.end_to_end.faults.installation import Installation, awaited
from tests.end_to_end.faults.truth import health_tells_the_truth
from tests.end_to_end.server import wait_until
from tests.fakes.receiver import Receiver

pytestmark = pytest.mark.end_to_end
FLOOD = 100_000
# A few claims, while the single run is written and this process looks at the flood.
MOST_BEFORE_IT = 1_000


def test_one_run_of_another_team_passes_a_flood(installation: Installation) -> None:
    with Receiver() as flooded, Receiver() as receiver, installation.host("http") as host:
        awaited(host, "http")
        flood, lesser, other = flow_to(flooded), flow_to(flooded), flow_to(receiver)
        flood.queue(FLOOD)
        # Two that flood must not only make way for each other.
        lesser.queue(FLOOD // 20)
        wait_until(lambda: flood.statuses()["succeeded"], "the flood never began")
        before = flood.statuses()["queued"]
        other.queue(1)
        receiver.wait_for(1)
        assert flood.statuses()["queued"] > before - MOST_BEFORE_IT
        assert lesser.statuses()["queued"] > 0
        wait_until(other.all_succeeded, "the single run was sent and not finished")
        health_tells_the_truth(host, running=None)
        assert host.stop() == 0, host.log.read_text()
        health_tells_the_truth(host)
