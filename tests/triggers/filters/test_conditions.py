"""Filters as they are saved: what is wrong with one is a list of plain sentences, each with its place."""

from typing import Any

import pytest

from triggers.filters import operators, validate

GOOD = {"field": "environment", "operator": "is", "value": "Production"}


def changed(**more: Any) -> dict[str, Any]:
    return GOOD | more


def nested(depth: int) -> dict[str, Any]:
    return GOOD if depth == 0 else {"any": [nested(depth - 1)]}


@pytest.mark.parametrize(
    "conditions",
    [
        [],
        [GOOD],
        [GOOD] * 50,
        [nested(5)],
        [{"not": {"not": GOOD}}],
        [changed(ignore_case=True)],
        [changed(operator="exists", value=None)],
        [changed(operator="is_true", value="")],
        [changed(operator="is_one_of", value=["a", 1, True])],
        [changed(operator="at_least", value="1.0-rc")],
        [changed(operator="at_least", value=0)],
        [changed(operator="contains", value=5)],
        [changed(value="")],
    ],
)
def test_a_good_filter_has_no_problems(conditions: list[Any]) -> None:
    assert validate(conditions) == []


@pytest.mark.parametrize(
    ("condition", "path", "words"),
    [
        ("text", "[0]", "A condition is an object"),
        ({}, "[0].field", "needs a field"),
        ({"field": "type"}, "[0].operator", "needs an operator"),
        (changed(field="enviroment"), "[0].field", 'did you mean "environment"?'),
        (changed(field="payload["), "[0].field", "cannot be read"),
        (changed(field="query.\0"), "[0].field", "cannot be stored"),
        (changed(field=3), "[0].field", "needs a field"),
        (changed(operator="equals"), "[0].operator", 'There is no operator "equals"'),
        (changed(operator="is_no"), "[0].operator", 'did you mean "is_not"?'),
        (changed(operator=["is"]), "[0].operator", "needs an operator"),
        (changed(value=None), "[0].value", "use is_missing"),
        ({"field": "type", "operator": "is"}, "[0].value", "needs a value"),
        (changed(value={"a": 1}), "[0].value", "is a text, a number"),
        (changed(value=["a"]), "[0].value", "is a text, a number"),
        (changed(value="x" * 1001), "[0].value", "longer than 1,000"),
        (changed(value="\0"), "[0].value", "cannot be stored"),
        (changed(value="\ud800"), "[0].value", "cannot be stored"),
        (changed(value=float("inf")), "[0].value", "is a text, a number"),
        (changed(value=10**50), "[0].value", "is a text, a number"),
        (changed(operator="exists"), "[0].value", "takes no value"),
        (changed(operator="is_one_of", value="a,b"), "[0].value", "needs a list"),
        (changed(operator="is_one_of", value=[]), "[0].value", "at least one value"),
        (changed(operator="is_one_of", value=[[1]]), "[0].value", "is a text, a number"),
        (changed(operator="is_none_of", value=["a"] * 101), "[0].value", "at most 100"),
        (changed(operator="at_least", value="soon"), "[0].value", "a number or a version"),
        (changed(operator="at_least", value=True), "[0].value", "a number or a version"),
        (changed(operator="contains", value=""), "[0].value", "not empty"),
        (changed(operator="starts_with", value=5), "[0].value", "needs a text"),
        (changed(operator="matches", value="("), "[0].value", "The pattern cannot be read"),
        (changed(operator="matches", value="(?:a{9999}){9999}"), "[0].value", "repeats too much"),
        (changed(ignore_case="yes"), "[0].ignore_case", "true or false"),
        (changed(operator="at_least", value=1, ignore_case=True), "[0].ignore_case", "no upper and lower case"),
        (changed(case=1), "[0]", 'A condition has no "case"'),
        ({"any": []}, "[0].any", "at least one condition"),
        ({"all": GOOD}, "[0].all", "needs a list"),
        ({"not": [GOOD]}, "[0].not", "A condition is an object"),
        ({"any": [GOOD], "field": "x"}, "[0]", "nothing else"),
        ({"any": [GOOD, {"not": changed(operator="x")}]}, "[0].any[1].not.operator", "There is no operator"),
        (nested(6), "[0].any[0].any[0].any[0].any[0].any[0]", "nested deeper than 5"),
    ],
)
def test_each_problem_has_its_place_and_a_plain_sentence(condition: Any, path: str, words: str) -> None:
    problems = validate([condition])
    assert path in [problem.path for problem in problems]
    problem = next(problem for problem in problems if problem.path == path)
    assert words in problem.message
    assert problem.message.endswith((".", "?"))


@pytest.mark.parametrize("conditions", [None, {}, "x", 5, GOOD])
def test_a_filter_that_is_no_list_is_refused(conditions: Any) -> None:
    assert [str(problem) for problem in validate(conditions)] == ["A filter is a list of conditions: send [] for none."]


def test_more_than_fifty_conditions_are_refused_wherever_they_stand() -> None:
    assert "at most 50" in str(validate([GOOD] * 51)[0])
    assert "at most 50" in str(validate([{"any": [GOOD] * 60}])[0])
    assert "at most 50" in str(validate([{"all": [GOOD] * 30}, {"all": [GOOD] * 30}])[0])
    assert "at most 50" in str(validate([GOOD] * 1_000_000)[0])


def test_every_problem_is_told_at_once_and_numbered_as_people_count() -> None:
    problems = validate([GOOD, {"field": "x", "operator": "y"}, {"not": changed(value=None)}])
    assert [str(problem).split(":")[0] for problem in problems] == ["Condition 2", "Condition 2", "Condition 3"]


def test_every_operator_has_a_label_for_forms() -> None:
    assert ("is_one_of", "is one of") in operators.choices()
    assert len(operators.choices()) == 19
