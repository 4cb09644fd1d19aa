"""For the product: one variable set, many templates, and what it needs to know besides the text."""

from collections.abc import Callable
from dataclasses import dataclass

from actions.octostache.evaluate import Evaluator, NullResult
from actions.octostache.limits import DEFAULT_LIMITS, Limits
from actions.octostache.parser import parse
from actions.octostache.tree import VariableTree


@dataclass(frozen=True, slots=True)
class MissingToken:
    """`offset` is where the token stands in the template, -1 for one inside a variable's value."""

    token: str
    offset: int


@dataclass(frozen=True, slots=True)
class Rendered:
    """`text` is None when a Null filter made the whole result null; with an `error` it is the template unchanged.
    `used` holds the names of all paths that were looked up."""

    text: str | None
    missing: tuple[MissingToken, ...] = ()
    error: str | None = None
    used: frozenset[str] = frozenset()


def render(
    text: str,
    tree: VariableTree,
    *,
    on_value: Callable[[str, bool, str | None], str] | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> Rendered:
    """Evaluate against a tree. `on_value(value, is_opaque, last_filter)` is asked for every value that the template
    itself inserts, before it is inserted. Raises OctostacheError as `evaluate` does."""
    if "#{" not in text:
        return Rendered(text)
    template = parse(text)
    if template.error is not None:
        return Rendered(text, error=template.error)
    evaluator = Evaluator(tree.root, limits, on_value)
    try:
        result: str | None = evaluator.template(template)
    except NullResult:
        result = None
    missing = tuple(MissingToken(token, offset) for token, offset in evaluator.missing.tokens.items())
    return Rendered(result, missing, None, frozenset(evaluator.used))
