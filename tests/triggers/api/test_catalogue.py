"""/api/environments/, releases, machines, deployment-processes and event-types."""

import pytest

from accounts.models import AuditEntry
from tests.factories import EnvironmentFactory, ProjectFactory, ReleaseFactory, member, operator_caller
from triggers.event_types import event_types
from triggers.models import DeploymentProcess, Environment, Event, Machine, Release

pytestmark = pytest.mark.django_db


# Environments.


def test_alice_makes_an_environment_with_a_slug_of_its_name(alice, client_for):
    made = client_for(alice).post("/api/environments/", {"name": "Pre Production"})
    assert made.status_code == 201, made.data
    assert (made.data["slug"], made.data["octopus_id"][:13]) == ("pre-production", "Environments-")
    assert AuditEntry.objects.filter(verb="create", object_label="Pre Production").exists()
    assert client_for(alice).post("/api/environments/", {"name": "Pre Production"}).status_code == 400


@pytest.mark.parametrize("role", ["author", "editor", "viewer"])
def test_bob_reads_environments_and_makes_none(project, client_for, role):
    bob, environment = client_for(member(project.team, role)), EnvironmentFactory(name="Production")
    assert [row["name"] for row in bob.get("/api/environments/").data["results"]] == ["Production"]
    assert bob.post("/api/environments/", {"name": "Mine"}).status_code == 403
    assert bob.patch(f"/api/environments/{environment.pk}/", {"name": "Mine"}).status_code == 403
    assert bob.delete(f"/api/environments/{environment.pk}/").status_code == 403


def test_operators_change_and_delete_environments_that_nothing_uses(project, client_for, signed_in):
    operator = signed_in(operator_caller().user)
    url = f"/api/environments/{EnvironmentFactory().pk}/"
    assert operator.patch(url, {"sort_order": 5}).data["sort_order"] == 5
    assert operator.delete(url).status_code == 204
    used = EnvironmentFactory()
    release = ReleaseFactory(project=project)
    operator.post("/api/deployments/", {"release": str(release.pk), "environment": used.slug})
    answer = operator.delete(f"/api/environments/{used.pk}/")
    assert answer.status_code == 409
    assert "in use" in answer.json()["detail"]
    assert Environment.objects.filter(pk=used.pk).exists()


def test_somebody_without_any_role_sees_no_environment(client_for):
    from tests.factories import UserFactory

    EnvironmentFactory()
    assert client_for(UserFactory()).get("/api/environments/").data["results"] == []


# Releases.


@pytest.mark.parametrize("name", ["id", "octopus_id", "slug", "name"])
def test_alice_makes_a_release_of_a_project_by_any_of_its_names(project, alice, client_for, name):
    sent = {"project": str(getattr(project, name)), "version": "1.4.2", "notes": "Fixes."}
    made = client_for(alice).post("/api/releases/", sent)
    assert made.status_code == 201, made.data
    assert str(made.data["project"]) == str(project.pk)
    assert (made.data["version"], made.data["notes"], made.data["created_by"]) == ("1.4.2", "Fixes.", "alice")
    event = Event.objects.get()
    assert (event.type, event.payload["Release"]["Number"]) == ("ReleaseCreated", "1.4.2")


def test_of_two_projects_the_one_whose_slug_it_is_comes_before_the_one_whose_name_it_is(project, alice, client_for):
    ProjectFactory(name="core-web", slug="other", team=project.team)
    made = client_for(alice).post("/api/releases/", {"project": "core-web", "version": "1"})
    assert str(made.data["project"]) == str(project.pk)


def test_a_version_is_taken_once_per_project(project, alice, client_for):
    ReleaseFactory(project=project, version="1.0")
    answer = client_for(alice).post("/api/releases/", {"project": "core-web", "version": "1.0"})
    assert answer.status_code == 400
    assert "already exists" in answer.json()["detail"]
    assert not Event.objects.exists()


