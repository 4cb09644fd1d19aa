"""For the product: one variable set, many templates, and what it needs to know besides the text."""

from dataclasses import dataclass

from actions.octostache.compile import compiled, run
from actions.octostache.limits import DEFAULT_LIMITS, Limits
from actions.octostache.scopes import OnValue, State
from actions.octostache.tree import VariableTree


@dataclass(frozen=True, slots=True)
class MissingToken:
    """`offset` is where the token stands in the template, -1 for one inside a variable's value."""

    token: str
    offset: int


@dataclass(frozen=True, slots=True)
class Rendered:
    """`text` is None when a Null filter made the whole result null; with an `error` it is the template unchanged.
    `used` holds the names of all paths that were looked up; `is_tainted` that one of them was opaque."""

    text: str | None
    missing: tuple[MissingToken, ...] = ()
    error: str | None = None
    used: frozenset[str] = frozenset()
    is_tainted: bool = False


def render(
    text: str,
    tree: VariableTree,
    *,
    on_value: OnValue | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> Rendered:
    """Evaluate against a tree. `on_value(value, is_opaque, last_filter)` is asked for every value that the template
    itself inserts, before it is inserted. Raises OctostacheError as `evaluate` does."""
    if "#{" not in text:
        return Rendered(text)
    template = compiled(text)
    if template.error is not None:
        return Rendered(text, error=template.error)
    state = State(tree, limits, on_value)
    result = run(template, state)
    missing = tuple(MissingToken(token, offset) for token, offset in state.missing.items())
    return Rendered(result, missing, None, frozenset(state.used), state.tainted)
