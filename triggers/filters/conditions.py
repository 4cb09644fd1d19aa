"""The shape in which a reaction keeps its filter, and reading it: bad input becomes a list of problems, never an error.

A filter is a list of conditions of which all must pass. A condition is
`{"field": "environment", "operator": "is", "value": "Production"}`, with `"ignore_case": true` where wanted, or a group
`{"any": [...]}`, `{"all": [...]}`, `{"not": {...}}`.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from triggers.filters.fields import FieldError, ParsedField, parse_field
from triggers.filters.operators import Operator, operators
from triggers.filters.paths import near
from triggers.filters.patterns import PatternError, compiled_pattern
from triggers.filters.values import is_number, number
from triggers.filters.versions import parse_version

MOST_CONDITIONS = 50
DEEPEST_GROUP = 5
LONGEST_TEXT = 1_000
LONGEST_LIST = 100


@dataclass(frozen=True)
class Problem:
    """What is wrong with a filter. `path` is where in the list, such as `[0].any[1].value`; str() names the condition
    as people count."""

    path: str
    message: str

    def __str__(self) -> str:
        number = re.match(r"\[(\d+)\]", self.path)
        return f"Condition {int(number[1]) + 1}: {self.message}" if number else self.message


@dataclass(frozen=True)
class Condition:
    field: ParsedField
    operator: Operator
    wanted: Any
    ignore_case: bool

    def __str__(self) -> str:
        return f"{self.field.name} {self.operator.phrase_for(self.wanted, self.ignore_case)}"


@dataclass(frozen=True)
class Group:
    kind: Literal["any", "all", "not"]
    parts: tuple["Condition | Group", ...]

    def __str__(self) -> str:
        if self.kind == "not":
            return f"not ({self.parts[0]})"
        return (" or " if self.kind == "any" else " and ").join(
            f"({part})" if isinstance(part, Group) and part.kind != "not" else str(part) for part in self.parts
        )


@dataclass
class Compiled:
    """A filter that was read. With problems, `parts` holds only what could be read."""

    parts: list[Condition | Group] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def compile_conditions(conditions: Any) -> Compiled:
    """Read a filter as it is stored. Never raises."""
    reader = _Reader()
    compiled = Compiled(problems=reader.problems)
    if not isinstance(conditions, list):
        reader.refuse("", "A filter is a list of conditions: send [] for none.")
        return compiled
    if len(conditions) > MOST_CONDITIONS:
        reader.refuse("", f"A filter has at most {MOST_CONDITIONS} conditions: use lists, or split the reaction.")
        return compiled
    for index, one in enumerate(conditions):
        if part := reader.read(one, f"[{index}]", depth=0):
            compiled.parts.append(part)
    return compiled


def validate(conditions: Any) -> list[Problem]:
    """What must be corrected before a filter can be saved; empty when it is fine."""
    return compile_conditions(conditions).problems


def describe(conditions: Any) -> list[str]:
    """One short sentence for each condition, such as "environment is Production"."""
    compiled = compile_conditions(conditions)
    return [*map(str, compiled.parts), *map(str, compiled.problems)]


class _Reader:
    """Reads conditions, counting them and collecting problems."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self._count = 0

    def refuse(self, path: str, message: str) -> None:
        self.problems.append(Problem(path, message))

    def read(self, one: Any, path: str, depth: int) -> Condition | Group | None:
        self._count += 1
        if self._count == MOST_CONDITIONS + 1:
            self.refuse("", f"A filter has at most {MOST_CONDITIONS} conditions, groups and their parts included.")
        if self._count > MOST_CONDITIONS:
            return None
        if not isinstance(one, Mapping):
            self.refuse(
                path, 'A condition is an object such as {"field": "project", "operator": "is", "value": "Web"}.'
            )
            return None
        groups = [kind for kind in ("any", "all", "not") if kind in one]
        return self._group(one, groups[0], path, depth) if groups else self._condition(one, path)

    def _group(self, one: Mapping[str, Any], kind: str, path: str, depth: int) -> Group | None:
        if len(one) != 1:
            self.refuse(path, f'A group holds "{kind}" and nothing else: move the rest into conditions of their own.')
            return None
        if depth == DEEPEST_GROUP:
            self.refuse(path, f"Groups are nested deeper than {DEEPEST_GROUP}: flatten them.")
            return None
        inner, at = one[kind], f"{path}.{kind}"
        if kind == "not":
            part = self.read(inner, at, depth + 1)
            return Group("not", (part,)) if part else None
        if not isinstance(inner, list) or not inner:
            self.refuse(at, f'"{kind}" needs a list of at least one condition.')
            return None
        parts = [
            self.read(each, f"{at}[{index}]", depth + 1) for index, each in enumerate(inner[: MOST_CONDITIONS + 1])
        ]
        return Group(cast("Literal['any', 'all']", kind), tuple(part for part in parts if part)) if all(parts) else None

    def _condition(self, one: Mapping[str, Any], path: str) -> Condition | None:
        before = len(self.problems)
        if unknown := sorted(str(key)[:40] for key in one if key not in {"field", "operator", "value", "ignore_case"}):
            self.refuse(path, f'A condition has no "{unknown[0]}": it has field, operator, value and ignore_case.')
        parsed = self._field(one.get("field"), f"{path}.field")
        operator = self._operator(one.get("operator"), f"{path}.operator")
        ignore_case = one.get("ignore_case", False)
        if not isinstance(ignore_case, bool):
            self.refuse(f"{path}.ignore_case", "ignore_case is true or false.")
        elif ignore_case and operator and not operator.has_case:
            self.refuse(
                f"{path}.ignore_case", f'"{operator.name}" knows no upper and lower case: leave ignore_case out.'
            )
        if operator and (message := _wrong_value(operator, one)):
            self.refuse(f"{path}.value", message)
        if parsed is None or operator is None or len(self.problems) > before:
            return None
        return Condition(parsed, operator, one.get("value"), ignore_case)

    def _field(self, name: Any, path: str) -> ParsedField | None:
        if not isinstance(name, str) or not name:
            self.refuse(path, "A condition needs a field, such as environment or payload.Name.")
            return None
        if not _is_storable(name):
            self.refuse(path, "The field holds a character that cannot be stored: write it again.")
            return None
        try:
            return parse_field(name)
        except FieldError as error:
            self.refuse(path, str(error))
            return None

    def _operator(self, name: Any, path: str) -> Operator | None:
        if isinstance(name, str) and name in operators:
            return operators.get(name)
        if not isinstance(name, str) or not name:
            self.refuse(path, "A condition needs an operator, such as is or contains.")
            return None
        names = [operator.name for operator in operators]
        nearest = near(name, names)
        hint = f'did you mean "{nearest}"?' if nearest else f"use one of {', '.join(names)}."
        self.refuse(path, f'There is no operator "{name[:40]}": {hint}')
        return None


