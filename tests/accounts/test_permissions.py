"""Alice owns the project, Bob is on her team, Charlie is outside."""

import pytest
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied, ValidationError
from guardian.models import UserObjectPermission
from guardian.shortcuts import assign_perm

from accounts import grants
from accounts.callers import Caller, caller_for
from accounts.models import AuditEntry, Project, Secret, Team
from accounts.permissions import may, may_in, require, require_in, visible
from accounts.roles import Verb
from actions.models import Action, Reaction
from tests.accounts.world import action_of, reaction_of
from tests.factories import (
    EnvironmentFactory,
    InternalTriggerFactory,
    ProjectFactory,
    TeamFactory,
    UserFactory,
    member,
    operator_caller,
)
from triggers.ledger import EventData, record
from triggers.models import Environment, Event, Trigger

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    return ProjectFactory(name="Core Web", slug="core-web")


@pytest.fixture
def alice(project: Project) -> Caller:
    return caller_for(member(project.team, "owner", "alice"))


@pytest.fixture
def charlie() -> Caller:
    return caller_for(member(TeamFactory(), "owner", "charlie"))


def bob(project: Project, role: str) -> Caller:
    return caller_for(member(project.team, role, "bob"))


def test_charlie_sees_nothing_of_alices_project(project: Project, charlie: Caller):
    reaction = reaction_of(project)
    assert not visible(Project.objects.all(), charlie).exists()
    assert not visible(Reaction.objects.all(), charlie).exists()
    assert not may(charlie, Verb.READ, reaction)


def test_bob_as_viewer_sees_reactions_and_changes_none(project: Project):
    viewer = bob(project, "viewer")
    reaction = reaction_of(project)
    assert list(visible(Reaction.objects.all(), viewer)) == [reaction]
    with pytest.raises(PermissionDenied, match="bob may not change this reaction: ask an owner"):
        require(viewer, Verb.UPDATE, reaction)


def test_bob_as_editor_may_make_reactions_but_no_scripts(project: Project):
    editor = bob(project, "editor")
    require_in(editor, Verb.CREATE, "reaction", project)
    with pytest.raises(PermissionDenied, match="bob may not create script actions in project Core Web"):
        require_in(editor, Verb.CREATE, "script_action", project)


def test_sec_06_alice_as_owner_may_not_write_scripts(project: Project, alice: Caller):
    assert not may_in(alice, Verb.CREATE, "script_action", project)
    assert not may(alice, Verb.UPDATE, action_of(project, "script"))
    assert may(alice, Verb.DELETE, action_of(project, "script", "Other"))


def test_a_filter_by_verb_tells_scripts_from_requests(project: Project, alice: Caller):
    script, http = action_of(project, "script", "Script"), action_of(project, "http", "Request")
    assert set(visible(Action.objects.all(), alice)) == {script, http}
    assert set(visible(Action.objects.all(), alice, Verb.UPDATE)) == {http}


def test_knowing_of_a_secret_is_not_reading_it(project: Project):
    viewer = bob(project, "viewer")
    secret = Secret.objects.create(project=project, name="token", ciphertext="sealed")
    assert list(visible(Secret.objects.all(), viewer)) == [secret]
    assert may(viewer, Verb.METADATA, secret)
    assert not may(viewer, Verb.READ, secret)


def test_sec_14_a_disabled_person_may_nothing(project: Project, alice: Caller):
    alice.user.is_active = False  # type: ignore[union-attr]
    assert not visible(Project.objects.all(), alice).exists()
    assert not may(alice, Verb.READ, project)
    assert not alice.is_session


def test_sec_14_a_disabled_operator_may_nothing(project: Project):
    operator = operator_caller()
    operator.user.is_active = False  # type: ignore[union-attr]
    assert not visible(Project.objects.all(), operator).exists()
    with pytest.raises(PermissionDenied):
        grants.create_team(operator, "Other", "other")


def test_a_superuser_who_is_no_operator_has_no_rights_of_their_own(project: Project):
    user = UserFactory(is_superuser=True)
    assert not visible(Project.objects.all(), caller_for(user)).exists()


def test_sec_05_a_permission_given_for_all_projects_counts_for_none(project: Project):
    user = UserFactory()
    user.user_permissions.add(Permission.objects.get(codename="owner_of_project"))
    assert not visible(Project.objects.all(), caller_for(user)).exists()


def test_sec_12_a_key_of_an_operator_has_its_scope_only(project: Project):
    reader = Caller(user=operator_caller().user, scopes=frozenset({"read"}), key_prefix="abc")
    reaction = reaction_of(project)
    assert may(reader, Verb.READ, reaction)
    with pytest.raises(PermissionDenied, match="the key abc… may not delete this reaction: use a key with"):
        require(reader, Verb.DELETE, reaction)


def test_sec_12_a_key_never_outranks_its_holder(project: Project):
    user = member(project.team, "viewer", "bob")
    writer = Caller(user=user, scopes=frozenset({"read", "write", "run"}), key_prefix="abc")
    assert not may(writer, Verb.UPDATE, reaction_of(project))


