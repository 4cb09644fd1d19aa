"""What a condition can ask of a field: the registry of operators, from which forms, validation and sentences derive."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from reactions_project.registry import Registry
from triggers.filters import values
from triggers.filters.patterns import TIME_LIMIT, Pattern
from triggers.filters.values import NotComparable, show
from triggers.filters.versions import Version, parse_version

Wants = Literal["nothing", "scalar", "text", "list", "bound", "pattern"]


class PatternBudget:
    """The processor time that all patterns of one evaluation share (SEC-62), so that fifty conditions over a thousand
    elements are bounded like one."""

    def __init__(self, seconds: float = TIME_LIMIT) -> None:
        self._left = seconds

    def is_found(self, pattern: Pattern, text: str) -> bool:
        started = time.process_time()
        try:
            return pattern.is_found_in(text, self._left)
        finally:
            self._left -= time.process_time() - started


@dataclass(frozen=True)
class Question:
    """One condition's side of a test."""

    wanted: Any
    ignore_case: bool
    budget: PatternBudget


@dataclass(frozen=True)
class Operator:
    """`phrase` and `wanted` put a value into sentences: "is one of {}", "one of {}".

    A negated operator passes when its test fails for every element, and when the field is missing. `is_equality` lets
    a project or environment be known by slug and id, without case.
    """

    name: str
    label: str
    wants: Wants
    phrase: str
    wanted: str
    test: Callable[[Any, Question], bool]
    is_negated: bool = False
    is_equality: bool = False
    has_case: bool = False
    tells: Callable[[Any], str] = lambda got: ""

    def phrase_for(self, wanted: Any, ignore_case: bool = False) -> str:
        """The condition in words: "is one of Staging, Production"."""
        return self.phrase.format(self._shown(wanted)) + (", ignoring case" if ignore_case else "")

    def wanted_for(self, wanted: Any, ignore_case: bool = False) -> str:
        """What it wants in words: "one of Staging, Production"."""
        return self.wanted.format(self._shown(wanted)) + (", ignoring case" if ignore_case else "")

    def _shown(self, wanted: Any) -> str:
        if self.wants == "list":
            return values.cut(", ".join(show(one) for one in wanted))
        if self.wants == "pattern":
            return f"/{show(wanted)}/"
        return f'"{show(wanted)}"' if self.wants == "text" and show(wanted) == wanted else show(wanted)


operators: Registry[Operator] = Registry("operator")


def _is(got: Any, question: Question) -> bool:
    return values.equal(got, question.wanted, question.ignore_case)


def _is_one_of(got: Any, question: Question) -> bool:
    return any(values.equal(got, one, question.ignore_case) for one in question.wanted)


def _contains(got: Any, question: Question) -> bool:
    return values.contains(got, question.wanted, question.ignore_case)


def _starts_with(got: Any, question: Question) -> bool:
    return values.text(got, question.ignore_case).startswith(values.text(question.wanted, question.ignore_case))


def _ends_with(got: Any, question: Question) -> bool:
    return values.text(got, question.ignore_case).endswith(values.text(question.wanted, question.ignore_case))


def _matches(got: Any, question: Question) -> bool:
    return question.budget.is_found(Pattern(question.wanted, question.ignore_case), values.text(got))


def _exists(got: Any, question: Question) -> bool:
    return got is not None


def _is_true(got: Any, question: Question) -> bool:
    return values.truth(got) is True


def _is_false(got: Any, question: Question) -> bool:
    return values.truth(got) is False


def _compare(accepts: Callable[[int], bool]) -> Callable[[Any, Question], bool]:
    return lambda got, question: accepts(values.order(got, question.wanted))


def _version(got: Any) -> Version:
    version = parse_version(values.plain(got)) if isinstance(got, str) or values.is_number(got) else None
    if version is None:
        raise NotComparable("which is not a version")
    return version


def _is_prerelease(got: Any, question: Question) -> bool:
    return not _version(got).is_release


def _is_release(got: Any, question: Question) -> bool:
    return _version(got).is_release


def _kind_of_version(got: Any) -> str:
    return "a release" if _version(got).is_release else "a pre-release"


def _equality(name: str, label: str, wants: Wants, phrase: str, wanted: str, negated: bool = False) -> Operator:
    test = _is_one_of if wants == "list" else _is
    return Operator(name, label, wants, phrase, wanted, test, negated, is_equality=True, has_case=True)


for _operator in (
    _equality("is", "is", "scalar", "is {}", "{}"),
    _equality("is_not", "is not", "scalar", "is not {}", "anything but {}", negated=True),
    _equality("is_one_of", "is one of", "list", "is one of {}", "one of {}"),
    _equality("is_none_of", "is none of", "list", "is none of {}", "none of {}", negated=True),
    Operator("contains", "contains", "text", "contains {}", "something with {} in it", _contains, has_case=True),
    Operator(
        "not_contains",
        "does not contain",
        "text",
        "does not contain {}",
        "nothing with {} in it",
        _contains,
        is_negated=True,
        has_case=True,
    ),
    Operator("starts_with", "starts with", "text", "starts with {}", "{} at its start", _starts_with, has_case=True),
    Operator("ends_with", "ends with", "text", "ends with {}", "{} at its end", _ends_with, has_case=True),
    Operator("matches", "matches", "pattern", "matches {}", "a match of {}", _matches, has_case=True),
    Operator("exists", "is there", "nothing", "is there", "any value", _exists),
    Operator("is_missing", "is missing", "nothing", "is missing", "no value", _exists, is_negated=True),
    Operator("is_true", "is true", "nothing", "is true", "true", _is_true),
    Operator("is_false", "is false", "nothing", "is false", "false", _is_false),
    Operator("greater_than", "is more than", "bound", "is more than {}", "more than {}", _compare(lambda n: n > 0)),
    Operator("at_least", "is at least", "bound", "is at least {}", "at least {}", _compare(lambda n: n >= 0)),
    Operator("less_than", "is less than", "bound", "is less than {}", "less than {}", _compare(lambda n: n < 0)),
    Operator("at_most", "is at most", "bound", "is at most {}", "at most {}", _compare(lambda n: n <= 0)),
    Operator(
        "is_prerelease",
        "is a pre-release version",
        "nothing",
        "is a pre-release",
        "a pre-release",
        _is_prerelease,
        tells=_kind_of_version,
    ),
    Operator(
        "is_release",
        "is a version without pre-release tag",
        "nothing",
        "is no pre-release",
        "no pre-release",
        _is_release,
        tells=_kind_of_version,
    ),
):
    operators.add(_operator)
