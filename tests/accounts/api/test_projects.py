"""/api/projects/ and shares."""

import pytest

from accounts.models import Project, ProjectShare
from tests.factories import ProjectFactory, ReactionFactory, TeamFactory, member, operator_caller

pytestmark = pytest.mark.django_db


def test_alice_makes_changes_and_deletes_a_project(project, alice, signed_in):
    client = signed_in(alice)
    sent = {"team": str(project.team.pk), "name": "Shop", "slug": "shop"}
    made = client.post("/api/projects/", sent)
    assert made.status_code == 201, made.data
    assert made.data["octopus_id"].startswith("Projects-")
    url = f"/api/projects/{made.data['id']}/"
    assert client.patch(url, {"description": "The shop."}).data["description"] == "The shop."
    assert client.delete(url).status_code == 204


def test_a_project_goes_with_all_that_it_holds(project, alice, signed_in):
    from tests.accounts.world import ledger_of

    ledger_of(project)
    ReactionFactory(project=project, action__project=project)
    assert signed_in(alice).delete(f"/api/projects/{project.pk}/").status_code == 204
    assert not Project.objects.filter(pk=project.pk).exists()


@pytest.mark.parametrize("role", ["author", "editor", "viewer"])
def test_bob_reads_the_project_and_changes_nothing(project, signed_in, role):
    client, url = signed_in(member(project.team, role, "bob")), f"/api/projects/{project.pk}/"
    assert client.get(url).data["name"] == "Core Web"
    assert client.patch(url, {"name": "Mine"}).status_code == 403
    assert client.delete(url).status_code == 403
    sent = {"team": str(project.team.pk), "name": "Shop", "slug": "shop"}
    assert client.post("/api/projects/", sent).status_code == 403


def test_sec_03_a_project_stays_with_its_team(project, alice, signed_in):
    from accounts import grants

    other = TeamFactory()
    grants.join(operator_caller(), other, alice, "owner")
    answer = signed_in(alice).patch(f"/api/projects/{project.pk}/", {"team": str(other.pk)})
    assert answer.status_code == 400
    project.refresh_from_db()
    assert project.team != other


def test_sec_03_charlie_makes_no_project_in_alices_team(project, charlie, signed_in):
    sent = {"team": str(project.team.pk), "name": "Shop", "slug": "shop"}
    assert signed_in(charlie).post("/api/projects/", sent).status_code == 400


def test_sec_02_charlie_sees_no_project(project, charlie, client_for):
    client = client_for(charlie)
    assert client.get("/api/projects/").data["results"] == []
    assert client.get(f"/api/projects/{project.pk}/").status_code == 404
    assert client.get(f"/api/projects/{project.pk}/shares/").status_code == 404
    assert client.get("/api/projects/nonsense/").status_code == 404


def test_sec_12_a_key_reads_projects_and_makes_none(project, alice, client_for):
    client = client_for(alice)
    assert len(client.get("/api/projects/?slug=core-web").data["results"]) == 1
    sent = {"team": str(project.team.pk), "name": "Shop", "slug": "shop"}
    assert client.post("/api/projects/", sent).status_code == 403


def test_an_operator_shares_a_project_and_takes_it_back(project, charlie, signed_in, client_for):
    operator, friends = signed_in(operator_caller().user), charlie.memberships.get().team
    url = f"/api/projects/{project.pk}/shares/"
    made = operator.post(url, {"team": str(friends.pk), "role": "viewer"})
    assert made.status_code == 201, made.data
    assert len(client_for(charlie).get("/api/projects/").data["results"]) == 1
    assert operator.delete(f"{url}{made.data['id']}/").status_code == 204
    assert client_for(charlie).get("/api/projects/").data["results"] == []


def test_alice_shares_with_a_team_that_she_can_see_only(project, alice, charlie, signed_in):
    from accounts import grants

    client, friends = signed_in(alice), charlie.memberships.get().team
    url = f"/api/projects/{project.pk}/shares/"
    assert client.post(url, {"team": str(friends.pk), "role": "editor"}).status_code == 400
    grants.join(operator_caller(), friends, alice, "viewer")
    assert client.post(url, {"team": str(friends.pk), "role": "editor"}).status_code == 201
    assert client.post(url, {"team": str(friends.pk), "role": "author"}).status_code == 403
    assert client.post(url, {"team": str(friends.pk), "role": "owner"}).status_code == 400
    assert ProjectShare.objects.get().role == "editor"


def test_bob_sees_shares_and_makes_none(project, alice, charlie, signed_in):
    from accounts import grants

    friends = charlie.memberships.get().team
    share = grants.share(operator_caller(), project, friends, "viewer")
    bob = member(project.team, "editor", "bob")
    grants.join(operator_caller(), friends, bob, "viewer")
    client, url = signed_in(bob), f"/api/projects/{project.pk}/shares/"
    assert [row["id"] for row in client.get(url).data["results"]] == [share.pk]
    assert client.post(url, {"team": str(friends.pk), "role": "editor"}).status_code == 403
    assert client.delete(f"{url}{share.pk}/").status_code == 403


def test_a_list_costs_the_same_however_long_it_is(project, alice, client_for, django_assert_max_num_queries):
    for _ in range(10):
        ProjectFactory(team=project.team)
    client = client_for(alice)
    client.get("/api/projects/")
    with django_assert_max_num_queries(2):
        assert len(client.get("/api/projects/").data["results"]) == 11
