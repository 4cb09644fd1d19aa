"""The names that a template uses (SPEC §12)."""

from collections.abc import Iterable

from actions.octostache.nodes import (
    Calculation,
    Condition,
    Conditional,
    Each,
    Expression,
    Filtered,
    Identifier,
    IndirectIndex,
    Literal,
    Number,
    Operand,
    Operation,
    Substitution,
    Symbol,
    Text,
    Token,
    chain_of,
)

_Part = Token | Expression | Literal | Operand | Condition | str


def names_in(tokens: Iterable[Token]) -> list[str]:
    """In the order in which they are first seen; each identifier of a path counts for itself, compared literals too."""
    found: dict[str, None] = {}
    # A stack of ours, since branches and sums may be longer than Python's is deep.
    waiting: list[_Part] = [*tokens]
    waiting.reverse()
    while waiting:
        part = waiting.pop()
        if isinstance(part, str):
            found.setdefault(part)
        else:
            waiting.extend(_inside(part)[::-1])
    return list(found)


def _inside(part: Token | Expression | Literal | Operand | Condition) -> list[_Part]:
    if isinstance(part, Symbol):
        return [
            step.text if isinstance(step, Identifier) else step.symbol
            for step in part.steps
            if isinstance(step, Identifier | IndirectIndex)
        ]
    if isinstance(part, Literal):
        return [part.text]
    if isinstance(part, Filtered):
        options = [option for one in part.filters for option in one.options if not isinstance(option, str)]
        return [*([] if part.symbol is None else [part.symbol]), *options]
    if isinstance(part, Substitution):
        return [part.expression]
    if isinstance(part, Condition):
        return [part.left] if part.right is None else [part.left, part.right]
    if isinstance(part, Conditional):
        return [part.condition, *part.then, *part.otherwise]
    if isinstance(part, Each):
        return [part.collection]
    if isinstance(part, Calculation):
        return [part.operand]
    if isinstance(part, Operation):
        first, rest = chain_of(part)
        return [first, *(operand for _, operand in rest)]
    assert isinstance(part, Text | Number)
    return []
