"""Variables as a tree (SPEC §4): names are paths, each node may have a value, named children and indexed ones."""

from collections.abc import Mapping, Set
from functools import lru_cache
from typing import Any, NamedTuple

from actions.octostache import json_values
from actions.octostache.nodes import Identifier, Index
from actions.octostache.parsing.paths import parse_name


class Opaque(str):
    """A value that came from outside, such as an event: used as it stands, never expanded (SEC-60)."""

    __slots__ = ()


def fold(name: str) -> str:
    """The key of a name: upper case character by character, as .NET's OrdinalIgnoreCase has it."""
    if name.isascii():
        return name.upper()
    return "".join(upper if len(upper := character.upper()) == 1 else character for character in name)


# How a node's value is used: as it stands, as it stands but from outside, or as a template of its own. UNSURE is said
# of a document only: each value in it has to be looked at.
PLAIN, OPAQUE, TEMPLATE, UNSURE = 0, 1, 2, 3
_UNREAD, _NOT_JSON = object(), object()
_LONGEST_KEPT, _LONGEST_SET_KEPT = 256, 16_384
_NONE: dict[str, "Node"] = {}
# (key, whether it is an index) for each step.
Path = tuple[tuple[str, bool], ...]


class Node:
    """One place in the tree. `value` is its text; of a JSON object or array, None until `text` prints it."""

    __slots__ = ("_data", "_items", "indexed", "kind", "named", "value")

    def __init__(self, value: str | None = None, kind: int = PLAIN, data: Any = _UNREAD) -> None:
        self.value = value
        self.kind = kind
        self._data = data
        self._items: list[Node] | None = None
        # Shared until there is something to put in.
        self.named = _NONE
        self.indexed = _NONE

    @property
    def text(self) -> str | None:
        if self.value is None and self._data is not _UNREAD:
            self.value = json_values.compact(self._data)
        return self.value

    def set(self, value: str) -> None:
        """Give it a value of its own, in place of an index text that stood in for one."""
        self.kind = OPAQUE if isinstance(value, Opaque) else TEMPLATE if "#{" in value else PLAIN
        self.value = str(value)

    @property
    def inner_kind(self) -> int:
        """What is known of the values inside: an escape may hide the opening of a token."""
        return UNSURE if self.kind == PLAIN and self.value is not None and "\\u" in self.value else self.kind

    def json(self) -> Any:
        """The JSON object or array that the value is, or None. Read once; not for templates."""
        if self._data is _UNREAD:
            self._data = read_json(self.value or "")
            if self._data is None:
                self._data = _NOT_JSON
        return None if self._data is _NOT_JSON else self._data

    def items(self) -> "list[Node]":
        """What an `each` over the node goes through (SPEC §7). Not for templates."""
        if self._items is None:
            if self.value is None and self._data is _UNREAD:
                self._items = list(self.indexed.values())
            else:
                self._items = items_of(self.json(), self.value or "", self.inner_kind)
        return self._items


def read_json(text: str) -> Any:
    """An object or array; None for any other text."""
    try:
        data = json_values.parse_json(text)
    except json_values.NotJson:
        return None
    return data if isinstance(data, dict | list) else None


def json_node(value: Any, kind: int) -> Node:
    """A node for a value that was found in JSON; what came from outside stays so."""
    if isinstance(value, dict | list):
        node = Node(kind=kind, data=value)
        if kind == UNSURE:
            node.kind = TEMPLATE if "#{" in (node.text or "") else PLAIN
        return node
    text = json_values.text_of(value)
    if kind == UNSURE:
        kind = TEMPLATE if "#{" in text else PLAIN
    return Node(text, kind)


def items_of(data: Any, text: str, kind: int) -> list[Node]:
    """Elements, properties, or the parts between commas."""
    if isinstance(data, list):
        return [json_node(one, kind) for one in data]
    if isinstance(data, dict):
        return [_member(name, value, kind) for name, value in data.items()]
    return [json_node(part, kind) for part in text.split(",")]


