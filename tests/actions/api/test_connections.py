"""/api/connections/: accounts of third-party services."""

import pytest

from accounts import vault
from accounts.callers import caller_for
from actions.models import Connection
from tests.factories import ProjectFactory, member, operator_caller

pytestmark = pytest.mark.django_db


def body(project, **more):
    return {
        "project": str(project.pk),
        "integration": "new_relic",
        "name": "Monitor",
        "settings": {"account": "12"},
    } | more


def test_alice_makes_a_connection_with_a_secret_by_reference(project, alice, signed_in):
    secret = vault.store(caller_for(alice), project, "token", "correct horse battery staple")
    answer = signed_in(alice).post("/api/connections/", body(project, secret=str(secret.pk)))
    assert answer.status_code == 201, answer.data
    assert answer.data["secret"] == secret.pk
    assert b"battery" not in answer.content


@pytest.mark.parametrize("role", ["author", "editor", "viewer"])
def test_bob_makes_no_connection(project, signed_in, role):
    client = signed_in(member(project.team, role, "bob"))
    assert client.post("/api/connections/", body(project)).status_code == 403


def test_no_key_makes_a_connection(project, alice, client_for):
    assert client_for(alice).post("/api/connections/", body(project)).status_code == 403


@pytest.mark.parametrize(("role", "sees_settings"), [("owner", True), ("editor", False), ("viewer", False)])
def test_members_know_of_a_connection_and_owners_see_its_settings(project, signed_in, role, sees_settings):
    Connection.objects.create(project=project, integration="new_relic", name="Monitor", settings={"account": "12"})
    (shown,) = signed_in(member(project.team, role, "bob")).get("/api/connections/").data["results"]
    assert shown["name"] == "Monitor"
    assert ("settings" in shown) == sees_settings


def test_sec_03_a_secret_of_another_project_is_refused(project, alice, signed_in):
    other = ProjectFactory(team=project.team)
    foreign = vault.store(operator_caller(), other, "token", "value")
    answer = signed_in(alice).post("/api/connections/", body(project, secret=str(foreign.pk)))
    assert answer.status_code == 400
    assert "secret" in answer.json()["errors"]


def test_a_connection_stays_in_its_project_and_with_its_integration(project, alice, signed_in):
    client = signed_in(alice)
    path = f"/api/connections/{client.post('/api/connections/', body(project)).data['id']}/"
    other = ProjectFactory(team=project.team)
    assert client.patch(path, {"project": str(other.pk)}).status_code == 400
    assert client.patch(path, {"integration": "raygun"}).status_code == 400
    assert client.patch(path, {"name": "Other"}).data["name"] == "Other"


def test_sec_02_charlie_sees_none(project, charlie, signed_in):
    connection = Connection.objects.create(project=project, integration="new_relic", name="Monitor")
    assert signed_in(charlie).get(f"/api/connections/{connection.pk}/").status_code == 404
