"""The lowest layer: a text, how far into it anything could be read, and words, blanks, literals and quotes."""

import re
import unicodedata

from actions.octostache.errors import LimitError
from actions.octostache.limits import DEFAULT_LIMITS

MOST_NESTED = DEFAULT_LIMITS.nesting
_WORD_MARKS = frozenset("_-:/~()@")
_WORD = re.compile(r"[A-Za-z0-9_\-:/~()@]+")
_BLANKS = re.compile(r"\s*")
_BRACKET = re.compile(r"[\[\]]")


class NoMatchError(Exception):
    """An alternative does not fit here; the next one is tried."""


def _is_word(character: str) -> bool:
    return character.isalpha() or character in _WORD_MARKS or unicodedata.category(character) == "Nd"


class Characters:
    """`furthest` is where the last failure was that got furthest: what an error message points to."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.end = len(text)
        self.furthest = 0
        self.depth = 0
        self._closings: dict[int, int] | None = None

    def fail(self, at: int) -> NoMatchError:
        if at > self.furthest:
            self.furthest = at
        return NoMatchError()

    def deeper(self) -> None:
        self.depth += 1
        if self.depth > MOST_NESTED:
            raise LimitError(f"The template is nested more than {MOST_NESTED} deep: make it flatter.")

    def blanks(self, at: int) -> int:
        found = _BLANKS.match(self.text, at)
        return at if found is None else found.end()

    def literal(self, at: int, word: str) -> int:
        if not self.text.startswith(word, at):
            for index, character in enumerate(word):
                if at + index >= self.end or self.text[at + index] != character:
                    raise self.fail(at + index)
        return at + len(word)

    def open(self, at: int) -> int:
        at = self.literal(at, "#{")
        if at < self.end and self.text[at] == "/":
            raise self.fail(at)
        return self.blanks(at)

    def keyword(self, at: int, *words: str) -> tuple[str, int]:
        """One of the words in any case, and at least one blank behind it."""
        for word in words:
            if self.text[at : at + len(word)].lower() == word:
                after = at + len(word)
                if after < self.end and self.text[after].isspace():
                    return word, self.blanks(after)
                raise self.fail(after)
        raise self.fail(at)

    def bareword(self, at: int) -> tuple[str, int]:
        start = at
        at = self.word(at)
        if at == start:
            raise self.fail(at)
        return self.text[start:at], at

    def word(self, at: int) -> int:
        """The end of as many characters as may stand in a name, blanks excepted."""
        text, end = self.text, self.end
        while at < end:
            ascii_part = _WORD.match(text, at)
            if ascii_part is not None:
                at = ascii_part.end()
            elif _is_word(text[at]):
                at += 1
            else:
                break
        return at

    def quoted(self, at: int) -> tuple[str, int]:
        """`"…"` without quotes and hashes, or `\\"…\\"` with anything."""
        if self.text.startswith('\\"', at):
            close = self.text.find('\\"', at + 2)
            if close < 0:
                raise self.fail(self.end)
            return self.text[at + 2 : close], close + 2
        start = at = self.literal(at, '"')
        while at < self.end and self.text[at] not in '"#':
            at += 1
        return self.text[start:at], self.literal(at, '"')

    def closing_bracket(self, opening: int) -> int:
        """Where the bracket that opens here is closed."""
        if self._closings is None:
            self._closings = self._pairs()
        close = self._closings.get(opening)
        if close is None:
            raise self.fail(self.end)
        return close

    def _pairs(self) -> dict[int, int]:
        """All pairs of brackets, found at once: to look for each one's end would take the square of the length."""
        pairs: dict[int, int] = {}
        waiting: list[int] = []
        for bracket in _BRACKET.finditer(self.text):
            if bracket[0] == "[":
                waiting.append(bracket.start())
            elif waiting:
                pairs[waiting.pop()] = bracket.start()
        return pairs