def test_sec_03_charlie_makes_no_release_in_alices_project(project, charlie, client_for):
    answer = client_for(charlie).post("/api/releases/", {"project": "core-web", "version": "1"})
    nowhere = client_for(charlie).post("/api/releases/", {"project": "no-such-project", "version": "1"})
    assert answer.status_code == nowhere.status_code == 400
    assert answer.json()["detail"].replace("core-web", "") == nowhere.json()["detail"].replace("no-such-project", "")
    assert not Release.objects.exists()


def test_bob_as_viewer_reads_releases_and_makes_none(project, client_for):
    bob = client_for(member(project.team, "viewer"))
    release = ReleaseFactory(project=project)
    assert bob.get(f"/api/releases/{release.pk}/").data["version"] == release.version
    assert bob.post("/api/releases/", {"project": "core-web", "version": "1"}).status_code == 403
    assert bob.delete(f"/api/releases/{release.pk}/").status_code == 403


def test_sec_02_charlie_sees_no_release(project, charlie, client_for):
    release, client = ReleaseFactory(project=project), client_for(charlie)
    assert client.get(f"/api/releases/?project={project.pk}").data["results"] == []
    assert client.get(f"/api/releases/{release.pk}/").status_code == 404
    assert client.delete(f"/api/releases/{release.pk}/").status_code == 404


def test_alice_deletes_a_release_and_it_is_audited(project, alice, signed_in):
    release = ReleaseFactory(project=project)
    assert signed_in(alice).delete(f"/api/releases/{release.pk}/").status_code == 204
    assert AuditEntry.objects.filter(verb="delete", object_type="triggers.Release", project=project).exists()


@pytest.mark.parametrize(
    "sent", [{}, {"project": 7, "version": "1"}, {"project": ["x"], "version": "1"}, {"project": "x"}]
)
def test_a_release_that_lacks_something_says_what(project, alice, client_for, sent):
    answer = client_for(alice).post("/api/releases/", sent)
    assert answer.status_code == 400
    assert answer.json()["errors"]


# Machines.


def test_alice_registers_a_machine(project, alice, client_for, event_types_recorded):
    staging, production = EnvironmentFactory(name="Staging"), EnvironmentFactory(name="Production")
    sent = {"name": "web-01", "environments": ["Staging", str(production.pk)], "roles": ["web-server"], "uri": "x"}
    made = client_for(alice).post("/api/machines/", sent)
    assert made.status_code == 201, made.data
    assert set(made.data["environments"]) == {staging.pk, production.pk}
    assert made.data["health"] == "Unknown"
    assert event_types_recorded() == ["MachineRegistered"]
    assert Event.objects.get().payload["Machine"]["Roles"] == ["web-server"]


def test_operators_report_health_and_only_a_change_is_an_event(project, alice, signed_in, event_types_recorded):
    machine = Machine.objects.create(name="web-01")
    operator, url = signed_in(operator_caller().user), f"/api/machines/{machine.pk}/health/"
    assert operator.post(url, {"health": "Healthy"}).data["health"] == "Healthy"
    assert operator.post(url, {"health": "Healthy"}).status_code == 200
    assert operator.post(url, {"health": "Fine"}).status_code == 400
    assert event_types_recorded() == ["MachineHealthChanged"]
    assert signed_in(alice).post(url, {"health": "Unhealthy"}).status_code == 403
    assert operator.delete(f"/api/machines/{machine.pk}/").status_code == 204


def test_bob_as_viewer_reads_machines_and_registers_none(project, client_for):
    Machine.objects.create(name="web-01")
    bob = client_for(member(project.team, "viewer"))
    assert len(bob.get("/api/machines/?name=web").data["results"]) == 1
    assert bob.post("/api/machines/", {"name": "web-02"}).status_code == 403


# Deployment processes.


