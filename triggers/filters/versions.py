"""Versions as SemVer 2.0 and NuGet order them: up to four numbers and a pre-release tag; metadata never counts."""

import re
from dataclasses import dataclass, field

_VERSION = re.compile(
    r"[vV]?(\d{1,10}(?:\.\d{1,10}){0,3})(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?",
    re.ASCII,
)
LONGEST_VERSION = 200

_Identifier = tuple[int, int, str]


@dataclass(frozen=True, order=True)
class Version:
    """Compares as NuGet does: missing numbers are zero, a pre-release comes before its release, case does not count."""

    numbers: tuple[int, ...]
    is_release: bool
    tag: tuple[_Identifier, ...] = ()
    text: str = field(default="", compare=False)


def parse_version(text: str) -> Version | None:
    """The version that a text is, or None."""
    if len(text) > LONGEST_VERSION:
        return None
    found = _VERSION.fullmatch(text.strip())
    if not found:
        return None
    numbers = [int(number) for number in found[1].split(".")]
    tag = tuple(_identifier(one) for one in found[2].split(".")) if found[2] else ()
    return Version((*numbers, *[0] * (4 - len(numbers))), not tag, tag, text)


def _identifier(text: str) -> _Identifier:
    # Numbers come before words and are compared as numbers.
    return (0, int(text), "") if text.isdigit() else (1, 0, text.casefold())
