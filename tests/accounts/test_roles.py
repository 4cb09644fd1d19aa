"""The matrix itself, and how two roles combine."""

import itertools

import pytest

from accounts.roles import MATRIX, ROLE_COLUMNS, capped, operator_may, roles_with, scopes_allow


def _rights(cell: frozenset[str]) -> frozenset[str]:
    # Who may read may know of it.
    return cell | {"m"} if "r" in cell else cell


def test_sec_06_only_authors_write_scripts():
    assert roles_with("script_action", "c") == {"author"}
    assert roles_with("script_action", "u") == {"author"}


@pytest.mark.parametrize(("role", "cap"), list(itertools.product(ROLE_COLUMNS, ROLE_COLUMNS)))
def test_sec_06_a_capped_role_adds_no_right_that_either_lacks(role: str, cap: str):
    result = capped(role, cap)
    for kind, cells in MATRIX.items():
        assert _rights(cells[result]) <= _rights(cells[role]) & _rights(cells[cap]), kind


def test_an_owner_shared_in_as_author_is_an_editor():
    assert capped("owner", "author") == "editor"
    assert capped("author", "author") == "author"


@pytest.mark.parametrize("scope", ["operator", "owner", "author", "trigger", "nonsense"])
def test_sec_12_a_scope_that_keys_cannot_have_gives_nothing(scope: str):
    assert not scopes_allow("project", "r", frozenset({scope}))
    assert not scopes_allow("endpoint", "x", frozenset({scope}))


@pytest.mark.parametrize("kind", sorted(MATRIX))
def test_an_operator_may_no_less_than_a_member_except_to_make_keys(kind: str):
    missing = {
        verb
        for role in ROLE_COLUMNS
        for verb in MATRIX[kind][role] - {"o"}
        if not operator_may(kind, verb) and not (verb == "m" and operator_may(kind, "r"))
    }
    assert missing == ({"c"} if kind == "api_key" else set())
