"""/api/teams/ and members: Alice owns, Bob is on the team, Charlie is outside."""

import pytest

from accounts.models import Membership, Team
from tests.factories import UserFactory, member, operator_caller

pytestmark = pytest.mark.django_db


def members(project):
    return f"/api/teams/{project.team.pk}/members/"


def test_a_member_sees_their_team_and_who_is_in_it(project, alice, client_for):
    client = client_for(member(project.team, "viewer", "bob"))
    assert [team["id"] for team in client.get("/api/teams/").data["results"]] == [str(project.team.pk)]
    shown = {row["username"]: row["role"] for row in client.get(members(project)).data["results"]}
    assert shown == {"alice": "owner", "bob": "viewer"}


def test_sec_02_charlie_sees_neither_team_nor_members(project, alice, charlie, client_for):
    client = client_for(charlie)
    membership = Membership.objects.get(user=alice)
    for url in (f"/api/teams/{project.team.pk}/", members(project), f"{members(project)}{membership.pk}/"):
        assert client.get(url).status_code == 404
    other_team = Team.objects.get(memberships__user=charlie)
    assert client.get(f"/api/teams/{other_team.pk}/members/{membership.pk}/").status_code == 404


def test_alice_adds_bob_changes_his_role_and_takes_him_out(project, alice, signed_in):
    client, bob = signed_in(alice), UserFactory(username="bob")
    added = client.post(members(project), {"username": "bob", "role": "editor"})
    assert added.status_code == 201, added.data
    url = f"{members(project)}{added.data['id']}/"
    assert client.patch(url, {"role": "viewer"}).data["role"] == "viewer"
    assert client.delete(url).status_code == 204
    assert not bob.groups.exists()


def test_bob_may_leave_and_may_not_take_alice_out(project, alice, signed_in):
    bob = member(project.team, "editor", "bob")
    client = signed_in(bob)
    assert client.delete(f"{members(project)}{Membership.objects.get(user=alice).pk}/").status_code == 403
    assert client.delete(f"{members(project)}{Membership.objects.get(user=bob).pk}/").status_code == 204


def test_bob_does_not_learn_who_exists(project, signed_in):
    client = signed_in(member(project.team, "editor", "bob"))
    UserFactory(username="dora")
    answers = [
        client.post(members(project), {"username": name, "role": "viewer"}) for name in ("dora", "nobody-at-all")
    ]
    assert [answer.status_code for answer in answers] == [403, 403]
    assert answers[0].json() == answers[1].json()


@pytest.mark.parametrize(
    ("sent", "field"),
    [({"username": "nobody", "role": "viewer"}, "username"), ({"username": "dora", "role": "king"}, "role")],
)
def test_what_cannot_be_is_refused_by_field(project, alice, signed_in, sent, field):
    UserFactory(username="dora")
    answer = signed_in(alice).post(members(project), sent)
    assert answer.status_code == 400
    assert field in answer.json()["errors"]


def test_the_last_owner_stays(project, alice, signed_in):
    url = f"{members(project)}{Membership.objects.get(user=alice).pk}/"
    answer = signed_in(alice).delete(url)
    assert answer.status_code == 400
    assert "alice is the last owner" in answer.json()["detail"]
    assert signed_in(alice).patch(url, {"role": "viewer"}).status_code == 400


def test_sec_12_no_key_changes_members(project, alice, client_for):
    UserFactory(username="dora")
    assert client_for(alice).post(members(project), {"username": "dora", "role": "viewer"}).status_code == 403


def test_operators_make_teams_and_members_do_not(project, alice, signed_in):
    sent = {"name": "Data", "slug": "data"}
    assert signed_in(alice).post("/api/teams/", sent).status_code == 403
    operator = signed_in(operator_caller().user)
    made = operator.post("/api/teams/", sent)
    assert made.status_code == 201
    assert Team.objects.get(slug="data").roles.count() == 4
    assert operator.delete(f"/api/teams/{made.data['id']}/").status_code == 204


def test_alice_renames_her_team_but_does_not_switch_it_off(project, alice, signed_in):
    client, url = signed_in(alice), f"/api/teams/{project.team.pk}/"
    assert client.patch(url, {"name": "Web"}).data["name"] == "Web"
    assert client.patch(url, {"is_enabled": False}).status_code == 403
    assert client.patch(url, {"allows_authors": False}).data["allows_authors"] is True
    assert client.delete(url).status_code == 403
    assert signed_in(operator_caller().user).patch(url, {"is_enabled": False}).data["is_enabled"] is False


def test_a_team_that_owns_a_project_is_not_deleted(project, signed_in):
    answer = signed_in(operator_caller().user).delete(f"/api/teams/{project.team.pk}/")
    assert answer.status_code == 409
    assert "in use by project Core Web" in answer.json()["detail"]
