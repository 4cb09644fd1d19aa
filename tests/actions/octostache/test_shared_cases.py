"""The reference implementation's own outputs, when the corpus is there."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

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
