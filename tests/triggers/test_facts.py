"""What conditions may look at, and whose word it is."""

import pytest

from actions.variables import event_variables
from tests.factories import WebhookFactory
from triggers.facts import facts_of
from triggers.ledger import EventData, record
from triggers.models import Event

pytestmark = pytest.mark.django_db
CLAIMED = {"Release": {"Id": "Releases-1", "Number": "9.9.9"}, "Machine": {"Id": "Machines-1", "Name": "db"}}


def test_a_senders_payload_passes_for_nothing_of_ours_even_after_its_webhook_is_deleted() -> None:
    webhook = WebhookFactory()
    recorded = record(
        EventData(
            type="webhook",
            source="webhook",
            project=webhook.project,
            trigger=webhook,
            payload=CLAIMED,
            query={"a": "1"},
        )
    )
    webhook.delete()
    event = Event.objects.get(pk=recorded.event.pk)
    assert event.trigger is None
    facts = facts_of(event)
    assert facts.release is None
    assert facts.machine is None
    variables = event_variables(event)
    assert variables["Octopus.Trigger.Kind"] == "external"
    assert variables["Query.a"] == "1"
    assert "Octopus.Trigger.Name" not in variables
    assert not [name for name in variables if name.startswith(("Octopus.Release", "Octopus.Machine"))]


def test_the_payload_of_an_event_of_ours_names_its_release() -> None:
    recorded = record(EventData(type="ReleaseCreated", source="catalog", project=None, payload=CLAIMED))
    assert facts_of(recorded.event).release == {"id": "Releases-1", "version": "9.9.9"}
    assert event_variables(recorded.event)["Octopus.Release.Number"] == "9.9.9"
