"""calc (SPEC §12): doubles, left to right, `*` and `/` first."""

from collections.abc import Callable

from actions.octostache.lookup import Lookup
from actions.octostache.nodes import Number, Operand, Symbol, chain_of
from actions.octostache.numbers import double_text, parse_double
from actions.octostache.scopes import Frame, Scope, State

Calculate = Callable[[State, Scope, Frame | None], float | None]

printed = double_text


def operation(operand: Operand, lookup: Lookup) -> Calculate:
    """A function for the result, None when a variable is missing or is not a number."""
    if isinstance(operand, Number):
        number = operand.value
        return lambda state, scope, frame: number
    if isinstance(operand, Symbol):
        read = lookup.reader(operand)

        def value(state: State, scope: Scope, frame: Frame | None) -> float | None:
            text = read(state, scope, frame)
            return None if text is None else parse_double(text)

        return value
    first, rest = chain_of(operand)
    start = operation(first, lookup)
    steps = [(operator, operation(one, lookup)) for operator, one in rest]

    def result(state: State, scope: Scope, frame: Frame | None) -> float | None:
        total = start(state, scope, frame)
        for operator, one in steps:
            state.charge(1)
            # Every variable is looked up, so that what is missing inside their values is reported.
            amount = one(state, scope, frame)
            total = None if total is None or amount is None else _combined(total, operator, amount)
        return total

    return result


def _combined(left: float, operator: str, right: float) -> float:
    if operator == "+":
        return left + right
    if operator == "-":
        return left - right
    if operator == "*":
        return left * right
    if right == 0:
        if left == 0 or left != left:
            return float("nan")
        return float("inf") if (left > 0) is (str(right)[0] != "-") else float("-inf")
    return left / right