def _member(name: str, value: Any, kind: int) -> Node:
    node = json_node(name, kind)
    node.named = {"KEY": json_node(name, kind), "VALUE": json_node(value, kind)}
    return node


class VariableTree:
    """One set of variables, built once; many templates are rendered against it. A later name replaces an equal one."""

    __slots__ = ("_leaves", "_names", "_root", "_variables", "found")

    def __init__(self, variables: Mapping[str, str | None]) -> None:
        self._variables = variables
        self._root: Node | None = None
        self._names: _Names | None = None
        self._leaves: dict[Path, Node] = {}
        # Path, as written or by steps -> where it leads; filled while templates are rendered.
        self.found: dict[object, Node | None] = {}

    @property
    def root(self) -> Node:
        """Where all paths begin. Made when it is first asked for: most templates name whole variables only."""
        if self._root is None:
            self._root = Node()
            for name, value in self._variables.items():
                self._put(self._root, name, "" if value is None else value)
        return self._root

    def leaf(self, path: Path) -> tuple[Node, int] | None:
        """A node for the text of the variable that this path leads to, and how many of its steps did; whatever is left
        leads into that text as a document. None is no answer: there are variables on the way that only the whole tree
        shows."""
        if self._root is not None:
            return None
        if self._names is None:
            self._names = _by_path(tuple(self._variables))
        names, ways = self._names
        count = len(path)
        while path not in names:
            count -= 1
            if not count or path in ways:
                return None
            path = path[:count]
            if path in ways:
                # What is left may mean one of the variables below.
                return None
        node = self._leaves.get(path)
        if node is None:
            value = self._variables[names[path]]
            node = self._leaves[path] = Node()
            node.set("" if value is None else value)
        return node, count

    @staticmethod
    def _put(root: Node, name: str, value: str) -> None:
        node = root
        steps = _steps(name) if len(name) <= _LONGEST_KEPT else _steps.__wrapped__(name)
        for key, index in steps:
            if index is None:
                if node.named is _NONE:
                    node.named = {}
                child = node.named.get(key)
                if child is None:
                    child = node.named[key] = Node()
            else:
                if node.indexed is _NONE:
                    node.indexed = {}
                child = node.indexed.get(key)
                if child is None:
                    # Until it is given a value of its own, an entry prints its index.
                    child = node.indexed[key] = Node(index, TEMPLATE if "#{" in index else PLAIN)
            node = child
        if steps:
            node.set(value)


@lru_cache(maxsize=4096)
def _steps(name: str) -> tuple[tuple[str, str | None], ...]:
    """(key, index text or None) for each step of a name; none for one that cannot be a path."""
    symbol = parse_name(name)
    if symbol is None:
        return ()
    return tuple(
        (fold(step.text), step.text if isinstance(step, Index) else None)
        for step in symbol.steps
        if isinstance(step, Identifier | Index)
    )


class _Names(NamedTuple):
    """Variables by their paths, and the paths that lead on to some."""

    names: Mapping[Path, str]
    ways: Set[Path]


def _by_path(names: tuple[str, ...]) -> _Names:
    # Sets of variables of one kind of event differ in their values only.
    return _few_by_path(names) if sum(map(len, names)) <= _LONGEST_SET_KEPT else _few_by_path.__wrapped__(names)


@lru_cache(maxsize=64)
def _few_by_path(names: tuple[str, ...]) -> _Names:
    by_path = {_path(name): name for name in names}
    return _Names(by_path, {path[:count] for path in by_path for count in range(1, len(path))})


def _path(name: str) -> Path:
    return _short_path(name) if len(name) <= _LONGEST_KEPT else _short_path.__wrapped__(name)


@lru_cache(maxsize=4096)
def _short_path(name: str) -> Path:
    return tuple((key, index is not None) for key, index in _steps.__wrapped__(name))
