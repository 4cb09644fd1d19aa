"""Paths through filters, and what an `if` compares (SPEC §2 expression, filtered, condition)."""

from actions.octostache.nodes import Condition, Expression, Filter, Filtered, Literal, Symbol, Token
from actions.octostache.parsing.characters import NoMatchError
from actions.octostache.parsing.paths import Paths


class Expressions(Paths):
    def token(self, at: int) -> tuple[Token, int] | None:
        """A token, which may be an option of a filter; the layer above knows them."""
        raise NotImplementedError

    def expression(self, at: int) -> tuple[Expression, int]:
        """A path and filters; a path alone; or filters alone."""
        symbol: Symbol | None = None
        start = at
        behind = -1
        try:
            symbol, behind = self.symbol(self.blanks(at))
            at = self.blanks(behind)
        except NoMatchError:
            pass
        filters: list[Filter] = []
        while at < self.end and self.text[at] == "|":
            mark = self.furthest
            try:
                one, after = self._filter(at)
            except NoMatchError:
                if filters:
                    self.furthest = mark
                break
            filters.append(one)
            at = after
        if not filters:
            failure = self.fail(at)
            if symbol is None:
                raise failure
            return symbol, behind
        return Filtered(symbol, tuple(filters), start), at

    def _filter(self, at: int) -> tuple[Filter, int]:
        at = self.blanks(self.literal(at, "|"))
        name, at = self.bareword(at)
        at = self.blanks(at)
        options: list[str | Token] = []
        while True:
            mark = self.furthest
            try:
                option, at = self._option(at)
            except NoMatchError:
                self.furthest = mark
                return Filter(name, tuple(options)), at
            options.append(option)

    def _option(self, at: int) -> tuple["str | Token", int]:
        if self.text.startswith("#{", at):
            one = self.token(at)
            if one is None:
                raise self.fail(self.furthest)
            return one
        at = self.blanks(at)
        for rule in (self.bareword, self.quoted):
            try:
                text, after = rule(at)
            except NoMatchError:
                continue
            return text, self.blanks(after)
        raise self.fail(at)

    def condition(self, at: int) -> tuple[Condition, int]:
        at = self.blanks(at)
        for left_rule, right_rule in (
            (self.expression, self.expression),
            (self._literal_side, self.expression),
            (self.expression, self._literal_side),
        ):
            try:
                left, after = left_rule(at)
                operator, after = self._operator(self.blanks(after))
                right, after = right_rule(self.blanks(after))
            except NoMatchError:
                continue
            return Condition(left, operator, right), self.blanks(after)
        left, after = self.expression(at)
        return Condition(left), self.blanks(after)

    def _operator(self, at: int) -> tuple[str, int]:
        for operator in ("==", "!="):
            if self.text.startswith(operator, at):
                return operator, at + 2
        raise self.fail(at)

    def _literal_side(self, at: int) -> tuple[Literal, int]:
        text, at = self.quoted(at)
        return Literal(text), at
