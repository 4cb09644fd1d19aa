"""Comparing what an event holds with what a condition wants, and showing either to a person."""

import json
import math
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from triggers.filters.paths import kind_of
from triggers.filters.versions import Version, parse_version

LONGEST_SHOWN = 200

Number = int | float | Decimal


class NotComparable(Exception):
    """This value cannot be put to the question; the message is a clause such as "which is not a number"."""


def equal(got: Any, wanted: Any, ignore_case: bool = False) -> bool:
    """Whether two scalars are the same. Forms, query strings and JSON write numbers and truth values differently, so a
    text equals the number or truth value that it spells."""
    if isinstance(got, bool) or isinstance(wanted, bool):
        one, other = truth(got), truth(wanted)
        return one is not None and one == other
    if is_number(got) or is_number(wanted):
        one_number, other_number = number(got), number(wanted)
        return one_number is not None and other_number is not None and one_number == other_number
    if isinstance(got, str) and isinstance(wanted, str):
        return got.casefold() == wanted.casefold() if ignore_case else got == wanted
    return False


def contains(got: Any, wanted: Any, ignore_case: bool = False) -> bool:
    """Whether a text has a part, or a list an element; raises NotComparable."""
    if isinstance(got, str):
        part = wanted if isinstance(wanted, str) else plain(wanted)
        return part.casefold() in got.casefold() if ignore_case else part in got
    if isinstance(got, list | tuple):
        return any(equal(element, wanted, ignore_case) for element in got)
    raise NotComparable("which is neither a text nor a list")


def text(got: Any, ignore_case: bool = False) -> str:
    """A text to look into; numbers and truth values are spelled out; raises NotComparable."""
    if isinstance(got, bool | int | float | str):
        spelled = plain(got)
        return spelled.casefold() if ignore_case else spelled
    raise NotComparable("which is not a text")


def order(got: Any, wanted: Any) -> int:
    """-1, 0 or 1. Two texts are compared as versions where both are ("1.10" comes after "1.9"), else as numbers."""
    for reader in _NUMBERS_FIRST if is_number(got) or is_number(wanted) else _VERSIONS_FIRST:
        one, other = reader(got), reader(wanted)
        if one is not None and other is not None:
            return int(one > other) - int(one < other)
    raise NotComparable("which is neither a number nor a version")


def _version(value: Any) -> Version | None:
    return parse_version(plain(value)) if isinstance(value, str) or is_number(value) else None


_NUMBER = re.compile(r"\s*[+-]?\d{1,40}(?:\.\d{1,40})?\s*", re.ASCII)


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def number(value: Any) -> Number | None:
    """The finite number that a value is or spells, or None."""
    if isinstance(value, str):
        return Decimal(value.strip()) if _NUMBER.fullmatch(value) else None
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def truth(value: Any) -> bool | None:
    """True or False where a value is or spells that, or None."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.strip().lower())
    return None


def plain(value: Any) -> str:
    """A scalar as JSON spells it, without quotes."""
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value)
    except ValueError:
        # More digits than the interpreter is willing to print.
        return kind_of(value)


def show(value: Any) -> str:
    """A value for people, at most 200 characters: plain text as it is, anything else as JSON."""
    if isinstance(value, str) and value and value == value.strip() and value.isprintable():
        return cut(value)
    pieces: list[str] = []
    length = 0
    try:
        # Piece by piece, so that a large payload is not written out to show its beginning.
        for piece in _ENCODER.iterencode(value[: LONGEST_SHOWN + 1] if isinstance(value, str) else value):
            pieces.append(piece)
            length += len(piece)
            if length > LONGEST_SHOWN:
                break
    except (ValueError, TypeError, RecursionError):
        return kind_of(value)
    return cut("".join(pieces))


def cut(shown: str, longest: int = LONGEST_SHOWN) -> str:
    """At most so many characters, all of which can be stored as text."""
    shown = shown.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")
    return shown if len(shown) <= longest else shown[: longest - 1] + "…"


_NUMBERS_FIRST: tuple[Callable[[Any], Any], ...] = (number, _version)
_VERSIONS_FIRST: tuple[Callable[[Any], Any], ...] = (_version, number)
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(", ", ": "))
