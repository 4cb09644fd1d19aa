"""/api/deployments/ and its verbs."""

import uuid

import pytest
from rest_framework.test import APIClient

from accounts import keys
from accounts.models import RunToken
from tests.factories import EnvironmentFactory, ProjectFactory, ReleaseFactory, member
from triggers.models import Deployment, Event

pytestmark = pytest.mark.django_db


@pytest.fixture
def release(project):
    return ReleaseFactory(project=project, version="1.4.2")


@pytest.fixture
def production():
    return EnvironmentFactory(name="Production", slug="production")


@pytest.fixture
def deployment(release, production, alice, client_for):
    """The URL of a queued deployment."""
    made = client_for(alice).post("/api/deployments/", {"release": str(release.pk), "environment": "Production"})
    assert made.status_code == 201, made.data
    return f"/api/deployments/{made.data['id']}/"


def test_a_deployment_begins_queued(release, production, deployment, alice, client_for, project):
    shown = client_for(alice).get(deployment).json()
    assert shown["octopus_id"].startswith("Deployments-")
    assert (shown["state"], shown["version"], shown["created_by"]) == ("queued", "1.4.2", "alice")
    assert (shown["release"], shown["environment"]) == (str(release.pk), str(production.pk))
    assert shown["project"] == str(project.pk)
    assert Event.objects.get().deployment == shown["octopus_id"]


@pytest.mark.parametrize("project_name", ["id", "octopus_id", "slug", "name"])
@pytest.mark.parametrize("environment_name", ["id", "octopus_id", "slug", "name"])
def test_a_deployment_names_its_release_by_project_and_version(
    project, release, production, alice, client_for, project_name, environment_name
):
    sent = {
        "project": str(getattr(project, project_name)),
        "version": "1.4.2",
        "environment": str(getattr(production, environment_name)),
        "comments": "Evening release",
    }
    made = client_for(alice).post("/api/deployments/", sent)
    assert made.status_code == 201, made.data
    assert Deployment.objects.get().release == release
    assert made.data["comments"] == "Evening release"


def test_a_deployment_says_what_it_lacks(project, release, production, alice, client_for):
    client, where = client_for(alice), {"environment": "Production"}
    for sent, field in (
        ({}, "environment"),
        (where, "release"),
        (where | {"project": "core-web"}, "release"),
        (where | {"project": "core-web", "version": "9"}, "version"),
        (where | {"release": str(uuid.uuid4())}, "release"),
        (where | {"release": str(release.pk), "version": "1.4.2"}, "release"),
        ({"release": str(release.pk), "environment": "Moon"}, "environment"),
    ):
        answer = client.post("/api/deployments/", sent)
        assert answer.status_code == 400, sent
        assert field in answer.json()["errors"], sent
    assert not Event.objects.exists()


@pytest.mark.parametrize(
    ("verbs", "state", "types"),
    [
        (["start", "succeed"], "succeeded", ["DeploymentStarted", "DeploymentSucceeded"]),
        (["start", "fail"], "failed", ["DeploymentStarted", "DeploymentFailed"]),
        (["start", "cancel"], "canceled", ["DeploymentStarted", "DeploymentCanceled"]),
        (["fail"], "failed", ["DeploymentFailed"]),
        (["cancel"], "canceled", ["DeploymentCanceled"]),
    ],
)
def test_every_move_is_an_event(deployment, alice, client_for, event_types_recorded, verbs, state, types):
    client = client_for(alice)
    for verb in verbs:
        answer = client.post(f"{deployment}{verb}/")
        assert answer.status_code == 200, answer.data
    assert client.get(deployment).data["state"] == state
    assert event_types_recorded() == ["DeploymentQueued", *types]


def test_a_failed_deployment_says_why(deployment, alice, client_for):
    answer = client_for(alice).post(f"{deployment}fail/", {"error": "The disk is full."})
    assert answer.data["error"] == "The disk is full."
    assert Event.objects.first().payload["Deployment"]["Error"] == "The disk is full."


