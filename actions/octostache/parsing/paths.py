"""Paths: names, dots and indexes (SPEC §2 symbol, §4)."""

from functools import lru_cache

from actions.octostache.errors import LimitError
from actions.octostache.nodes import Identifier, Index, IndirectIndex, Step, Symbol
from actions.octostache.parsing.characters import Characters, NoMatchError


class Paths(Characters):
    """Each method reads one thing at a position and gives it with the position behind it, or raises NoMatchError."""

    def symbol(self, at: int) -> tuple[Symbol, int]:
        start = at
        name, at = self.identifier(at)
        steps: list[Step] = [Identifier(name)]
        while at < self.end:
            mark = self.furthest
            try:
                if self.text[at] == ".":
                    name, at = self.identifier(at + 1)
                    steps.append(Identifier(name))
                elif self.text[at] == "[":
                    step, at = self.index(at)
                    steps.append(step)
                else:
                    break
            except NoMatchError:
                self.furthest = mark
                break
        self.fail(at)
        return Symbol(tuple(steps), start), at

    def identifier(self, at: int) -> tuple[str, int]:
        start = at
        text, end = self.text, self.end
        while True:
            at = self.word(at)
            if at >= end or not text[at].isspace() or self._ends_name(at + 1):
                break
            at += 1
        if at == start:
            raise self.fail(at)
        return text[start:at].strip(), at

    def _ends_name(self, at: int) -> bool:
        """Whether a blank before this position is no part of a name."""
        text = self.text
        # Not at the very end of the text, where the reference does not look ahead.
        if at < self.end - 1 and text[at] in "|}":
            return True
        return any(
            text.startswith(word, at) and at + 2 < self.end and text[at + 2].isspace() for word in ("in", "==", "!=")
        )

    def index(self, at: int) -> tuple[Step, int]:
        inner = self.blanks(self.literal(at, "["))
        if self.text.startswith("#{", inner):
            try:
                return self._indirect(inner)
            except NoMatchError:
                pass
        close = self.closing_bracket(at)
        return Index(self.text[inner:close]), close + 1

    def _indirect(self, at: int) -> tuple[Step, int]:
        self.deeper()
        try:
            symbol, after = self.symbol(self.open(at))
        finally:
            self.depth -= 1
        after = self.blanks(self.literal(self.blanks(after), "}"))
        return IndirectIndex(symbol), self.literal(after, "]")


def parse_name(name: str) -> Symbol | None:
    """A variable's name as a path, cut where the grammar ends; None when it is none or holds an indirect index."""
    parser = Paths(name)
    try:
        symbol, _ = parser.symbol(0)
    except (NoMatchError, LimitError):
        return None
    return symbol if symbol.is_static else None


@lru_cache(maxsize=1024)
def parse_path(text: str) -> Symbol | None:
    """A whole text as a path, indirect indexes allowed; None when it is none."""
    parser = Paths(text)
    try:
        symbol, at = parser.symbol(parser.blanks(0))
    except NoMatchError:
        return None
    return symbol if parser.blanks(at) == parser.end else None
