"""A named set of extensions: one registry per extension point, filled by one line per module."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Generic, Protocol, TypeVar


class Named(Protocol):
    """What a registry holds: something with a stable name and a label for people."""

    @property
    def name(self) -> str: ...

    @property
    def label(self) -> str: ...


T = TypeVar("T", bound=Named)


class UnknownNameError(KeyError):
    """Nothing is registered under that name; the message lists what is."""

    def __str__(self) -> str:
        return str(self.args[0])


class Registry(Generic[T]):
    """`noun` is what one item is called in messages, such as "action kind"."""

    def __init__(self, noun: str) -> None:
        self._noun = noun
        self._items: dict[str, T] = {}

    def add(self, item: T) -> T:
        """Register under the item's name; raises ValueError when it is taken."""
        if item.name in self._items:
            raise ValueError(f"The {self._noun} {item.name!r} is registered already: choose another name.")
        self._items[item.name] = item
        return item

    def get(self, name: str) -> T:
        """The item; raises UnknownNameError."""
        try:
            return self._items[name]
        except KeyError:
            known = ", ".join(sorted(self._items)) or "none"
            raise UnknownNameError(f"There is no {self._noun} {name!r}; known are: {known}.") from None

    def choices(self) -> list[tuple[str, str]]:
        """(name, label) pairs in the order of registration, as Django fields want them."""
        return [(name, item.label) for name, item in self._items.items()]

    def __iter__(self) -> Iterator[T]:
        return iter(self._items.values())

    def __contains__(self, name: object) -> bool:
        return name in self._items

    @contextmanager
    def temporarily(self, item: T) -> Iterator[T]:
        """Register for the length of a test, in place of one of the same name."""
        former = dict(self._items)
        self._items[item.name] = item
        try:
            yield item
        finally:
            self._items = former
