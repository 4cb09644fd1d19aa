"""Joining, leaving, sharing."""

import pytest
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import ProtectedError

from accounts import grants
from accounts.callers import Caller, caller_for
from accounts.models import AuditEntry, Membership, Project, ProjectGroupObjectPermission, ProjectShare, Team
from accounts.permissions import may, may_in, visible
from accounts.roles import Verb
from tests.factories import ProjectFactory, TeamFactory, UserFactory, member, operator_caller

pytestmark = pytest.mark.django_db


@pytest.fixture
def team() -> Team:
    return TeamFactory(name="Web", slug="web", allows_authors=False)


@pytest.fixture
def alice(team: Team) -> Caller:
    return caller_for(member(team, "owner", "alice"))


def test_only_an_operator_makes_a_team(alice: Caller):
    with pytest.raises(PermissionDenied, match="alice may not make a team: ask a site operator"):
        grants.create_team(alice, "Mine", "mine")


def test_alice_makes_a_project_in_her_team(team: Team, alice: Caller):
    project = grants.create_project(alice, team, "Core Web", "core-web")
    assert may(alice, Verb.DELETE, project)
    assert project.octopus_id.startswith("Projects-")


def test_bob_as_editor_makes_no_project(team: Team):
    with pytest.raises(PermissionDenied, match="ask an owner of team Web"):
        grants.create_project(caller_for(member(team, "editor", "bob")), team, "Core Web", "core-web")


def test_sec_03_charlie_makes_no_project_in_alices_team(team: Team):
    with pytest.raises(PermissionDenied):
        grants.create_project(caller_for(member(TeamFactory(), "owner", "charlie")), team, "Core Web", "core-web")


@pytest.mark.parametrize("holder", ["operator", "owner"])
def test_sec_12_a_key_grants_nothing(team: Team, alice: Caller, holder: str):
    user = operator_caller().user if holder == "operator" else alice.user
    key = Caller(user=user, scopes=frozenset({"read", "write", "run"}), key_prefix="abc")
    project = ProjectFactory(team=team)
    for attempt in (
        lambda: grants.create_team(key, "Mine", "mine"),
        lambda: grants.create_project(key, team, "New", "new"),
        lambda: grants.join(key, team, UserFactory(), "owner"),
        lambda: grants.leave(key, team, user),
        lambda: grants.share(key, project, TeamFactory(), "viewer"),
        lambda: grants.unshare(key, project, TeamFactory()),
        lambda: grants.delete_team(key, team),
    ):
        with pytest.raises(PermissionDenied):
            attempt()


def test_sec_53_the_script_of_a_run_grants_nothing(run_caller):
    project = ProjectFactory()
    with pytest.raises(PermissionDenied):
        grants.join(run_caller(project), project.team, UserFactory(), "owner")


def test_a_member_has_one_role_and_the_last_one_counts(team: Team, alice: Caller):
    bob = UserFactory(username="bob")
    grants.join(alice, team, bob, "editor")
    project = ProjectFactory(team=team)
    assert may_in(caller_for(bob), Verb.CREATE, "reaction", project)
    grants.join(alice, team, bob, "viewer")
    assert Membership.objects.get(user=bob).role == "viewer"
    assert bob.groups.count() == 1
    assert not may_in(caller_for(bob), Verb.CREATE, "reaction", project)


def test_an_unknown_role_is_refused_in_words(team: Team, alice: Caller):
    with pytest.raises(ValidationError, match="There is no role 'king'; known are: owner, author"):
        grants.join(alice, team, UserFactory(), "king")


def test_sec_06_the_first_author_of_a_team_is_granted_by_an_operator(team: Team, alice: Caller):
    bob, dora = UserFactory(username="bob"), UserFactory(username="dora")
    with pytest.raises(PermissionDenied, match="an operator must grant the first one"):
        grants.join(alice, team, bob, "author")
    grants.join(operator_caller(), team, bob, "author")
    grants.join(alice, team, dora, "author")
    assert Membership.objects.filter(team=team, role="author").count() == 2


def test_the_last_owner_stays(team: Team, alice: Caller):
    for attempt in (
        lambda: grants.leave(alice, team, alice.user),
        lambda: grants.join(alice, team, alice.user, "viewer"),
        lambda: grants.leave(operator_caller(), team, alice.user),
    ):
        with pytest.raises(ValidationError, match="alice is the last owner of team Web"):
            attempt()


def test_a_disabled_owner_does_not_count_as_another_owner(team: Team, alice: Caller):
    other = member(team, "owner")
    other.is_active = False
    other.save()
    with pytest.raises(ValidationError, match="last owner"):
        grants.leave(alice, team, alice.user)