def _wrong_value(operator: Operator, one: Mapping[str, Any]) -> str:
    """Why the value cannot be used with the operator; empty when it can."""
    value = one.get("value")
    if operator.wants == "nothing":
        return "" if value is None or value == "" else f'"{operator.name}" takes no value: leave it out.'
    if value is None:
        return f'"{operator.name}" needs a value; to ask for none, use is_missing.'
    if operator.wants == "list":
        return _wrong_list(operator, value)
    if message := _wrong_scalar(value):
        return message
    if operator.wants == "bound":
        if number(value) is None and not (isinstance(value, str) and parse_version(value)):
            return f'"{operator.name}" needs a number or a version, such as 10 or 1.2.0.'
    elif operator.wants in {"text", "pattern"}:
        if value == "" or (not isinstance(value, str) and (operator.name != "contains" or isinstance(value, bool))):
            return f'"{operator.name}" needs a text that is not empty.'
        if operator.wants == "pattern":
            return _wrong_pattern(value, bool(one.get("ignore_case")))
    return ""


def _wrong_list(operator: Operator, value: Any) -> str:
    if not isinstance(value, list) or not value:
        return f'"{operator.name}" needs a list of at least one value.'
    if len(value) > LONGEST_LIST:
        return f'"{operator.name}" takes at most {LONGEST_LIST} values: use a pattern instead.'
    return next((message for each in value if (message := _wrong_scalar(each))), "")


def _wrong_scalar(value: Any) -> str:
    if isinstance(value, str):
        if len(value) > LONGEST_TEXT:
            return f"A value is longer than {LONGEST_TEXT:,} characters: shorten it."
        return "" if _is_storable(value) else "The value holds a character that cannot be stored: write it again."
    if isinstance(value, bool):
        return ""
    if is_number(value) and (abs(value) < 10**40 if isinstance(value, int) else math.isfinite(value)):
        return ""
    return "A value is a text, a number, true or false."


def _wrong_pattern(pattern: str, ignore_case: bool) -> str:
    try:
        compiled_pattern(pattern, ignore_case)
    except PatternError as error:
        return str(error)
    return ""


def _is_storable(text: str) -> bool:
    return not re.search("[\0\ud800-\udfff]", text)
