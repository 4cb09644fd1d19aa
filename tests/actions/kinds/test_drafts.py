"""A draft is what a run would send, with what is not known left as it stands."""

import json

import pytest

from actions.kinds.base import UnrunnableError
from actions.kinds.http import HttpKind
from tests.actions.kinds.contexts import context

UNKNOWN = {
    "url": "https://monitor.example.com/#{Octopus.Project.Nmae}",
    "body": {"kind": "json", "json": {"count": "$int:#{Coutn}", "when": "now"}},
}
KNOWN = {"Octopus.Project.Name": "Core Web", "Count": "3"}


def test_a_draft_names_each_unknown_token_with_its_place_offset_and_the_nearest_name():
    drafted = HttpKind().draft(context(UNKNOWN, KNOWN))
    assert [(token.place, token.token, token.offset, token.suggestion) for token in drafted.unresolved] == [
        ("the URI", "#{Octopus.Project.Nmae}", 28, "Octopus.Project.Name"),
        ("body.count", "#{Coutn}", 5, "Count"),
    ]
    assert json.loads(drafted.shown["body"]) == {"count": "#{Coutn}", "when": "now"}


def test_the_same_draft_is_never_sent():
    with pytest.raises(UnrunnableError, match=r"#\{Octopus.Project.Nmae\} in the URI is not known"):
        HttpKind().prepare(context(UNKNOWN, KNOWN))


@pytest.mark.parametrize(("policy", "count"), [("keep", "#{Coutn}"), ("empty", None)])
def test_an_action_may_say_otherwise(policy, count):
    prepared = HttpKind().prepare(context({**UNKNOWN, "on_unresolved": policy}, KNOWN))
    assert json.loads(prepared.shown["body"]).get("count") == count


def test_a_known_number_is_sent_as_a_number():
    drafted = HttpKind().draft(context({"body": {"kind": "json", "json": {"count": "$int:#{Count}"}}}, KNOWN))
    assert drafted.unresolved == ()
    assert json.loads(drafted.request.body) == {"count": 3}


def test_what_should_be_a_number_and_is_not_is_an_error_of_its_own():
    with pytest.raises(UnrunnableError, match=r"body.count should be a whole number, but renders as 'Core Web'"):
        HttpKind().draft(context({"body": {"kind": "json", "json": {"count": "$int:#{Octopus.Project.Name}"}}}, KNOWN))