def test_everybody_with_a_role_sees_environments_and_machines_and_strangers_do_not(charlie: Caller):
    environment = EnvironmentFactory(name="Production")
    assert list(visible(Environment.objects.all(), charlie)) == [environment]
    assert not visible(Environment.objects.all(), caller_for(UserFactory())).exists()


def test_an_event_of_the_whole_space_is_seen_by_everybody_with_a_role(charlie: Caller):
    event = record(EventData(type="MachineRegistered", source="catalog")).event
    assert list(visible(Event.objects.all(), charlie)) == [event]
    assert not visible(Event.objects.all(), caller_for(UserFactory())).exists()


def test_sec_80_owners_read_the_audit_log_of_their_projects_and_teams(project: Project, alice: Caller, charlie: Caller):
    bob(project, "editor")
    seen = set(visible(AuditEntry.objects.all(), alice).values_list("verb", "team__name"))
    assert ("grant", project.team.name) in seen
    assert ("create", project.team.name) in seen
    assert not visible(AuditEntry.objects.all(), charlie).filter(project=project).exists()
    assert not visible(AuditEntry.objects.all(), charlie).filter(team=project.team).exists()


def test_a_team_is_seen_by_its_members_only(project: Project, alice: Caller, charlie: Caller):
    assert list(visible(Team.objects.all(), alice)) == [project.team]
    assert not visible(Team.objects.all(), charlie).filter(pk=project.team.pk).exists()


@pytest.mark.parametrize("role", ["owner", "viewer"])
def test_a_list_costs_one_query(role: str, project: Project, django_assert_num_queries):
    caller = bob(project, role)
    for number in range(5):
        reaction_of(project, name=f"Reaction {number}")
    models = (Reaction, Action, Trigger, Project, Event, AuditEntry, Environment, Team)
    ContentType.objects.get_for_models(*models)  # looked up once in a process
    for model in models:
        with django_assert_num_queries(1):
            list(visible(model._default_manager.all(), caller))


# Sharing one object


def test_alice_shares_one_reaction_and_charlie_sees_that_one(project: Project, alice: Caller, charlie: Caller):
    shared, other = reaction_of(project, name="Shared"), reaction_of(project, name="Other")
    grants.share_object(alice, shared, charlie.user, Verb.READ)  # type: ignore[arg-type]
    assert list(visible(Reaction.objects.all(), charlie)) == [shared]
    assert may(charlie, Verb.READ, shared)
    assert not may(charlie, Verb.UPDATE, shared)
    assert not may(charlie, Verb.READ, other)
    assert not may(charlie, Verb.READ, project)


def test_a_share_of_one_object_can_be_taken_back(project: Project, alice: Caller, charlie: Caller):
    trigger = InternalTriggerFactory(project=project)
    grants.share_object(alice, trigger, charlie.user, Verb.UPDATE)  # type: ignore[arg-type]
    assert may(charlie, Verb.UPDATE, trigger)
    grants.unshare_object(alice, trigger, charlie.user, Verb.UPDATE)  # type: ignore[arg-type]
    assert not may(charlie, Verb.UPDATE, trigger)


def test_sec_05_the_permissions_of_a_shared_object_go_with_it(project: Project, alice: Caller, charlie: Caller):
    action = action_of(project)
    reaction = reaction_of(project, action)
    for obj in (action, reaction):
        grants.share_object(alice, obj, charlie.user, Verb.READ)  # type: ignore[arg-type]
    reaction.delete()
    Action.objects.filter(pk=action.pk).delete()
    assert not UserObjectPermission.objects.exists()


def test_sec_06_only_an_owner_shares_an_object(project: Project, charlie: Caller):
    with pytest.raises(PermissionDenied, match="bob may not share reaction Tell them"):
        grants.share_object(bob(project, "editor"), reaction_of(project), charlie.user, Verb.READ)  # type: ignore[arg-type]


def test_sec_06_a_script_cannot_be_shared_for_change(project: Project, alice: Caller, charlie: Caller):
    script = action_of(project, "script")
    with pytest.raises(ValidationError, match="script action cannot be shared for that"):
        grants.share_object(alice, script, charlie.user, Verb.UPDATE)  # type: ignore[arg-type]


def test_sec_06_a_row_that_shares_a_script_for_change_counts_for_nothing(project: Project, charlie: Caller):
    script = action_of(project, "script")
    assign_perm("actions.change_action", charlie.user, script)
    assert not may(charlie, Verb.UPDATE, script)


def test_sec_12_a_key_reads_a_shared_object_within_its_scope(project: Project, alice: Caller, charlie: Caller):
    reaction = reaction_of(project)
    grants.share_object(alice, reaction, charlie.user, Verb.UPDATE)  # type: ignore[arg-type]
    reader = Caller(user=charlie.user, scopes=frozenset({"read"}), key_prefix="abc")
    assert not may(reader, Verb.UPDATE, reaction)
