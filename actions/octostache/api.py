"""The language's own surface (SPEC §1): six functions over texts and variables."""

from collections.abc import Mapping
from typing import NamedTuple

from actions.octostache.arguments import names_in
from actions.octostache.compile import compiled, compiled_leniently, expand, run
from actions.octostache.conditions import is_truthy as is_truthy_text
from actions.octostache.errors import LimitError, TemplateSyntaxError
from actions.octostache.limits import DEFAULT_LIMITS, Limits
from actions.octostache.lookup import Lookup
from actions.octostache.nodes import Template, print_all
from actions.octostache.parser import parse
from actions.octostache.parsing.paths import parse_path
from actions.octostache.scopes import State
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
    template = compiled(text) if halt_on_error else compiled_leniently(text)
    if template.error is not None:
        return Evaluation(text, [], template.error)
    state = State(VariableTree(variables), limits)
    result = run(template, state)
    return Evaluation(result, list(state.missing), None)


def is_truthy(text: str, variables: Mapping[str, str | None], *, limits: Limits = DEFAULT_LIMITS) -> bool:
    """Whether the evaluated text counts as true; a missing token or an error makes it false."""
    result, missing, error = evaluate(text, variables, limits=limits)
    return result is not None and not missing and error is None and is_truthy_text(result)


def get(name: str, variables: Mapping[str, str | None], *, limits: Limits = DEFAULT_LIMITS) -> str | None:
    """The evaluated value of a variable, None when there is none."""
    symbol = parse_path(name)
    if symbol is None:
        return None
    state = State(VariableTree(variables), limits)
    try:
        return Lookup(expand).reader(symbol)(state, state.home, None)
    except RecursionError:
        raise _too_deep() from None


def indexes(path: str, variables: Mapping[str, str | None], *, limits: Limits = DEFAULT_LIMITS) -> list[str]:
    """The values that an `each` over the path would go through."""
    symbol = parse_path(path)
    if symbol is None:
        return []
    state = State(VariableTree(variables), limits)
    try:
        return [node.text or "" for node in Lookup(expand).lister(symbol)(state, state.home, None)]
    except RecursionError:
        raise _too_deep() from None


def canonical(text: str) -> str:
    """The text as the language would write it. Raises TemplateSyntaxError."""
    return print_all(_parsed(text).tokens)


def arguments(text: str) -> list[str]:
    """Names that a template uses, in the order in which they are first seen (SPEC §12). Raises TemplateSyntaxError."""
    return names_in(_parsed(text).tokens)


def _parsed(text: str) -> Template:
    template = parse(text)
    if template.error is not None:
        raise TemplateSyntaxError(template.error, template.offset)
    return template


def _too_deep() -> LimitError:
    return LimitError("Variables and blocks are nested too deeply in each other: make them flatter.")
