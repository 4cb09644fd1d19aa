"""Regular expressions of .NET's flavour, written for the `regex` package (SPEC §11 Regex flavour, §14).

Version 1 of that package is the closest: inline options count from where they stand, and character classes can be
subtracted. What .NET does not know is refused, so that no pattern means more here than there.
"""

import re
from typing import NamedTuple

from actions.octostache.errors import FilterError

_QUANTIFIER = re.compile(r"(?:[*+?]|\{\d+(?:,\d*)?\})\??")
_NAMED = re.compile(r"\(\?(?:<([^\W\d]\w*)>|'([^\W\d]\w*)')")
_OTHER_GROUP = re.compile(r"\(\?(?:[:=!>]|<[=!]|[imsx]*(?:-[imsx]+)?[:)])")
_COMMENT = re.compile(r"\(\?#[^)]*\)")
_BACK_REFERENCE = re.compile(r"\\k(?:<(\w+)>|'(\w+)')")
_REFERENCE = re.compile(r"\\([1-9])(?![0-9])")
_CATEGORY = re.compile(r"\\[pP]\{\w+\}")
_CONTROL = re.compile(r"\\c([A-Za-z@\[\]\\^_])")
# Letters that .NET knows behind a backslash and that mean the same here.
_SHARED_ESCAPES = frozenset("abtrvfnxuwWsSdDpPBAG")
_OWN_ESCAPES = {"z": r"\Z", "Z": r"(?=\n?\Z)", "e": r"\x1b"}


class Translated(NamedTuple):
    """`numbers` leads from .NET's group numbers, where unnamed groups come first, to those of `pattern`."""

    pattern: str
    numbers: dict[int, int]


def translated(pattern: str) -> Translated:
    """Raises FilterError for what has no equal."""
    return _Translation(pattern).whole()


class _Translation:
    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0
        # The name of each group, None for an unnamed one; a name that comes again is the same group.
        self.groups: list[str | None] = []

    def whole(self) -> Translated:
        parts: list[str] = []
        references: list[tuple[int, int]] = []
        while self.at < len(self.pattern):
            reference = _REFERENCE.match(self.pattern, self.at)
            if reference is None:
                parts.append(self._part())
                continue
            references.append((len(parts), int(reference[1])))
            parts.append(reference[0])
            self.at = reference.end()
        numbers = self._numbers()
        for position, number in references:
            if number in numbers:
                parts[position] = f"(?:\\{numbers[number]})"
        return Translated("".join(parts), numbers)

    def _numbers(self) -> dict[int, int]:
        places = list(enumerate(self.groups, 1))
        ordered = [place for place, name in places if name is None] + [place for place, name in places if name]
        return dict(enumerate(ordered, 1))

    def _part(self) -> str:
        character = self.pattern[self.at]
        if character == "\\":
            return self._escape(in_class=False)
        if character == "[":
            return self._class()
        if self.pattern.startswith("(?", self.at):
            return self._group()
        quantifier = _QUANTIFIER.match(self.pattern, self.at)
        if quantifier is not None:
            self.at = quantifier.end()
            if _QUANTIFIER.match(self.pattern, self.at):
                raise self._refused("a quantifier behind a quantifier")
            return quantifier[0]
        self.at += 1
        if character == "(":
            self.groups.append(None)
        # A brace that opens no quantifier is a character.
        return rf"\{character}" if character in "{}" else character

    def _escape(self, *, in_class: bool) -> str:
        letter = self.pattern[self.at + 1 : self.at + 2]
        if letter == "k" and not in_class and (named := _BACK_REFERENCE.match(self.pattern, self.at)):
            self.at = named.end()
            return f"(?P={named[1] or named[2]})"
        if control := _CONTROL.match(self.pattern, self.at):
            self.at = control.end()
            return f"\\x{ord(control[1].upper()) ^ 64:02x}"
        if not letter or (letter.isascii() and letter.isalpha() and letter not in _SHARED_ESCAPES | set(_OWN_ESCAPES)):
            raise self._refused(f"the escape \\{letter}")
        if in_class and letter in "zZAGB":
            raise self._refused(f"the escape \\{letter} in a class")
        if letter in "pP" and (category := _CATEGORY.match(self.pattern, self.at)):
            self.at = category.end()
            return category[0]
        self.at += 2
        return _OWN_ESCAPES.get(letter, f"\\{letter}")

    def _group(self) -> str:
        if comment := _COMMENT.match(self.pattern, self.at):
            self.at = comment.end()
            return ""
        if named := _NAMED.match(self.pattern, self.at):
            self.at = named.end()
            name = named[1] or named[2]
            if name not in self.groups:
                self.groups.append(name)
            return f"(?P<{name}>"
        other = _OTHER_GROUP.match(self.pattern, self.at)
        if other is None:
            raise self._refused("this kind of group")
        self.at = other.end()
        return other[0]

    def _class(self) -> str:
        """A class; a subtracted one becomes a difference."""
        opening = re.compile(r"\[\^?").match(self.pattern, self.at)
        assert opening is not None
        parts = [opening[0]]
        self.at = opening.end()
        is_first = True
        while True:
            character = self.pattern[self.at : self.at + 1]
            if not character:
                raise self._refused("a class that is not closed")
            if character == "]" and not is_first:
                self.at += 1
                return "".join([*parts, "]"])
            if self.pattern.startswith("-[", self.at) and not is_first:
                self.at += 1
                less = self._class()
                if self.pattern[self.at : self.at + 1] != "]":
                    raise self._refused("something behind a subtracted class")
                self.at += 1
                return f"[{''.join(parts)}]--{less}]"
            is_first = False
            if character == "\\":
                parts.append(self._escape(in_class=True))
                continue
            self.at += 1
            # These have a meaning of their own in classes of the other flavour.
            parts.append(f"\\{character}" if character in "[]&|~" else character)

    def _refused(self, what: str) -> FilterError:
        return FilterError(
            f"The pattern {self.pattern[:60]!r} is not a valid regular expression: {what} at character {self.at + 1} "
            "is not known here."
        )
