"""The reference implementation's own outputs, when the corpus is there."""

import json
import re
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actions.octostache import OctostacheError, arguments, canonical, evaluate, get, indexes, is_truthy

pytestmark = pytest.mark.shared
_MODES = {"truthy": is_truthy, "get": get, "indexes": indexes}


def problem(case: dict[str, Any]) -> str:
    """What differs from the reference, "" when nothing does."""
    mode, template, variables = case.get("mode"), case["template"], case["variables"]
    must_raise = case.get("error") and "expected" not in case
    try:
        if mode in {None, "continue"}:
            return _evaluated(case, evaluate(template, variables, halt_on_error=mode is None), must_raise)
        if mode in _MODES:
            result: Any = _MODES[mode](template, variables)
        else:
            result = canonical(template) if mode == "canonical" else arguments(template)
    except OctostacheError as error:
        if not must_raise:
            return f"raised {error!r}"
        wanted = case.get("error_re", "")
        return "" if re.search(wanted, str(error)) else f"{error} does not match {wanted}"
    return "" if result == case["expected"] else f"{result!r} instead of {case['expected']!r}"


def _evaluated(case: dict[str, Any], result: Any, must_raise: Any) -> str:
    if must_raise:
        return "nothing was raised"
    if case.get("mode") is None and bool(result.error) is not bool(case.get("error")):
        return f"error is {result.error!r}"
    if "expected_re" in case:
        if not re.search(case["expected_re"], result.text or ""):
            return f"{result.text!r} does not match {case['expected_re']}"
    elif result.text != case["expected"]:
        return f"{result.text!r} instead of {case['expected']!r}"
    if not case.get("error") and result.missing != case.get("missing", []):
        return f"missing {result.missing} instead of {case.get('missing', [])}"
    return ""


@pytest.mark.parametrize("name", ["cases.json", "fuzz.json"])
def test_every_case_of_the_reference_gives_the_same(shared_folder: Path, name: str) -> None:
    cases = json.loads((shared_folder / "octostache" / name).read_text(encoding="utf-8"))
    assert len(cases) > 400
    wrong = {case["id"]: found for case in cases if (found := problem(case))}
    assert wrong == {}


_DAMAGE = [
    "",
    "#",
    "{",
    "}",
    "#{",
    "##",
    "|",
    '"',
    '\\"',
    "[",
    "]",
    ".",
    " ",
    "\n",
    "é",
    "🐙",
    "\ud800",
    "\0",
    "==",
    "/",
    "(",
    "1",
    ",",
]


@given(data=st.data())
@settings(max_examples=300, deadline=None)
def test_damaged_cases_of_the_reference_raise_nothing_but_our_own_errors(
    shared_folder: Path, data: st.DataObject
) -> None:
    """Two of its texts joined and damaged in up to four places, with the variables of one: no crash, no change of what
    has no token, and the canonical text stays what it is when it is read again."""
    cases = _cases(shared_folder)
    one, other = (data.draw(st.sampled_from(cases)) for _ in range(2))
    text = one["template"] + other["template"]
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text)))
        text = text[:at] + data.draw(st.sampled_from(_DAMAGE)) + text[at + data.draw(st.integers(0, 3)) :]
    variables = {**other["variables"], "Damaged": text}
    for halt in (True, False):
        with suppress(OctostacheError):
            found = evaluate(text, variables, halt_on_error=halt)
            assert found.text == text or "#{" in text
    for question in (get, indexes):
        with suppress(OctostacheError):
            question("Damaged", variables)
    with suppress(OctostacheError):
        arguments(text)
    try:
        once = canonical(text)
        again = canonical(once)
    except OctostacheError:
        return
    assert canonical(again) == again


@lru_cache(maxsize=1)
def _cases(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((folder / "octostache" / "fuzz.json").read_text(encoding="utf-8"))
    return found