@pytest.mark.parametrize(
    ("before", "verb"),
    [
        ([], "succeed"),
        (["start"], "start"),
        (["start", "succeed"], "start"),
        (["start", "succeed"], "succeed"),
        (["start", "succeed"], "cancel"),
        (["cancel"], "start"),
        (["fail"], "fail"),
    ],
)
def test_a_move_that_the_state_does_not_allow_is_a_conflict(
    deployment, alice, client_for, event_types_recorded, before, verb
):
    client = client_for(alice)
    for one in before:
        client.post(f"{deployment}{one}/")
    happened = event_types_recorded()
    answer = client.post(f"{deployment}{verb}/")
    assert answer.status_code == 409
    assert answer["Content-Type"] == "application/problem+json"
    assert f"cannot {verb}" in answer.json()["detail"]
    assert event_types_recorded() == happened


def test_state_and_times_cannot_be_set(release, production, alice, client_for):
    sent = {
        "release": str(release.pk),
        "environment": "production",
        "state": "succeeded",
        "octopus_id": "Deployments-1000",
    }
    made = client_for(alice).post("/api/deployments/", sent)
    assert (made.data["state"], made.data["octopus_id"] == "Deployments-1000") == ("queued", False)
    url = f"/api/deployments/{made.data['id']}/"
    assert client_for(alice).patch(url, {"state": "succeeded"}).status_code == 405


@pytest.mark.parametrize("role", ["author", "editor"])
def test_bob_deploys(release, production, project, client_for, role):
    bob = client_for(member(project.team, role))
    made = bob.post("/api/deployments/", {"release": str(release.pk), "environment": "production"})
    assert bob.post(f"/api/deployments/{made.data['id']}/start/").status_code == 200


def test_bob_as_viewer_sees_deployments_and_moves_none(deployment, release, project, client_for):
    bob = client_for(member(project.team, "viewer"))
    assert bob.get(deployment).data["state"] == "queued"
    assert bob.post("/api/deployments/", {"release": str(release.pk), "environment": "production"}).status_code == 403
    for verb in ("start", "succeed", "fail", "cancel"):
        assert bob.post(f"{deployment}{verb}/").status_code == 403
    assert bob.get(deployment).data["state"] == "queued"


def test_sec_02_charlie_knows_of_no_deployment(deployment, release, project, charlie, client_for):
    client = client_for(charlie)
    assert client.get(deployment).status_code == 404
    assert client.post(f"{deployment}start/").status_code == 404
    assert client.get(f"/api/deployments/?project={project.pk}").data["results"] == []
    for sent in ({"release": str(release.pk)}, {"project": "core-web", "version": "1.4.2"}):
        assert client.post("/api/deployments/", sent | {"environment": "production"}).status_code == 400
    assert Deployment.objects.count() == 1


def test_sec_12_a_key_that_reads_moves_nothing(deployment, alice, client_for):
    client = client_for(alice, ("read",))
    assert client.get(deployment).status_code == 200
    assert client.post(f"{deployment}start/").status_code == 403


def test_sec_53_the_script_of_a_run_deploys_in_its_own_project_only(release, production, project):
    run, root = uuid.uuid4(), uuid.uuid4()
    token = RunToken(project=project, run=run, label="run of Release", root=root, chain=["a reaction"])
    client = APIClient()
    client.credentials(HTTP_X_OCTOPUS_APIKEY=keys.issue(token, keys.RUN))
    made = client.post("/api/deployments/", {"project": "Core Web", "version": "1.4.2", "environment": "Production"})
    assert made.status_code == 201, made.data
    event = Event.objects.get()
    assert (event.actor, event.cause_run, event.root, event.chain) == ("run of Release", run, root, ["a reaction"])
    elsewhere = ReleaseFactory(project=ProjectFactory(team=project.team))
    sent = {"release": str(elsewhere.pk), "environment": "Production"}
    assert client.post("/api/deployments/", sent).status_code == 400


def test_deployments_are_filtered_and_listed_at_one_cost(
    release, production, alice, project, client_for, django_assert_max_num_queries
):
    client = client_for(alice)
    for _ in range(6):
        client.post("/api/deployments/", {"release": str(release.pk), "environment": "production"})
    Deployment.objects.filter(pk=Deployment.objects.first().pk).update(state="running")
    with django_assert_max_num_queries(2):
        assert len(client.get("/api/deployments/").data["results"]) == 6
    assert len(client.get("/api/deployments/?state=running").data["results"]) == 1
    assert len(client.get("/api/deployments/?state=running&state=queued").data["results"]) == 6
    assert len(client.get(f"/api/deployments/?environment={production.pk}&project={project.pk}").data["results"]) == 6
    assert client.get("/api/deployments/?state=nonsense").status_code == 400
