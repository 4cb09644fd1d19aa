"""Paths to nodes and their texts (SPEC §4, §5, §8). Every path of a template becomes one function, made once."""

from collections.abc import Callable
from typing import NamedTuple

from actions.octostache.errors import LimitError, LoopError
from actions.octostache.nodes import Identifier, Index, IndirectIndex, Symbol
from actions.octostache.scopes import FREE_LENGTH, Frame, Scope, State
from actions.octostache.tree import OPAQUE, PLAIN, TEMPLATE, UNSURE, Node, fold, items_of, json_node, read_json

Find = Callable[[State, Scope, Frame | None], Node | None]
Read = Callable[[State, Scope, Frame | None], str | None]
# How a value that is a template becomes text: (state, its text, where it was found, the path that led there).
Expand = Callable[[State, str, Scope, Frame], str | None]


class Step(NamedTuple):
    key: str
    text: str
    is_index: bool


def _step(text: str, is_index: bool) -> Step:
    return Step(fold(text), text, is_index)


_MOST_FOUND = 4_096
_JSON_CHARACTERS_PER_STEP = 32
_OCTOPUS = ("OCTOPUS", "TEMPLATE", "EACH")
_TRUE, _FALSE = Node("True"), Node("False")
_NO_VALUE = Node()
_INDEXES = [Node(str(number)) for number in range(256)]


def _position(name: str, scope: Scope) -> Node:
    """Octopus.Template.Each.Index, .First and .Last of a round."""
    if name == "INDEX":
        return _INDEXES[scope.index] if scope.index < len(_INDEXES) else Node(str(scope.index))
    return _TRUE if (scope.is_last if name == "LAST" else scope.index == 0) else _FALSE


def _of_loop(steps: tuple[Step, ...]) -> str | None:
    """What a path means among the names that every loop adds: "INDEX", "FIRST", "LAST", "" for a part of the way to
    them, which hides outer variables without having a value, or None."""
    if len(steps) > 4 or any(step.is_index for step in steps):
        return None
    keys = tuple(step.key for step in steps)
    if keys[:3] != _OCTOPUS[: len(keys)]:
        return None
    if len(keys) < 4:
        return ""
    return keys[3] if keys[3] in {"INDEX", "FIRST", "LAST"} else None


