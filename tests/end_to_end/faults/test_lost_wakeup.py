"""Whoever recorded an event could not wake the workers: they find it when they look by themselves."""

import pytest

from reactions_project import wake
from tests.end_to_end.faults.flows import flow_to, sent
from tests.end_to_end.faults.installation import Installation, awaited
from tests.end_to_end.faults.truth import health_tells_the_truth
from tests.end_to_end.server import wait_until
from tests.fakes.receiver import Receiver
from triggers.ledger import EventData, record

pytestmark = pytest.mark.end_to_end


def test_an_event_is_decided_and_its_run_sent_though_the_wake_up_was_lost(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost: list[None] = []
    monkeypatch.setattr(wake, "send", lambda: lost.append(None))
    with Receiver() as receiver, installation.host("http") as host:
        awaited(host, "http")
        flow = flow_to(receiver)
        del lost[:]
        happened = flow.reaction.triggers.get().event_type
        record(EventData(type=happened, project=flow.reaction.project, source="catalog"))
        assert lost, "nothing was to be sent, so nothing was lost"
        wait_until(lambda: flow.runs.exists() and flow.all_succeeded(), "nobody looked")
        assert sent(receiver).total() == 1
        health_tells_the_truth(host)
