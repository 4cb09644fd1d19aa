"""The language's own surface (SPEC §1): six functions over texts and variables."""

from collections.abc import Mapping
from typing import NamedTuple

from actions.octostache.errors import OctostacheError, TemplateSyntaxError
from actions.octostache.evaluate import Evaluator, NullResult, is_truthy_text
from actions.octostache.limits import DEFAULT_LIMITS, Limits
from actions.octostache.nodes import (
    Calculation,
    Condition,
    Conditional,
    Each,
    Expression,
    Identifier,
    IndirectIndex,
    Literal,
    Number,
    Operand,
    Substitution,
    Symbol,
    Template,
    Text,
    Token,
    print_all,
)
from actions.octostache.parser import parse, parse_leniently, parse_path
from actions.octostache.tree import VariableTree


class Evaluation(NamedTuple):
    """`text` is None when a Null filter fired; `missing` are the tokens that were echoed; `error` is the parser's."""

    text: str | None
    missing: list[str]
    error: str | None


def evaluate(
    text: str,
    variables: Mapping[str, str | None],
    *,
    halt_on_error: bool = True,
    limits: Limits = DEFAULT_LIMITS,
) -> Evaluation:
    """Replace the tokens of a text. A text that does not parse comes back unchanged with an error, or, with
    `halt_on_error=False`, with the readable tokens replaced. Raises OctostacheError for loops, limits and filters whose
    input is unusable."""
    if "#{" not in text:
        return Evaluation(text, [], None)
    template = parse(text) if halt_on_error else parse_leniently(text)
    if template.error is not None:
        return Evaluation(text, [], template.error)
    evaluator = Evaluator(VariableTree(variables).root, limits)
    try:
        result: str | None = evaluator.template(template)
    except NullResult:
        result = None
    return Evaluation(result, list(evaluator.missing.tokens), None)


def is_truthy(text: str, variables: Mapping[str, str | None], *, limits: Limits = DEFAULT_LIMITS) -> bool:
    """Whether the evaluated text counts as true; a missing token or an error makes it false."""
    result, missing, error = evaluate(text, variables, limits=limits)
    return result is not None and not missing and error is None and is_truthy_text(result)


def get(name: str, variables: Mapping[str, str | None], *, limits: Limits = DEFAULT_LIMITS) -> str | None:
    """The evaluated value of a variable, None when there is none."""
    symbol = parse_path(name)
    if symbol is None:
        return None
    evaluator = Evaluator(VariableTree(variables).root, limits)
    return evaluator.value_of(symbol, evaluator.scope, None)


def indexes(path: str, variables: Mapping[str, str | None], *, limits: Limits = DEFAULT_LIMITS) -> list[str]:
    """The values that an `each` over the path would go through."""
    symbol = parse_path(path)
    if symbol is None:
        return []
    evaluator = Evaluator(VariableTree(variables).root, limits)
    return [str(node.value) for node in evaluator.items(symbol, evaluator.scope, None)]


def canonical(text: str) -> str:
    """The text as the language would write it. Raises TemplateSyntaxError."""
    return print_all(_parsed(text).tokens)


def arguments(text: str) -> list[str]:
    """Names that a template uses, in the order in which they are first seen (SPEC §12). Raises TemplateSyntaxError."""
    found: dict[str, None] = {}
    for token in _parsed(text).tokens:
        _collect(token, found)
    return list(found)


def _parsed(text: str) -> Template:
    template = parse(text)
    if template.error is not None:
        raise TemplateSyntaxError(template.error, template.offset)
    return template


def _collect(part: "Token | Expression | Literal | Operand | Condition", found: dict[str, None]) -> None:
    if isinstance(part, Text | Number):
        return
    if isinstance(part, Symbol):
        for step in part.steps:
            if isinstance(step, Identifier):
                found.setdefault(step.text)
            elif isinstance(step, IndirectIndex):
                _collect(step.symbol, found)
    elif isinstance(part, Literal):
        found.setdefault(part.text)
    elif isinstance(part, Substitution):
        _collect(part.expression, found)
    elif isinstance(part, Conditional):
        for inner in (part.condition, *part.then, *part.otherwise):
            _collect(inner, found)
    elif isinstance(part, Condition):
        _collect(part.left, found)
        if part.right is not None:
            _collect(part.right, found)
    elif isinstance(part, Each):
        _collect(part.collection, found)
    elif isinstance(part, Calculation):
        _collect(part.operand, found)
    else:
        _collect_operation(part, found)


def _collect_operation(part: object, found: dict[str, None]) -> None:
    for name in ("symbol", "left", "right"):
        inner = getattr(part, name, None)
        if inner is not None:
            _collect(inner, found)
    for one in getattr(part, "filters", ()):
        for option in one.options:
            if not isinstance(option, str):
                _collect(option, found)


__all__ = ["Evaluation", "OctostacheError", "arguments", "canonical", "evaluate", "get", "indexes", "is_truthy"]
