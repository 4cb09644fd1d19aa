"""GET /api/events/{id}/variables/: names and values as the caller may see them."""

from typing import Any

import pytest

from accounts import vault
from actions.definitions import save_action
from actions.models import Action, Connection
from tests.accounts.world import ledger_of
from tests.factories import ActionFactory, WebhookFactory, member, operator_caller
from triggers.ledger import EventData, record

pytestmark = pytest.mark.django_db
PAYLOAD = {"Project": {"Name": "Core Web"}, "Release": {"Number": "1.2.3"}, "Deployment": {"Id": "Deployments-7"}}


def deployed(project: Any) -> Any:
    data = EventData(
        type="DeploymentSucceeded", source="catalog", project=project, deployment="Deployments-7", payload=PAYLOAD
    )
    return record(data).event


def variables(client: Any, event: Any, **query: str) -> dict[str, Any]:
    answer = client.get(f"/api/events/{event.uid}/variables/", query)
    assert answer.status_code == 200, answer.data
    return {row["name"]: row["value"] for row in answer.json()["variables"]}


def test_an_editor_sees_names_and_values(project, client_for):
    project.variables = {"Owner.Mail": "web@example.com"}
    project.save()
    found = variables(client_for(member(project.team, "editor", "bob")), deployed(project))
    assert found["Octopus.Release.Number"] == "1.2.3"
    assert found["Owner.Mail"] == "web@example.com"
    assert found["Octopus.Web.DeploymentLink"] == "/projects/core-web/deployments/Deployments-7/"
    assert found["Payload"].startswith('{"Project"')


def test_a_viewer_knows_of_the_payload_and_sees_nothing_of_it(project, signed_in):
    trigger = WebhookFactory(project=project)
    event = record(
        EventData(
            type="WebhookReceived",
            source="webhook",
            project=project,
            trigger=trigger,
            payload={"a": "sesame"},
            query={"q": "sesame"},
            headers={"x-sesame": "sesame"},
        )
    ).event
    client = signed_in(member(project.team, "viewer", "vera"))
    answer = client.get(f"/api/events/{event.uid}/variables/")
    assert b"sesame" not in answer.content
    rows = {row["name"]: row for row in answer.json()["variables"]}
    assert rows["Payload"] == {"name": "Payload", "value": None, "hidden": True}
    assert rows["Octopus.Event.Id"]["value"] == str(event.uid)


def test_with_an_action_its_secrets_and_connection_are_named_without_values(project, alice, signed_in):
    secret = vault.store(operator_caller(), project, "token", "sesame-4711")
    connection = Connection.objects.create(
        project=project, name="NR", integration="new_relic", settings={"Region": "sesame-EU"}, secret=secret
    )
    action = save_action(
        operator_caller(),
        Action(project=project, name="N", kind="http", config={"url": "https://a.example/"}, connection=connection),
        {"Monitor.Token": secret},
    )
    client, event = signed_in(alice), deployed(project)
    assert b"sesame" not in client.get(f"/api/events/{event.uid}/variables/?action={action.pk}").content
    found = variables(client, event, action=str(action.pk))
    assert [found[name] for name in ("Monitor.Token", "Connection.Region", "Connection.Secret")] == [None] * 3
    assert "Monitor.Token" not in variables(client, event)


def test_sec_02_charlie_finds_no_event_and_no_action(project, charlie, alice, client_for):
    event = ledger_of(project).event
    assert client_for(charlie).get(f"/api/events/{event.uid}/variables/").status_code == 404
    foreign = ActionFactory()
    answer = client_for(alice).get(f"/api/events/{event.uid}/variables/", {"action": str(foreign.pk)})
    assert answer.status_code == 400
    assert "that you may use" in answer.json()["detail"]


def test_owners_set_their_projects_and_teams_variables_and_others_do_not(project, alice, signed_in):
    client = signed_in(alice)
    for path in (f"/api/projects/{project.pk}/", f"/api/teams/{project.team_id}/"):
        answer = client.patch(path, {"variables": {"Mail": "x #{Octopus.Project.Name}"}}, format="json")
        assert answer.status_code == 200, answer.data
        assert answer.data["variables"] == {"Mail": "x #{Octopus.Project.Name}"}
        for role in ("author", "editor", "viewer"):
            other = signed_in(member(project.team, role, f"{role}{path[5:8]}"))
            assert other.patch(path, {"variables": {}}, format="json").status_code == 403


@pytest.mark.parametrize(
    "variables", [{"Octopus.Project.Name": "x"}, {"payload": "x"}, {"a": "1", "A": "2"}, {"9": "x"}, {"a b\n": "x"}]
)
def test_names_that_cannot_be_are_refused_at_their_field(project, alice, signed_in, variables):
    answer = signed_in(alice).patch(f"/api/projects/{project.pk}/", {"variables": variables}, format="json")
    assert answer.status_code == 400
    assert "variables" in answer.json()["errors"]