def test_bob_may_leave_by_himself_and_loses_his_rights(team: Team, alice: Caller):
    bob = member(team, "editor", "bob")
    ProjectFactory(team=team)
    grants.leave(caller_for(bob), team, bob)
    assert not visible(Project.objects.all(), caller_for(bob)).exists()
    assert not bob.groups.exists()


def test_bob_may_not_take_dora_out(team: Team, alice: Caller):
    bob, dora = member(team, "editor", "bob"), member(team, "viewer", "dora")
    with pytest.raises(PermissionDenied):
        grants.leave(caller_for(bob), team, dora)


def test_taking_out_somebody_who_is_not_in_is_said(team: Team, alice: Caller):
    with pytest.raises(ValidationError, match="is not in team Web"):
        grants.leave(alice, team, UserFactory())


def test_sec_80_grants_are_audited(team: Team, alice: Caller):
    grants.join(alice, team, UserFactory(username="bob"), "editor")
    entry = AuditEntry.objects.filter(verb="grant", actor=alice.user).get()
    assert entry.changes == {"role": [None, "editor"]}
    assert entry.team == team


# Sharing a project


@pytest.mark.parametrize(
    ("role", "as_role", "may_edit"),
    [("owner", "editor", True), ("author", "viewer", False), ("viewer", "editor", False), ("editor", "editor", True)],
)
def test_a_share_is_capped_by_the_members_own_role(team: Team, alice: Caller, role: str, as_role: str, may_edit: bool):
    project, friends = ProjectFactory(team=team), TeamFactory()
    charlie = caller_for(member(friends, role, "charlie"))
    grants.share(alice, project, friends, as_role)
    assert list(visible(Project.objects.all(), charlie)) == [project]
    assert may_in(charlie, Verb.CREATE, "reaction", project) == may_edit
    assert not may_in(charlie, Verb.CREATE, "script_action", project)


def test_sec_06_owners_of_another_team_gain_no_scripts_by_a_share_as_author(team: Team):
    project, friends = ProjectFactory(team=team), TeamFactory()
    charlie, dora = member(friends, "owner", "charlie"), member(friends, "author", "dora")
    grants.share(operator_caller(), project, friends, "author")
    assert not may_in(caller_for(charlie), Verb.CREATE, "script_action", project)
    assert may_in(caller_for(dora), Verb.CREATE, "script_action", project)


def test_sec_06_alice_shares_neither_as_owner_nor_as_author(team: Team, alice: Caller):
    project, friends = ProjectFactory(team=team), TeamFactory()
    with pytest.raises(ValidationError, match="one owning team"):
        grants.share(alice, project, friends, "owner")
    with pytest.raises(PermissionDenied, match="an operator must share a project as author"):
        grants.share(alice, project, friends, "author")
    with pytest.raises(ValidationError, match="one owning team"):
        grants.share(alice, project, team, "viewer")


def test_a_smaller_share_replaces_the_larger_one(team: Team, alice: Caller):
    project, friends = ProjectFactory(team=team), TeamFactory()
    charlie = caller_for(member(friends, "editor", "charlie"))
    grants.share(alice, project, friends, "editor")
    grants.share(alice, project, friends, "viewer")
    assert not may_in(charlie, Verb.CREATE, "reaction", project)


def test_a_share_taken_back_gives_nothing(team: Team, alice: Caller):
    project, friends = ProjectFactory(team=team), TeamFactory()
    charlie = caller_for(member(friends, "editor", "charlie"))
    grants.share(alice, project, friends, "editor")
    grants.unshare(alice, project, friends)
    assert not visible(Project.objects.all(), charlie).exists()
    with pytest.raises(ValidationError, match="is not shared with team"):
        grants.unshare(alice, project, friends)


# Deleting


def test_sec_05_a_deleted_team_leaves_no_groups_and_no_rights(team: Team, alice: Caller):
    project, friends = ProjectFactory(team=team), TeamFactory()
    charlie = member(friends, "editor", "charlie")
    grants.share(alice, project, friends, "editor")
    grants.delete_team(operator_caller(), friends)
    assert not ProjectShare.objects.exists()
    assert not charlie.groups.exists()
    assert Group.objects.count() == 4
    assert ProjectGroupObjectPermission.objects.filter(content_object=project).count() == 4


def test_sec_05_teams_deleted_in_bulk_leave_no_groups():
    TeamFactory()
    Team.objects.all().delete()
    assert not Group.objects.exists()


def test_a_team_that_owns_a_project_stays(team: Team):
    ProjectFactory(team=team)
    with pytest.raises(ProtectedError):
        grants.delete_team(operator_caller(), team)
    assert Group.objects.filter(team_role__team=team).count() == 4


def test_sec_05_a_deleted_project_leaves_no_permissions(team: Team):
    project = ProjectFactory(team=team)
    project.delete()
    assert not ProjectGroupObjectPermission.objects.exists()