class Lookup:
    """Makes the functions; `expand` evaluates values that are templates."""

    def __init__(self, expand: Expand) -> None:
        self._expand = expand

    def reader(self, symbol: Symbol) -> Read:
        """A function for the evaluated text of a path; None when it is missing."""
        find = self.finder(symbol, reads_text=True)
        expanded = self._expanded

        def read(state: State, scope: Scope, frame: Frame | None) -> str | None:
            node = find(state, scope, frame)
            if node is None:
                return None
            kind = node.kind
            text = node.value
            if text is None:
                text = node.text
                if text is not None:
                    state.charge(len(text) // _JSON_CHARACTERS_PER_STEP)
            if kind == TEMPLATE:
                return expanded(state, symbol, text or "", state.home, frame)
            if kind == OPAQUE:
                state.tainted = True
            if text is not None and len(text) > FREE_LENGTH:
                state.handle(len(text))
            return text

        return read

    def lister(self, symbol: Symbol) -> Callable[[State, Scope, Frame | None], list[Node]]:
        """A function for what an `each` over a path goes through (SPEC §7)."""
        find = self.finder(symbol)

        def items(state: State, scope: Scope, frame: Frame | None) -> list[Node]:
            node = find(state, scope, frame)
            if node is None:
                return []
            if node.kind != TEMPLATE:
                if node.kind == OPAQUE:
                    state.tainted = True
                return node.items()
            home = state.home
            before, state.tainted = state.tainted, False
            text = self._expand(state, node.text or "", home, Frame(symbol, home, frame))
            # A part that came from outside makes all of what is split from it so.
            kind, state.tainted = (OPAQUE if state.tainted else UNSURE), before or state.tainted
            if text is None:
                if node.indexed:
                    return list(node.indexed.values())
                text = node.text or ""
            return items_of(_json_of(state, text), text, kind)

        return items

    def finder(self, symbol: Symbol, reads_text: bool = False) -> Find:
        """A function for the node that a path leads to; it leaves the scope where that is in `state.home`. Who only
        `reads_text` is content with a node that has nothing below it."""
        if not symbol.is_static:
            return self._indirect_finder(symbol)
        steps = tuple(
            _step(step.text, isinstance(step, Index)) for step in symbol.steps if isinstance(step, Identifier | Index)
        )
        head, rest, path = steps[0].key, steps[1:], symbol.text
        loop_name = _of_loop(steps)
        # A star means the first of what there is, which only the tree knows.
        is_plain = reads_text and not any(step.is_index and step.text == "*" for step in steps)
        keys = tuple((step.key, step.is_index) for step in steps) if is_plain else None
        walk, from_root, count = self._walk, self._from_root, len(steps)

        def find(state: State, scope: Scope, frame: Frame | None) -> Node | None:
            if frame is not None:
                frame.refuse_loop(symbol, scope)
            state.used.add(path)
            parent = scope.parent
            while parent is not None:
                if scope.name == head:
                    node = walk(state, symbol, scope.item, rest, scope, frame)
                    if node is not None:
                        state.home = scope
                        return node
                elif loop_name is not None:
                    return _position(loop_name, scope) if loop_name else _NO_VALUE
                scope = parent
                parent = scope.parent
            leaf = scope.tree.leaf(keys) if keys is not None else None
            if leaf is None:
                return from_root(state, symbol, path, None, steps, scope, frame)
            node, used = leaf
            if used < count:
                return from_root(state, symbol, path, node, steps[used:], scope, frame)
            state.home = scope
            return node

        return find

    def _from_root(
        self,
        state: State,
        symbol: Symbol,
        key: object,
        start: Node | None,
        steps: tuple[Step, ...],
        scope: Scope,
        frame: Frame | None,
    ) -> Node | None:
        """Among all variables, or below the one to `start` from; the way to a path is remembered under the key."""
        state.home = scope
        found = scope.tree.found
        if key in found:
            return found[key]
        before = state.uncached
        node = self._walk(state, symbol, start or scope.tree.root, steps, scope, frame)
        state.home = scope
        if state.uncached == before and len(found) < _MOST_FOUND:
            found[key] = node
        return node

    def _indirect_finder(self, symbol: Symbol) -> Find:
        parts = [self.reader(step.symbol) if isinstance(step, IndirectIndex) else step for step in symbol.steps]

        def find(state: State, scope: Scope, frame: Frame | None) -> Node | None:
            if frame is not None:
                frame.refuse_loop(symbol, scope)
            state.used.add(symbol.text)
            inner = Frame(symbol, scope, frame)
            steps: list[Step] = []
            # What is missing inside an index is not missing from the text.
            missing, state.missing = state.missing, {}
            try:
                for part in parts:
                    if isinstance(part, Identifier | Index):
                        steps.append(_step(part.text, isinstance(part, Index)))
                        continue
                    text = part(state, scope, inner)
                    if text is None:
                        return None
                    steps.append(_step(text, True))
            finally:
                state.missing = missing
            return self._search(state, symbol, tuple(steps), scope, frame)

        return find

    def _search(
        self, state: State, symbol: Symbol, steps: tuple[Step, ...], scope: Scope, frame: Frame | None
    ) -> Node | None:
        one: Scope | None = scope
        loop_name = _of_loop(steps)
        while one is not None:
            node: Node | None = None
            if one.parent is None:
                node = self._from_root(state, symbol, steps, None, steps, one, frame)
            elif one.name == steps[0].key:
                node = self._walk(state, symbol, one.item, steps[1:], one, frame)
            elif loop_name is not None:
                node = _position(loop_name, one) if loop_name else _NO_VALUE
            if node is not None:
                state.home = one
                return node
            one = one.parent
        return None

    def _walk(
        self, state: State, symbol: Symbol, start: Node, steps: tuple[Step, ...], scope: Scope, frame: Frame | None
    ) -> Node | None:
        node = start
        for step in steps:
            key, text, is_index = step
            if not is_index:
                child = node.named.get(key)
            elif text == "*" and node.indexed:
                child = next(iter(node.indexed.values()))
            else:
                child = node.indexed.get(key)
            if child is None:
                child = self._in_json(state, symbol, node, text, scope, frame)
                if child is None:
                    return None
            node = child
        return node

    def _in_json(
        self, state: State, symbol: Symbol, node: Node, name: str, scope: Scope, frame: Frame | None
    ) -> Node | None:
        """A property or element of a value that is JSON text (SPEC §8)."""
        if not name:
            return None
        if node.kind != TEMPLATE:
            data, kind = node.json(), node.inner_kind
        else:
            data, kind = self._json_of_template(state, symbol, node, scope, frame)
        if isinstance(data, dict):
            return json_node(data.get(name, ""), kind)
        if isinstance(data, list):
            position = integer(name)
            if position is None or position < 0:
                return None
            return json_node(data[position] if position < len(data) else "", kind)
        return None

    def _json_of_template(
        self, state: State, symbol: Symbol, node: Node, scope: Scope, frame: Frame | None
    ) -> tuple[object, int]:
        state.uncached += 1
        # What is missing inside the document is not missing from the text.
        missing, state.missing = state.missing, {}
        before, state.tainted = state.tainted, False
        try:
            text = self._expand(state, node.text or "", scope, Frame(symbol, scope, frame))
            return _json_of(state, node.text or "" if text is None else text), OPAQUE if state.tainted else UNSURE
        except LoopError:
            return None, PLAIN
        finally:
            state.missing = missing
            state.tainted = state.tainted or before

    def _expanded(self, state: State, symbol: Symbol, value: str, home: Scope, frame: Frame | None) -> str:
        text = self._expand(state, value, home, Frame(symbol, home, frame))
        return value if text is None else text


def integer(text: str) -> int | None:
    """A 32-bit integer as .NET reads it: ASCII digits, a sign and outer blanks."""
    digits = text.strip()
    unsigned = digits[1:] if digits[:1] in {"+", "-"} else digits
    if not (unsigned.isascii() and unsigned.isdigit()) or len(unsigned) > 40:
        return None
    value = int(digits)
    return value if -(2**31) <= value < 2**31 else None


def _json_of(state: State, text: str) -> object:
    """JSON that has to be read anew each time, which is slow enough to count."""
    state.charge(len(text) // _JSON_CHARACTERS_PER_STEP)
    return read_json(text)


def refuse_depth(frame: Frame, limit: int) -> None:
    if frame.depth > limit:
        raise LimitError(
            f"Variables refer to each other too deeply, more than {limit} in a row: make the chain shorter."
        )
