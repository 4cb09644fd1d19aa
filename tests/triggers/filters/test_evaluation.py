"""Filters put to events: every operator, groups, traces and errors."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.triggers.filters.facts import DEPLOYMENT, PACKAGE
from triggers.filters import EventFacts, describe, evaluate, operators, validate

NAME = "payload.Payload.PackageIdentifier"
VERSION = "payload.Payload.PackageVersion"
METADATA = "payload.Payload.PackageMetadata"


def condition(field: str, operator: str, *value: Any, **more: Any) -> dict[str, Any]:
    return {"field": field, "operator": operator, **({"value": value[0]} if value else {}), **more}


def passes(facts: EventFacts, *parts: Any, **more: Any) -> bool:
    conditions = [condition(*parts, **more)]
    assert validate(conditions) == []
    verdict = evaluate(conditions, facts)
    assert verdict.error is None
    assert verdict.passed == verdict.trace[0].passed
    return verdict.passed


@pytest.mark.parametrize(
    "parts",
    [
        (NAME, "is", "Acme.Web"),
        (NAME, "is_not", "acme.web"),
        (NAME, "is_one_of", ["x", "Acme.Web"]),
        (NAME, "is_none_of", ["x", "y"]),
        (NAME, "contains", "me.W"),
        (NAME, "not_contains", "Api"),
        (NAME, "starts_with", "Acme."),
        (NAME, "ends_with", ".Web"),
        (NAME, "matches", r"^Acme\.(Web|Api)$"),
        (NAME, "exists"),
        (f"{METADATA}.Zzz", "is_missing"),
        (f"{METADATA}.ReleaseNotes", "is_missing"),
        (f"{METADATA}.IsListed", "is_true"),
        ("query.dry-run", "is_false"),
        (f"{METADATA}.IsListed", "is", "true"),
        (f"{METADATA}.Size", "is", 6158),
        (f"{METADATA}.Size", "is", "6158"),
        (f"{METADATA}.Size", "is", 6158.0),
        ("query.limit", "is", 10),
        (f"{METADATA}.Size", "greater_than", 6157),
        (f"{METADATA}.Size", "at_least", "6158"),
        (f"{METADATA}.Size", "less_than", 6158.5),
        (f"{METADATA}.Size", "at_most", 6158),
        ("query.limit", "less_than", "11"),
        (f"{METADATA}.Tags", "contains", "shop"),
        (f"{METADATA}.Tags", "not_contains", "sho"),
        (f"{METADATA}.Tags[*]", "is", "shop"),
        (f"{METADATA}.Tags[*]", "starts_with", "w"),
        (f"{METADATA}.Dependencies[*].PackageIdentifier", "is", "Acme.Data"),
        (f"{METADATA}.Dependencies[*].PackageVersion", "is_release"),
        (VERSION, "is_prerelease"),
        (VERSION, "less_than", "1.0.0"),
        (VERSION, "greater_than", "1.0.0-alpha"),
        ("header.user-agent", "starts_with", "MyGet"),
        ("project", "is", "Core Web"),
        ("type", "is", "webhook"),
    ],
)
def test_a_condition_that_passes(parts: tuple[Any, ...]) -> None:
    assert passes(PACKAGE, *parts)


@pytest.mark.parametrize(
    "parts",
    [
        (NAME, "is", "acme.web"),
        (NAME, "is", "Acme.Web "),
        (NAME, "is_not", "Acme.Web"),
        (NAME, "is_one_of", ["x"]),
        (NAME, "is_none_of", ["x", "Acme.Web"]),
        (NAME, "contains", "web"),
        (NAME, "not_contains", "Web"),
        (NAME, "starts_with", "Web"),
        (NAME, "ends_with", "Acme"),
        (NAME, "matches", "^Web"),
        (f"{METADATA}.Zzz", "exists"),
        (f"{METADATA}.ReleaseNotes", "exists"),
        (f"{METADATA}.ReleaseNotes", "is", ""),
        (NAME, "is_missing"),
        (NAME, "is_true"),
        (NAME, "is_false"),
        (f"{METADATA}.Zzz", "is_false"),
        (f"{METADATA}.IsListed", "is", 1),
        (f"{METADATA}.Size", "is", True),
        (f"{METADATA}.Size", "contains", "61"),
        (f"{METADATA}.Size", "greater_than", 6158),
        (NAME, "greater_than", 5),
        (f"{METADATA}.Tags", "is", "web"),
        (f"{METADATA}.Tags", "starts_with", "web"),
        (f"{METADATA}.Tags[*]", "is_not", "shop"),
        ("payload.Empty[*]", "is", "x"),
        (VERSION, "is_release"),
        (NAME, "is_release"),
        (NAME, "is_prerelease"),
        (f"{METADATA}.Zzz", "is_release"),
        ("environment", "is", "Production"),
    ],
)
def test_a_condition_that_fails(parts: tuple[Any, ...]) -> None:
    assert not passes(PACKAGE, *parts)


@pytest.mark.parametrize("operator", ["is", "is_one_of", "contains", "starts_with", "ends_with", "matches"])
def test_case_is_ignored_where_the_condition_says_so(operator: str) -> None:
    value: Any = ["ACME.WEB"] if operator == "is_one_of" else "ACME.WEB"
    assert not passes(PACKAGE, NAME, operator, value)
    assert passes(PACKAGE, NAME, operator, value, ignore_case=True)


@pytest.mark.parametrize("value", ["Staging", "STAGING", "staging", "Environments-3", "environments-3"])
def test_an_environment_goes_by_name_slug_and_id_without_case(value: str) -> None:
    assert passes(DEPLOYMENT, "environment", "is", value)
    assert passes(DEPLOYMENT, "environment", "is_one_of", ["x", value])
    assert not passes(DEPLOYMENT, "environment", "is_not", value)
    assert not passes(DEPLOYMENT, "environment", "is_none_of", [value])


@pytest.mark.parametrize(
    ("operator", "value", "expected"),
    [
        ("at_least", "1.9.0", True),
        ("greater_than", "1.10", False),
        ("at_most", "1.10.0.0", True),
        ("less_than", "2", True),
        ("greater_than", "1.10.0-rc.1", True),
    ],
)
def test_versions_are_compared_as_versions(operator: str, value: str, expected: bool) -> None:
    assert passes(DEPLOYMENT, "release.version", operator, value) is expected


def test_what_is_missing_passes_only_where_absence_is_asked_for() -> None:
    passing = {
        operator.name
        for operator in operators
        if evaluate(
            [{"field": "machine.name", "operator": operator.name, "value": sample(operator.wants)}], PACKAGE
        ).passed
    }
    assert passing == {"is_not", "is_none_of", "not_contains", "is_missing"}


def sample(wants: str) -> Any:
    return {"nothing": None, "list": ["a"], "bound": 1}.get(wants, "a")


def test_without_conditions_every_event_passes() -> None:
    verdict = evaluate([], PACKAGE)
    assert (verdict.passed, verdict.error, verdict.trace, verdict.why) == (True, None, [], None)


def test_all_conditions_are_asked_and_traced_after_the_first_failure() -> None:
    verdict = evaluate(
        [
            condition("project", "is", "core-web"),
            condition("environment", "is", "Production"),
            condition("release.version", "at_least", "2.0"),
        ],
        DEPLOYMENT,
    )
    assert not verdict.passed
    assert [one.passed for one in verdict.trace] == [True, False, False]
    assert verdict.why == "environment is Staging, wanted Production"
    assert verdict.trace[1].to_json() == {
        "field": "environment",
        "operator": "is",
        "wanted": "Production",
        "got": "Staging",
        "passed": False,
        "sentence": "environment is Staging, wanted Production",
    }


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        ((VERSION, "is_release"), f"{VERSION} is 1.0.0-CI00002, a pre-release; wanted no pre-release"),
        (("project", "is", "Projects-12"), "project is Core Web"),
        (("project", "is_not", "Core Web"), "project is Core Web, wanted anything but Core Web"),
        (("environment", "is", "Production"), "the event has no environment; wanted Production"),
        (
            ("payload.PackageIdentifier", "is", "x"),
            'payload has no "PackageIdentifier"; did you mean "Payload.PackageIdentifier"? Wanted x.',
        ),
        ((NAME, "greater_than", 5), f"{NAME} is Acme.Web, which is neither a number nor a version; wanted more than 5"),
        ((NAME, "is_one_of", ["a", " b"]), f'{NAME} is Acme.Web, wanted one of a, " b"'),
        ((NAME, "contains", "Api"), f'{NAME} is Acme.Web, wanted something with "Api" in it'),
        ((f"{METADATA}.Tags[*]", "is", "x"), f"{METADATA}.Tags[*] are web, shop, wanted x"),
        ((f"{METADATA}.Tags", "is", "x"), f'{METADATA}.Tags is ["web", "shop"], wanted x'),
        ((f"{METADATA}.ReleaseNotes", "exists"), f"{METADATA}.ReleaseNotes is null, wanted any value"),
        ((NAME, "matches", "^x$"), f"{NAME} is Acme.Web, wanted a match of /^x$/"),
    ],
)
def test_the_sentence_says_what_it_got_and_what_it_wanted(parts: tuple[Any, ...], sentence: str) -> None:
    assert evaluate([condition(*parts)], PACKAGE).trace[0].sentence == sentence


STAGING = condition("environment", "is", "Staging")
PRODUCTION = condition("environment", "is", "Production")


@pytest.mark.parametrize(
    ("group", "passed", "sentence"),
    [
        ({"any": [PRODUCTION, STAGING]}, True, "environment is Staging"),
        (
            {"any": [PRODUCTION, condition("actor", "is", "bob")]},
            False,
            "none of these passed: environment is Staging, wanted Production; actor is alice, wanted bob",
        ),
        ({"all": [STAGING, PRODUCTION]}, False, "environment is Staging, wanted Production"),
        ({"all": [STAGING]}, True, "environment is Staging"),
        ({"not": STAGING}, False, "environment is Staging; wanted the opposite"),
        ({"not": {"any": [PRODUCTION]}}, True, None),
        ({"any": [{"all": [STAGING, {"not": PRODUCTION}]}]}, True, None),
    ],
)
def test_groups(group: dict[str, Any], passed: bool, sentence: str | None) -> None:
    assert validate([group]) == []
    verdict = evaluate([group], DEPLOYMENT)
    assert verdict.passed is passed
    trace = verdict.trace[0]
    assert sentence is None or trace.sentence == sentence
    assert trace.to_json()["operator"] in group
    assert trace.to_json()["parts"][0]["passed"] in {True, False}


def test_sec_62_a_pattern_out_of_time_is_an_error_verdict() -> None:
    facts = EventFacts(type="x", payload={"text": "a" * 100_000 + "!", "other": "b"})
    verdict = evaluate([condition("payload.text", "matches", "(a|a)*$"), condition("payload.other", "is", "b")], facts)
    assert not verdict.passed
    assert (
        verdict.error == "payload.text was not decided: a match of /(a|a)*$/ takes too long, so simplify the pattern."
    )
    assert [one.passed for one in verdict.trace] == [False, True]
    assert verdict.trace[0].to_json()["error"] is True


def test_sec_62_all_patterns_of_a_filter_share_one_budget() -> None:
    facts = EventFacts(type="x", payload=["a" * 100_000 + "!"] * 1_000)
    verdict = evaluate([condition("payload[*]", "matches", "(a|a)*$")] * 50, facts)
    assert verdict.error
    assert all(one.error for one in verdict.trace)


def test_an_error_inside_a_group_is_an_error_verdict_even_beside_one_that_passes() -> None:
    facts = EventFacts(type="x", payload="a" * 100_000 + "!")
    group = {"any": [condition("payload", "matches", "(a|a)*$"), condition("type", "is", "x")]}
    verdict = evaluate([group], facts)
    assert not verdict.passed
    assert verdict.error == verdict.trace[0].parts[0].sentence


@pytest.mark.parametrize("conditions", [None, {}, "x", [1], [{}], [condition("nonsense", "is", 1)], [{"any": []}]])
def test_a_broken_filter_is_an_error_verdict_with_a_sentence(conditions: Any) -> None:
    verdict = evaluate(conditions, PACKAGE)
    assert not verdict.passed
    assert verdict.error
    assert verdict.why == verdict.error
    assert verdict.error.startswith("The filter cannot be read. ")


def test_what_was_got_is_cut_to_two_hundred_characters() -> None:
    for value in ("x" * 5_000, ["x" * 50] * 100, {"key": "x" * 5_000}):
        verdict = evaluate([condition("payload", "is", "y")], EventFacts(type="x", payload=value))
        assert len(verdict.trace[0].got) == 200
        assert len(verdict.trace[0].sentence) < 300


def test_a_trace_can_be_stored_whatever_the_payload_holds() -> None:
    facts = EventFacts(type="x", payload={"a\ud800\0": 1, "b": "\ud800\0", "n": 10**5_000, "f": float("nan")})
    for name in ("a", "b", "n", "f"):
        for operator in operators:
            conditions = [{"field": f"payload.{name}", "operator": operator.name, "value": sample(operator.wants)}]
            for one in evaluate(conditions, facts).trace:
                json.dumps(one.to_json(), ensure_ascii=False).encode()
                assert "\0" not in one.got + one.sentence


def test_filters_are_described_in_short_sentences() -> None:
    assert describe(
        [
            PRODUCTION,
            condition("project", "is_one_of", ["Core Web", "Shop"]),
            condition(VERSION, "is_release"),
            condition(NAME, "starts_with", "acme", ignore_case=True),
            condition(NAME, "matches", "^A"),
            condition("actor", "exists"),
            {"any": [STAGING, {"all": [PRODUCTION, {"not": condition("actor", "is", "bob")}]}]},
        ]
    ) == [
        "environment is Production",
        "project is one of Core Web, Shop",
        f"{VERSION} is no pre-release",
        f'{NAME} starts with "acme", ignoring case',
        f"{NAME} matches /^A/",
        "actor is there",
        "environment is Staging or (environment is Production and not (actor is bob))",
    ]
    assert describe([{"field": "x"}])[0].startswith("Condition 1: ")
    assert describe(None) == ["A filter is a list of conditions: send [] for none."]


names = st.sampled_from(
    ["type", "project", "payload", "payload.a", "payload[*]", "payload.a[0].b", "query.q", "header.h", "x"]
)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
payloads = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=10,
)
leaves = st.fixed_dictionaries(
    {"field": names, "operator": st.sampled_from([operator.name for operator in operators])},
    optional={"value": scalars | st.lists(scalars, max_size=3), "ignore_case": st.booleans()},
)
filters = st.lists(
    st.recursive(
        leaves | payloads,
        lambda inner: (
            st.fixed_dictionaries({"any": st.lists(inner, max_size=3)})
            | st.fixed_dictionaries({"all": st.lists(inner, max_size=3)})
            | st.fixed_dictionaries({"not": inner})
        ),
        max_leaves=6,
    ),
    max_size=4,
)


@settings(max_examples=300)
@given(filters | payloads, payloads, st.dictionaries(st.just("q"), st.text(max_size=5)))
def test_no_filter_and_no_event_makes_evaluation_raise(conditions: Any, payload: Any, query: dict[str, str]) -> None:
    facts = EventFacts(type="x", project={"name": "Web", "id": "Projects-1"}, payload=payload, query=query)
    verdict = evaluate(conditions, facts)
    assert bool(verdict.error) == bool(validate(conditions)) or any(one.error for one in verdict.trace)
    assert verdict.passed == (verdict.why is None)
    json.dumps([one.to_json() for one in verdict.trace], ensure_ascii=False).encode()
    assert all(isinstance(sentence, str) for sentence in describe(conditions))
