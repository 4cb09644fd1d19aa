"""The arithmetic of `calc` (SPEC §2 sum, product, factor)."""

from actions.octostache.errors import LimitError
from actions.octostache.nodes import Number, Operand, Operation
from actions.octostache.parsing.characters import MOST_NESTED, NoMatchError
from actions.octostache.parsing.paths import Paths

_DIGITS = frozenset("0123456789")


class Sums(Paths):
    def sum(self, at: int, depth: int) -> tuple[Operand, int]:
        if depth > MOST_NESTED:
            raise LimitError(f"A calculation is nested more than {MOST_NESTED} deep: make it flatter.")
        return self._chain(at, "+-", depth)

    def _chain(self, at: int, operators: str, depth: int) -> tuple[Operand, int]:
        def next_operand(position: int) -> tuple[Operand, int]:
            return self._chain(position, "*/", depth) if operators == "+-" else self._factor(position, depth)

        left, at = next_operand(at)
        while True:
            after = self.blanks(at)
            if after >= self.end or self.text[after] not in operators:
                self.fail(after)
                return left, at
            operator = self.text[after]
            mark = self.furthest
            try:
                right, at = next_operand(self.blanks(after + 1))
            except NoMatchError:
                self.furthest = mark
                return left, at
            left = Operation(left, operator, right)

    def _factor(self, at: int, depth: int) -> tuple[Operand, int]:
        if self.text.startswith("(", at):
            inner, after = self.sum(at + 1, depth + 1)
            return inner, self.literal(after, ")")
        number = self._number(at)
        if number is not None:
            return number
        if self.text.startswith("{", at):
            symbol, after = self.symbol(self.blanks(at + 1))
            return symbol, self.literal(self.blanks(after), "}")
        symbol, after = self.symbol(self.blanks(at))
        return symbol, self.blanks(after)

    def _number(self, at: int) -> tuple[Operand, int] | None:
        start = at
        while at < self.end and self.text[at] in _DIGITS:
            at += 1
        if at + 1 < self.end and self.text[at] == "." and self.text[at + 1] in _DIGITS:
            at += 1
            while at < self.end and self.text[at] in _DIGITS:
                at += 1
        if at == start:
            return None
        return Number(float(self.text[start:at])), at
