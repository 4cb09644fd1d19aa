"""The clock of a host is set while sends are in flight: nothing is lost, nothing is sent twice, nothing waits."""

import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from reactions_project import clock
from tests.end_to_end.faults.flows import flow_to, repeated, sent
from tests.end_to_end.faults.installation import LEASE_SECONDS, Installation, awaited
from tests.end_to_end.faults.truth import health_tells_the_truth
from tests.end_to_end.faults.wrong_clock import set_clock
from tests.end_to_end.server import wait_until
from tests.fakes.receiver import Answer, Received, Receiver

pytestmark = pytest.mark.end_to_end
# More than both hosts have in flight, so that some are written before the clock is set and claimed after.
SENDS = 150


def longer_than_a_lease() -> Callable[[Received], Answer]:
    """Every second answer comes only after leases that were not renewed would have ended."""
    waits = itertools.cycle((0.1, LEASE_SECONDS * 1.5))
    return lambda _: Answer(delay=next(waits))


@pytest.mark.parametrize("set_by", [3600, -3600])
def test_a_clock_that_is_set_by_an_hour_loses_and_repeats_nothing(
    installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, set_by: int
) -> None:
    offset = tmp_path / "offset"
    set_clock(offset, 0)
    wrong: dict[str, Any] = {
        "program": ("-m", "tests.end_to_end.faults.wrong_clock", "worker"),
        "CLOCK_OFFSET_FILE": str(offset),
    }
    # On PostgreSQL the other host's clock is right; on SQLite both are the same machine's.
    others: dict[str, Any] = {} if "DATABASE_URL" in installation.environment else wrong
    with Receiver() as receiver:
        receiver.respond = longer_than_a_lease()
        flow = flow_to(receiver)
        with installation.host("http", **wrong) as host, installation.host("http", **others) as other:
            awaited(host, "http")
            awaited(other, "http")
            flow.queue(SENDS)
            wait_until(lambda: flow.statuses()["succeeded"] > SENDS // 10, "nothing was sent")
            set_clock(offset, set_by)
            wait_until(flow.all_succeeded, "not everything was sent", 40)
            assert ("the clock was set" in host.log.read_text()) == bool(others)
            if others:
                # Health is asked on the same machine.
                monkeypatch.setattr(clock, "now", lambda: datetime.now(UTC) + timedelta(seconds=set_by))
            health_tells_the_truth(host, other)
            # Its last beat must not outlive it by an hour.
            host.kill()
            health_tells_the_truth(host, other, lost=1)
        assert repeated(receiver) == set()
        assert sent(receiver).total() == SENDS
        assert not flow.runs.filter(attempt_count__gt=1).exists()
