"""Scopes that names are looked up in, paths that are being resolved, and what one evaluation keeps track of."""

from collections.abc import Callable

from actions.octostache.errors import LimitError, LoopError
from actions.octostache.limits import Cost, Limits
from actions.octostache.nodes import Symbol
from actions.octostache.tree import Node, VariableTree

OnValue = Callable[[str, bool, str | None], str]
# Texts up to this length cost nothing beside the token that reads them; longer ones a step per so many characters.
FREE_LENGTH = 256


# The outermost scope goes through nothing.
_NO_ITEM = Node()


class Scope:
    """All variables, or what one round of a loop adds to the scope around it: an item and its position."""

    __slots__ = ("index", "is_last", "item", "name", "parent", "tree")

    def __init__(
        self, tree: VariableTree, parent: "Scope | None", name: str, item: Node, index: int, is_last: bool
    ) -> None:
        self.tree = tree
        self.parent = parent
        self.name = name
        self.item = item
        self.index = index
        self.is_last = is_last

    def is_within(self, other: "Scope") -> bool:
        scope: Scope | None = self
        while scope is not None:
            if scope is other:
                return True
            scope = scope.parent
        return False


class Frame:
    """A path that is being resolved; `scope` is where it is being looked for, then where it was found."""

    __slots__ = ("before", "depth", "scope", "symbol")

    def __init__(self, symbol: Symbol, scope: Scope, before: "Frame | None") -> None:
        self.symbol = symbol
        self.scope = scope
        self.before = before
        self.depth: int = 1 if before is None else before.depth + 1

    def refuse_loop(self, symbol: Symbol, scope: Scope) -> None:
        """Raise LoopError if an equal path, by steps and position, is already being resolved around here (SPEC §5)."""
        one: Frame | None = self
        while one is not None:
            if one.symbol.offset == symbol.offset and one.symbol.text == symbol.text and scope.is_within(one.scope):
                raise LoopError(_loop_message(symbol, self))
            one = one.before


class State:
    """One evaluation: what it found missing, what it read, and how much it may still cost (SEC-62).

    A step is a token, a filter, a round of a loop, or 256 characters that are handled.
    """

    __slots__ = (
        "cost", "home", "is_null", "limits", "max_steps", "missing", "on_value", "steps", "tainted", "uncached", "used",
    )  # fmt: skip

    def __init__(self, tree: VariableTree, limits: Limits, on_value: OnValue | None = None) -> None:
        self.limits = limits
        self.cost = Cost(limits)
        self.max_steps = limits.steps
        self.on_value = on_value
        self.steps = 0
        # Missing token -> where it stands in the template, -1 inside a variable's value. Distinct, in order.
        self.missing: dict[str, int] = {}
        self.used: set[str] = set()
        self.tainted = False
        self.is_null = False
        # Set by every lookup: the scope in which the path was found.
        self.home = Scope(tree, None, "", _NO_ITEM, 0, False)
        # Counts lookups whose result holds for this moment only.
        self.uncached = 0

    def charge(self, steps: int) -> None:
        self.steps += steps
        if self.steps > self.max_steps:
            raise LimitError(f"The template takes more than {self.max_steps:,} steps: make it simpler.")

    def handle(self, length: int) -> None:
        """Count a long text that was read or made."""
        if length > self.limits.output:
            raise LimitError(
                f"The template's output is longer than {self.limits.output:,} characters: make it shorter."
            )
        self.charge(length // FREE_LENGTH)

    def finished(self, parts: list[str]) -> str:
        """The parts as one text, if that is not too long."""
        text = "".join(parts)
        self.handle(len(text))
        return text


def _loop_message(symbol: Symbol, frame: Frame | None) -> str:
    chain = [symbol.text]
    while frame is not None:
        chain.append(frame.symbol.text)
        frame = frame.before
    return (
        f'An attempt to parse the variable symbol "{symbol.text}" appears to have resulted in a self referencing loop '
        f"({' -> '.join(reversed(chain))}). Ensure that no variable refers back to itself."
    )
