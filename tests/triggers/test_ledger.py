"""Writing events, once each."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection

from tests.factories import ProjectFactory, WebhookFactory
from triggers.ledger import Cause, EventData, record
from triggers.models import Event
from triggers.signals import event_recorded


@pytest.mark.django_db
def test_an_event_is_written_whole_and_told_once(project):
    told: list[Event] = []

    def listen(event: Event, **_: Any) -> None:
        told.append(event)

    event_recorded.connect(listen)
    try:
        recorded = record(EventData(type="ReleaseCreated", source="catalog", project=project, subject="x" * 300))
    finally:
        event_recorded.disconnect(listen)
    assert recorded.is_new
    assert told == [recorded.event] == list(Event.objects.all())
    assert (len(recorded.event.subject), recorded.event.root) == (200, recorded.event.uid)


@pytest.mark.django_db
def test_sec_91_an_event_that_a_run_caused_carries_the_chain(project):
    cause = Cause(uuid.uuid4(), uuid.uuid4(), ("first", "second"))
    event = record(EventData(type="ReleaseCreated", source="catalog", project=project, cause=cause)).event
    assert (event.cause_run, event.root, event.chain) == (cause.run, cause.root, ["first", "second"])


@pytest.mark.django_db
def test_sec_33_an_id_counts_within_its_trigger_or_without_one_within_its_source(project):
    one, other = WebhookFactory(project=project), WebhookFactory(project=project)
    feed = EventData(type="ReleaseCreated", source="octopus", project=project, delivery_id="Events-1")
    for data in (
        EventData(type="WebhookReceived", source="webhook", trigger=one, project=project, delivery_id="Events-1"),
        EventData(type="WebhookReceived", source="webhook", trigger=other, project=project, delivery_id="Events-1"),
        feed,
    ):
        first, again = record(data), record(data)
        assert (first.is_new, again.is_new) == (True, False)
        assert again.event.pk == first.event.pk
    assert Event.objects.count() == 3


@pytest.mark.django_db
def test_sec_33_an_id_is_free_again_after_its_days(project):
    data = EventData(type="ReleaseCreated", source="octopus", project=project, delivery_id="Events-1")
    with time_machine.travel("2026-03-04T05:06:00Z", tick=False) as moment:
        first = record(data)
        moment.shift(timedelta(days=7, seconds=1))
        assert record(data).is_new
    first.event.refresh_from_db()
    assert first.event.delivery_id is None


@pytest.mark.django_db(transaction=True)
def test_sec_33_of_many_at_once_one_is_new():
    project = ProjectFactory()
    data = EventData(type="ReleaseCreated", source="octopus", project=project, delivery_id="Events-1")

    def write(_: int) -> bool:
        try:
            return record(data).is_new
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(write, range(12))) == [False] * 11 + [True]
    assert Event.objects.get().duplicates == 11
