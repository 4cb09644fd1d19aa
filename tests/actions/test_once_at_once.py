"""Two workers decide two events of the same value at the same moment: a reaction that fires once per value fires once."""

import threading
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from actions import dispatch
from actions.models import Decision, Run
from tests.accounts.test_races import both
from tests.factories import ActionFactory, ReactionFactory, WebhookFactory
from triggers.ledger import EventData, record
from triggers.models import Event, Trigger

pytestmark = pytest.mark.django_db(transaction=True)


def event_of(trigger: Trigger, machine: str) -> Event:
    payload = {"machine": machine}
    return record(
        EventData(type="WebhookReceived", source="webhook", project=trigger.project, trigger=trigger, payload=payload)
    ).event


def decide_at_once(monkeypatch: pytest.MonkeyPatch, *events: Event) -> list[Decision]:
    """Each by a worker of its own; nobody writes before all have decided."""
    decided = threading.Barrier(len(events))
    decide = dispatch.decide

    def waits(*args: Any) -> dispatch.Decided:
        outcome = decide(*args)
        decided.wait(20)
        return outcome

    monkeypatch.setattr(dispatch, "decide", waits)
    assert both(*(lambda event=event: dispatch.match_events([event]) for event in events)) == [None] * len(events)
    return list(Decision.objects.order_by("pk"))


@pytest.fixture
def webhook() -> Trigger:
    made = WebhookFactory()
    ReactionFactory(
        action=ActionFactory(project=made.project, python=True), triggers=[made], once_per="payload.machine"
    )
    return made


def test_of_two_workers_that_decide_the_same_value_at_once_one_fires(
    webhook: Trigger, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = decide_at_once(monkeypatch, event_of(webhook, "web-07"), event_of(webhook, "web-07"))
    assert (first.verdict, second.verdict) == ("fired", "duplicate")
    assert second.reason == (
        f"payload.machine is 'web-07', for which this reaction already fired at {first.at:%H:%M:%S} UTC; "
        f"it fires once in {first.reaction.once_seconds} s."
    )
    assert (second.once_key, second.run) == ("", None)
    assert Run.objects.get() == first.run


def test_two_workers_that_decide_different_values_at_once_both_fire(
    webhook: Trigger, monkeypatch: pytest.MonkeyPatch
) -> None:
    decisions = decide_at_once(monkeypatch, event_of(webhook, "web-07"), event_of(webhook, "web-08"))
    assert [one.verdict for one in decisions] == ["fired", "fired"]
    assert Run.objects.count() == 2


def test_a_reaction_that_fires_every_time_neither_looks_nor_locks() -> None:
    webhook = WebhookFactory()
    ReactionFactory(action=ActionFactory(project=webhook.project, python=True), triggers=[webhook])
    event = event_of(webhook, "web-07")
    with CaptureQueriesContext(connection) as asked:
        dispatch.match_events([event])
    statements = [query["sql"] for query in asked.captured_queries]
    assert not [sql for sql in statements if "once_key" in sql and sql.startswith("SELECT")]
    assert not [sql for sql in statements if "NO KEY UPDATE" in sql]
    assert Decision.objects.get().verdict == "fired"
