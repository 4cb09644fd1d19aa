"""Every cell of the permission matrix, asked of accounts.permissions as API, pages and workers ask it."""

import itertools

import pytest

from accounts.callers import NOBODY, Caller, caller_for
from accounts.models import Project
from accounts.permissions import may, may_in, visible
from accounts.roles import KEY_SCOPES, MATRIX, ROLE_COLUMNS, RUN_TOKEN, SPACE_KINDS, Verb
from tests.accounts.world import key_of, object_of
from tests.factories import ProjectFactory, UserFactory, member, operator_caller

pytestmark = pytest.mark.django_db
PEOPLE = ("operator", *ROLE_COLUMNS, "outsider", "anonymous")
KINDS = [kind for kind in MATRIX if kind != "api_key"]


def caller_in(column: str, project: Project) -> Caller:
    if column == "operator":
        return operator_caller()
    if column == "anonymous":
        return NOBODY
    return caller_for(UserFactory() if column == "outsider" else member(project.team, column))


def verbs_of(caller: Caller, kind: str, project: Project) -> set[str]:
    """All that the caller may do with objects of that kind."""
    obj = object_of(kind, project)
    where = None if kind in SPACE_KINDS else project
    return {
        verb.value
        for verb in Verb
        if (may_in(caller, verb, kind, where) if verb == Verb.CREATE else may(caller, verb, obj))
    }


@pytest.mark.parametrize(("kind", "column"), list(itertools.product(KINDS, PEOPLE)))
def test_sec_01_a_person_may_what_their_cell_says(kind: str, column: str):
    project = ProjectFactory()
    caller = caller_in(column, project)
    assert verbs_of(caller, kind, project) == MATRIX[kind][column]


@pytest.mark.parametrize(
    ("kind", "scope", "holder"), list(itertools.product(KINDS, KEY_SCOPES, ("operator", "author", "viewer")))
)
def test_sec_01_a_key_may_what_its_scope_and_its_holder_both_may(kind: str, scope: str, holder: str):
    project = ProjectFactory()
    caller = Caller(user=caller_in(holder, project).user, scopes=frozenset({scope}), key_prefix="abc")
    # Where the scope reads and the holder may only know of it, the key may know of it.
    of_scope = MATRIX[kind][scope] | ({"m"} if "r" in MATRIX[kind][scope] else set())
    assert verbs_of(caller, kind, project) == of_scope & MATRIX[kind][holder]


@pytest.mark.parametrize(("kind", "column"), list(itertools.product(KINDS, PEOPLE)))
def test_sec_02_a_list_shows_what_the_cell_lets_read_or_know_of(kind: str, column: str):
    project = ProjectFactory()
    caller = caller_in(column, project)
    obj = object_of(kind, project)
    shown = visible(type(obj)._default_manager.all(), caller).filter(pk=obj.pk).exists()
    assert shown == bool(MATRIX[kind][column] & {"r", "m"})


@pytest.mark.parametrize("kind", KINDS)
def test_sec_53_the_script_of_a_run_may_read_and_drive_the_catalogue_only(kind: str, run_caller):
    project = ProjectFactory()
    assert verbs_of(run_caller(project), kind, project) == RUN_TOKEN.get(kind, frozenset())


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"environment", "machine"}))
def test_sec_53_the_script_of_a_run_may_nothing_in_another_project(kind: str, run_caller):
    assert verbs_of(run_caller(ProjectFactory()), kind, ProjectFactory()) == set()


@pytest.mark.parametrize("column", ROLE_COLUMNS)
def test_sec_12_a_member_manages_their_own_keys_and_nobody_elses(column: str):
    project = ProjectFactory()
    caller = caller_in(column, project)
    own, foreign = key_of(caller.user), key_of(member(project.team, "viewer"))
    assert may_in(caller, Verb.CREATE, "api_key", None)
    assert {verb.value for verb in Verb if may(caller, verb, own)} == {"c", "m", "d"}
    assert not any(may(caller, verb, foreign) for verb in Verb)


def test_sec_12_an_operator_sees_and_revokes_all_keys_but_makes_none():
    operator, key = operator_caller(), key_of(UserFactory())
    assert {verb.value for verb in Verb if may(operator, verb, key)} == {"m", "d"}
    assert not may_in(operator, Verb.CREATE, "api_key", None)


def test_sec_12_somebody_without_a_team_has_no_keys():
    caller = caller_for(UserFactory())
    key = key_of(caller.user)
    assert not may_in(caller, Verb.CREATE, "api_key", None)
    assert not any(may(caller, verb, key) for verb in Verb)


@pytest.mark.parametrize(("scope", "holder"), list(itertools.product(KEY_SCOPES, ("operator", "owner"))))
def test_sec_12_no_key_sees_or_makes_keys(scope: str, holder: str):
    project = ProjectFactory()
    user = caller_in(holder, project).user
    caller = Caller(user=user, scopes=frozenset({scope}), key_prefix="abc")
    key = key_of(user)
    assert not may_in(caller, Verb.CREATE, "api_key", None)
    assert not any(may(caller, verb, key) for verb in Verb)
    assert not visible(type(key).objects.all(), caller).exists()