def test_alice_gives_a_project_its_steps_and_changes_them(project, alice, client_for, event_types_recorded):
    client, steps = client_for(alice), [{"name": "Deploy"}]
    made = client.post("/api/deployment-processes/", {"project": "core-web", "steps": steps})
    assert made.status_code == 201, made.data
    assert (made.data["version"], made.data["steps"], made.data["updated_by"]) == (1, steps, "alice")
    for name in (made.data["id"], str(project.pk), "core-web"):
        assert client.get(f"/api/deployment-processes/{name}/").data["octopus_id"] == made.data["octopus_id"]
    changed = client.put(
        "/api/deployment-processes/core-web/", {"steps": [*steps, {"name": "Test"}], "message": "More"}
    )
    assert (changed.status_code, changed.data["version"]) == (200, 2)
    assert client.patch(f"/api/deployment-processes/{project.pk}/", {"steps": []}).data["version"] == 3
    assert event_types_recorded() == ["DeploymentProcessUpdated"] * 3
    assert client.post("/api/deployment-processes/", {"project": "core-web", "steps": steps}).status_code == 400


def test_a_put_makes_the_process_where_there_is_none(project, alice, client_for):
    assert client_for(alice).get("/api/deployment-processes/core-web/").status_code == 404
    assert client_for(alice).put("/api/deployment-processes/core-web/", {"steps": [{"name": "a"}]}).status_code == 200
    assert DeploymentProcess.objects.get().version == 1


@pytest.mark.parametrize("steps", [None, "x", ["x"], {"a": 1}])
def test_steps_are_a_list_of_objects(project, alice, client_for, steps):
    assert client_for(alice).put("/api/deployment-processes/core-web/", {"steps": steps}).status_code == 400


def test_bob_reads_a_process_and_charlie_does_not_know_of_it(project, charlie, client_for):
    DeploymentProcess.objects.create(project=project, steps=[])
    bob, outsider = client_for(member(project.team, "viewer")), client_for(charlie)
    assert bob.get("/api/deployment-processes/").data["results"][0]["project"] == project.pk
    assert bob.put("/api/deployment-processes/core-web/", {"steps": []}).status_code == 403
    assert outsider.get("/api/deployment-processes/core-web/").status_code == 404
    assert outsider.put("/api/deployment-processes/core-web/", {"steps": []}).status_code == 404
    assert outsider.post("/api/deployment-processes/", {"project": "core-web", "steps": []}).status_code == 400
    assert outsider.get("/api/deployment-processes/").data["results"] == []


# Event types.


def test_event_types_are_listed_with_what_their_payloads_say(alice, client_for):
    client = client_for(alice)
    listed = client.get("/api/event-types/").json()
    assert [one["name"] for one in listed] == [one.name for one in event_types]
    one = client.get("/api/event-types/DeploymentSucceeded/").json()
    assert {"name": "Release.Number", "label": "Release version", "example": "1.2.0"} in one["payload_fields"]
    assert client.get("/api/event-types/Nothing/").status_code == 404
    assert client.post("/api/event-types/", {}).status_code == 405


@pytest.mark.parametrize(
    "name", ["environments", "releases", "machines", "deployment-processes", "event-types", "triggers"]
)
def test_nobody_reads_anything_without_signing_in(client_for, name):
    assert client_for(None).get(f"/api/{name}/").status_code == 401


def test_lists_cost_the_same_however_long_they_are(project, alice, client_for, django_assert_max_num_queries):
    for number in range(5):
        ReleaseFactory(project=project)
        machine = Machine.objects.create(name=f"web-{number}")
        machine.environments.add(EnvironmentFactory())
        DeploymentProcess.objects.create(project=ProjectFactory(team=project.team))
    client = client_for(alice)
    client.get("/api/releases/")
    for name, most in (("releases", 2), ("environments", 2), ("machines", 3), ("deployment-processes", 2)):
        with django_assert_max_num_queries(most):
            assert len(client.get(f"/api/{name}/").data["results"]) == 5
