"""Putting a filter to an event: every condition is asked and leaves a trace, so that "why did it not fire?" is answered
without a log file. Nothing here raises; a filter that cannot be decided is an error verdict with a sentence."""

from dataclasses import dataclass
from typing import Any

from triggers.filters.conditions import Condition, Group, compile_conditions
from triggers.filters.fields import EventFacts, Found, Missing, read
from triggers.filters.operators import Operator, PatternBudget, Question
from triggers.filters.patterns import PatternError, PatternTimeout
from triggers.filters.values import NotComparable, cut, show

LONGEST_SENTENCE = 1_000


@dataclass(frozen=True)
class ConditionTrace:
    """What one condition wanted, what it got, and the sentence about it. A group has its parts' traces and its kind
    (any, all, not) in place of an operator."""

    field: str
    operator: str
    wanted: str
    got: str
    passed: bool
    sentence: str
    error: bool = False
    parts: tuple["ConditionTrace", ...] = ()

    def to_json(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "field": self.field,
            "operator": self.operator,
            "wanted": self.wanted,
            "got": self.got,
            "passed": self.passed,
            "sentence": self.sentence,
        }
        if self.error:
            found["error"] = True
        if self.parts:
            found["parts"] = [part.to_json() for part in self.parts]
        return found


@dataclass(frozen=True)
class Verdict:
    passed: bool
    error: str | None
    trace: list[ConditionTrace]

    @property
    def why(self) -> str | None:
        """The error, or else the sentence of the first condition that failed; None when all passed."""
        return self.error or next((condition.sentence for condition in self.trace if not condition.passed), None)


def evaluate(conditions: Any, facts: EventFacts) -> Verdict:
    """Whether the event passes the filter. Without conditions every event does."""
    compiled = compile_conditions(conditions)
    if compiled.problems:
        return Verdict(False, f"The filter cannot be read. {compiled.problems[0]}", [])
    budget = PatternBudget()
    trace = [_ask(part, facts, budget) for part in compiled.parts]
    error = next((sentence for one in trace if (sentence := _error_in(one))), None)
    return Verdict(error is None and all(one.passed for one in trace), error, trace)


def _error_in(trace: ConditionTrace) -> str | None:
    if trace.parts:
        return next((sentence for part in trace.parts if (sentence := _error_in(part))), None)
    return trace.sentence if trace.error else None


def _ask(part: Condition | Group, facts: EventFacts, budget: PatternBudget) -> ConditionTrace:
    return _ask_group(part, facts, budget) if isinstance(part, Group) else _ask_condition(part, facts, budget)


def _ask_group(group: Group, facts: EventFacts, budget: PatternBudget) -> ConditionTrace:
    parts = tuple(_ask(part, facts, budget) for part in group.parts)
    answers = [part.passed for part in parts]
    is_error = any(part.error for part in parts)
    passed = not is_error and {"any": any(answers), "all": all(answers), "not": not answers[0]}[group.kind]
    wanted = cut(str(group))
    sentence = _group_sentence(group.kind, passed, parts)
    return ConditionTrace("", group.kind, wanted, "", passed, sentence, is_error, parts)


def _group_sentence(kind: str, passed: bool, parts: tuple[ConditionTrace, ...]) -> str:
    """Of a failed "any" every part matters, otherwise those that decided."""
    if kind == "not":
        return _clean(f"{parts[0].sentence}; wanted the opposite")
    if kind == "any" and not passed:
        return _clean("none of these passed: " + "; ".join(part.sentence for part in parts))
    return _clean("; ".join(part.sentence for part in parts if part.passed == passed))


def _ask_condition(condition: Condition, facts: EventFacts, budget: PatternBudget) -> ConditionTrace:
    name, operator = condition.field.name, condition.operator
    wanted = operator.wanted_for(condition.wanted, condition.ignore_case)

    def trace(got: str, passed: bool, sentence: str, error: bool = False) -> ConditionTrace:
        return ConditionTrace(name, operator.name, cut(wanted), got, passed, _clean(sentence), error)

    found = read(condition.field, facts)
    if isinstance(found, Missing):
        # A reason that ends by asking "did you mean …?" is a sentence of its own.
        rest = f" Wanted {wanted}." if found.reason.endswith("?") else f"; wanted {wanted}"
        return trace("", operator.is_negated, found.reason + rest)
    got = cut(", ".join(show(one) for one in found.value[:20])) if found.is_each else show(found.value)
    question = Question(condition.wanted, condition.ignore_case or bool(found.also), budget)
    try:
        passed, note = _answer(operator, found, question)
    except PatternTimeout:
        return trace(
            got, False, f"{name} was not decided: {wanted} takes too long, so simplify the pattern.", error=True
        )
    except PatternError as error:
        return trace(got, False, f"{name} cannot be matched. {error}", error=True)
    is_word = "are" if found.is_each and len(found.value) > 1 else "is"
    if passed and operator.name == "is":
        return trace(got, True, f"{name} {is_word} {got}")
    if note:
        return trace(got, passed, f"{name} {is_word} {got}, {note}; wanted {wanted}")
    return trace(got, passed, f"{name} {is_word} {got}, wanted {wanted}")


def _answer(operator: Operator, found: Found, question: Question) -> tuple[bool, str]:
    """Whether the operator passes, and what there is to say of the value."""
    elements = found.value if found.is_each else (found.value,)
    if operator.is_equality:
        elements = (*elements, *found.also)
    note = ""
    for element in elements:
        try:
            if operator.test(element, question):
                return not operator.is_negated, "" if found.is_each else operator.tells(element)
            note = note or operator.tells(element)
        except NotComparable as reason:
            note = note or str(reason)
    return operator.is_negated, "" if found.is_each or operator.is_negated else note


def _clean(sentence: str) -> str:
    """A payload's keys may stand in a sentence: bounded, and no NUL or lone surrogate may reach a text column."""
    return cut(sentence, LONGEST_SENTENCE)
