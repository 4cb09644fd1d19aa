"""Conditions (SPEC §6): a test is true, false, or None when one of its filters gave nothing."""

from collections.abc import Callable

from actions.octostache.expressions import Expressions
from actions.octostache.lookup import Read
from actions.octostache.nodes import Condition, Expression, Literal, Symbol
from actions.octostache.scopes import Frame, Scope, State

Test = Callable[[State, Scope, Frame | None], bool | None]


def is_truthy(text: str) -> bool:
    """SPEC §6: "" and "0" are false, and "no" and "false" in any case with blanks around."""
    if text == "True":
        return True
    return not (text in {"", "0"} or text.strip().lower() in {"no", "false"})


def test(condition: Condition, expressions: Expressions, offset: int) -> Test:
    """`offset` is where a failing side is reported."""
    left = _side(condition.left, expressions, offset)
    if condition.right is None:

        def holds(state: State, scope: Scope, frame: Frame | None) -> bool | None:
            text = left(state, scope, frame)
            return None if text is None else is_truthy(text)

        return holds
    right, is_equality = _side(condition.right, expressions, offset), condition.operator == "=="

    def compares(state: State, scope: Scope, frame: Frame | None) -> bool | None:
        one = left(state, scope, frame)
        if one is None:
            return None
        other = right(state, scope, frame)
        return None if other is None else (one == other) is is_equality

    return compares


def _side(side: Expression | Literal, expressions: Expressions, offset: int) -> Read:
    if isinstance(side, Literal):
        text = side.text
        return lambda state, scope, frame: text
    read = expressions.value(side)
    if isinstance(side, Symbol):
        # A plain variable never fails: missing is nothing, and is not reported.
        return lambda state, scope, frame: read(state, scope, frame) or ""
    echo = side.canonical()

    def value(state: State, scope: Scope, frame: Frame | None) -> str | None:
        found = read(state, scope, frame)
        if found is None:
            state.missing.setdefault(echo, offset)
        return found

    return value
