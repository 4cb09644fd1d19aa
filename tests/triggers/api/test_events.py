"""/api/events/: what happened, and to whom its payload is shown."""

import uuid
from datetime import timedelta

import pytest

from reactions_project import clock
from tests.factories import ProjectFactory, WebhookFactory, member, operator_caller
from triggers.ledger import EventData, record
from triggers.models import Event

pytestmark = pytest.mark.django_db


@pytest.fixture
def event(project):
    webhook = WebhookFactory(project=project)
    return record(
        EventData(
            type="PackageAdded",
            source="webhook",
            project=project,
            trigger=webhook,
            subject="Acme.Web 1.4.2 added to acme",
            delivery_id="d-1",
            payload={"secret": "plan"},
            query={"channel": "stable"},
            headers={"user-agent": "MyGet"},
        )
    ).event


def url_of(event: Event) -> str:
    return f"/api/events/{event.uid}/"


@pytest.mark.parametrize("role", ["owner", "author", "editor"])
def test_those_who_may_read_payloads_see_all_of_an_event(event, project, client_for, role):
    shown = client_for(member(project.team, role)).get(url_of(event)).json()
    assert shown == {
        "id": str(event.uid),
        "type": "PackageAdded",
        "subject": "Acme.Web 1.4.2 added to acme",
        "project": str(project.pk),
        "environment": None,
        "trigger": str(event.trigger.pk),
        "source": "webhook",
        "deployment": "",
        "actor": "",
        "delivery_id": "d-1",
        "duplicates": 0,
        "occurred_at": shown["occurred_at"],
        "recorded_at": shown["recorded_at"],
        "matched_at": None,
        "cause_run": None,
        "root": str(event.uid),
        "chain": [],
        "payload": {"secret": "plan"},
        "query": {"channel": "stable"},
        "headers": {"user-agent": "MyGet"},
        "payload_hidden": False,
        "starts_nothing_because": "",
    }


def test_bob_as_viewer_knows_of_the_event_and_not_what_it_carried(event, project, client_for):
    shown = client_for(member(project.team, "viewer")).get(url_of(event)).json()
    assert shown["subject"] == "Acme.Web 1.4.2 added to acme"
    assert (shown["payload"], shown["query"], shown["headers"]) == (None, None, None)
    assert shown["payload_hidden"] is True


def test_a_list_names_events_and_carries_no_payload(event, alice, client_for):
    (row,) = client_for(alice).get("/api/events/").json()["results"]
    assert (row["id"], row["type"]) == (str(event.uid), "PackageAdded")
    assert "plan" not in str(row)


def test_sec_02_charlie_knows_of_no_event(event, project, charlie, client_for):
    client = client_for(charlie)
    assert client.get(url_of(event)).status_code == 404
    assert client.get(url_of(event)).json() == client.get(f"/api/events/{uuid.uuid4()}/").json()
    for query in ("", f"?project={project.pk}", f"?trigger={event.trigger.pk}", "?type=PackageAdded"):
        assert client.get(f"/api/events/{query}").data["results"] == []


def test_events_are_written_by_nobody(event, alice, client_for, signed_in):
    for client in (client_for(alice), signed_in(operator_caller().user)):
        assert client.post("/api/events/", {"type": "DeploymentSucceeded"}).status_code == 405
        for method in (client.put, client.patch, client.delete):
            assert method(url_of(event), {}).status_code == 405


def test_an_event_of_the_whole_space_is_seen_by_whoever_has_a_role(project, charlie, client_for):
    machine = record(
        EventData(type="MachineRegistered", source="catalog", payload={"Machine": {"Name": "web-01"}})
    ).event
    assert client_for(charlie).get(url_of(machine)).json()["payload"] == {"Machine": {"Name": "web-01"}}
    shown = client_for(member(project.team, "viewer")).get(url_of(machine)).json()
    assert (shown["payload"], shown["payload_hidden"]) == (None, True)


def test_events_are_filtered(event, project, alice, client_for):
    other = ProjectFactory(team=project.team)
    data = EventData(type="DeploymentStarted", source="catalog", project=other, deployment="Deployments-7")
    record(data)
    client, now = client_for(alice), clock.now()
    hour = timedelta(hours=1)

    def types(**query: str) -> list[str]:
        answer = client.get("/api/events/", query)
        assert answer.status_code == 200, answer.data
        return [row["type"] for row in answer.data["results"]]

    assert types() == ["DeploymentStarted", "PackageAdded"]
    assert types(type="PackageAdded") == ["PackageAdded"]
    assert types(project=str(other.pk)) == ["DeploymentStarted"]
    assert types(trigger=str(event.trigger.pk)) == ["PackageAdded"]
    assert types(deployment="Deployments-7") == ["DeploymentStarted"]
    assert types(occurred_after=(now - hour).isoformat(), occurred_before=(now + hour).isoformat()) == types()
    assert types(occurred_after=(now + hour).isoformat()) == []
    assert types(occurred_before=(now - hour).isoformat()) == []
    for wrong in ({"project": "nonsense"}, {"occurred_after": "yesterday"}):
        assert client.get("/api/events/", wrong).status_code == 400


def test_sec_94_events_come_in_pages(project, alice, client_for):
    for number in range(5):
        record(EventData(type="ReleaseCreated", source="catalog", project=project, subject=str(number)))
    client, found = client_for(alice), []
    url = "/api/events/?page_size=2"
    while url:
        page = client.get(url).json()
        found += [row["subject"] for row in page["results"]]
        url = page["next"]
    assert found == ["4", "3", "2", "1", "0"]


def test_a_list_of_events_costs_one_query_besides_the_key(
    event, project, alice, client_for, django_assert_max_num_queries
):
    for _ in range(20):
        record(EventData(type="ReleaseCreated", source="catalog", project=project))
    client = client_for(alice)
    client.get("/api/events/")
    with django_assert_max_num_queries(2):
        assert len(client.get("/api/events/").data["results"]) == 21
    with django_assert_max_num_queries(4):
        client.get(url_of(event))


def test_two_names_of_one_event_agree(event, alice, client_for):
    assert client_for(alice).get(f"/api/events/{event.uid}/decisions/").status_code == 200
    assert client_for(alice).get("/api/events/nonsense/").status_code == 404
