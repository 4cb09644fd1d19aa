"""Variables as a tree (SPEC §4): names are paths, each node may have a value, named children and indexed ones."""

from collections.abc import Mapping
from typing import Any

from actions.octostache.nodes import Identifier, Index
from actions.octostache.parser import parse_name


class Opaque(str):
    """A value that came from outside, such as an event: used as it stands, never expanded (SEC-60)."""

    __slots__ = ()


def fold(name: str) -> str:
    """The key of a name: upper case character by character, as .NET's OrdinalIgnoreCase has it."""
    if name.isascii():
        return name.upper()
    return "".join(upper if len(upper := character.upper()) == 1 else character for character in name)


_NO_DATA = object()


class Node:
    """`value` None is no value. `is_default` marks an index text that stands in for one. `data` is the JSON value that
    the node was made from, so that it need not be printed and read again."""

    __slots__ = ("data", "indexed", "is_default", "named", "value")

    def __init__(self, value: str | None = None, data: Any = _NO_DATA) -> None:
        self.value = value
        self.is_default = False
        self.named: dict[str, Node] = {}
        self.indexed: dict[str, Node] = {}
        self.data = data

    @property
    def has_data(self) -> bool:
        return self.data is not _NO_DATA


class VariableTree:
    """One set of variables, built once; many templates are rendered against it. A later name replaces an equal one."""

    def __init__(self, variables: Mapping[str, str | None]) -> None:
        self.root = Node()
        for name, value in variables.items():
            self._put(name, "" if value is None else value)

    def _put(self, name: str, value: str) -> None:
        symbol = parse_name(name)
        if symbol is None:
            return
        node = self.root
        for step in symbol.steps:
            if isinstance(step, Identifier):
                node = _child(node, fold(step.text))
            elif isinstance(step, Index):
                node = _item(node, step.text)
        node.value = value
        node.is_default = False


def _child(node: Node, key: str) -> Node:
    child = node.named.get(key)
    if child is None:
        child = node.named[key] = Node()
    return child


def _item(node: Node, text: str) -> Node:
    key = fold(text)
    child = node.indexed.get(key)
    if child is None:
        # Until it is given a value of its own, an entry prints its index.
        child = node.indexed[key] = Node(text)
        child.is_default = True
    return child
