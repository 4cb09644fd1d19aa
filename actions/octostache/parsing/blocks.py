"""Tokens: texts, substitutions, blocks and calculations, every one remembered by its position, so that backtracking
stays linear (SPEC §2 template, §3)."""

from actions.octostache.errors import LimitError
from actions.octostache.limits import MOST_TOKENS
from actions.octostache.nodes import Calculation, Condition, Conditional, Each, Substitution, Text, Token
from actions.octostache.parsing.characters import NoMatchError
from actions.octostache.parsing.expressions import Expressions
from actions.octostache.parsing.sums import Sums

_SUBSTITUTION = ("_substitution",)
_RULES = {
    **dict.fromkeys("iIuU", ("_conditional", "_substitution")),
    **dict.fromkeys("cC", ("_calculation", "_substitution")),
    **dict.fromkeys("eE", ("_each", "_substitution")),
}


class Blocks(Expressions, Sums):
    def __init__(self, text: str) -> None:
        super().__init__(text)
        # position -> (token, end) or None, and the furthest failure while it was tried
        self._known: dict[int, tuple[tuple[Token, int] | None, int]] = {}

    def tokens(self, at: int, *, stops: tuple[str, ...] = ()) -> tuple[list[Token], int]:
        """As many tokens as there are, up to one of the stops."""
        found: list[Token] = []
        while at < self.end:
            if stops and self._starts_with_stop(at, stops):
                break
            mark = self.furthest
            one = self.token(at)
            if one is None:
                # A repetition ends here; what stopped it is not the error that is reported.
                self.furthest = mark
                break
            found.append(one[0])
            at = one[1]
        return found, at

    def _starts_with_stop(self, at: int, stops: tuple[str, ...]) -> bool:
        for stop in stops:
            if self.text.startswith(stop, at):
                if stop != "#{elseif":
                    return True
                after = at + len(stop)
                if after < self.end and self.text[after].isspace():
                    return True
        return False

    def token(self, at: int) -> tuple[Token, int] | None:
        known = self._known.get(at)
        if known is not None:
            self.furthest = max(self.furthest, known[1])
            return known[0]
        if len(self._known) >= MOST_TOKENS:
            raise LimitError(f"The template holds more than {MOST_TOKENS:,} tokens: make it shorter.")
        before, self.furthest = self.furthest, at
        result = self._token(at)
        self._known[at] = (result, self.furthest)
        self.furthest = max(self.furthest, before)
        return result

    def _token(self, at: int) -> tuple[Token, int] | None:
        if not self.text.startswith("#{", at):
            return self._text(at)
        return self._opened(at)

    def _opened(self, at: int) -> tuple[Token, int] | None:
        self.deeper()
        # Any other word fails where a substitution would fail or go on.
        rules = _RULES.get(self.text[self.blanks(at + 2) : self.blanks(at + 2) + 1], _SUBSTITUTION)
        for rule in rules:
            try:
                found: tuple[Token, int] = getattr(self, rule)(at)
            except NoMatchError:
                continue
            self.depth -= 1
            return found
        self.depth -= 1
        return None

    def _text(self, at: int) -> tuple[Token, int] | None:
        text, start = self.text, at
        parts: list[str] = []
        while at < self.end:
            next_hash = text.find("#", at)
            if next_hash < 0:
                parts.append(text[at:])
                at = self.end
                break
            if next_hash > at:
                parts.append(text[at:next_hash])
                at = next_hash
            if at + 1 == self.end:
                parts.append("#")
                at += 1
            elif text.startswith("###{", at) and at + 4 < self.end:
                # At the very end of the text the reference does not see the opener; so it is here.
                parts.append("#")
                at += 2
            elif text.startswith("##{", at):
                parts.append("#{")
                at += 3
            elif text[at + 1] != "{":
                parts.append(text[at : at + 2])
                at += 2
            else:
                break
        if at == start:
            self.fail(at)
            return None
        return Text("".join(parts), start), at

    def _substitution(self, at: int) -> tuple[Token, int]:
        inner = self.open(at)
        expression, inner = self.expression(inner)
        inner = self.literal(self.blanks(inner), "}")
        return Substitution(expression, at), inner

    def _conditional(self, at: int) -> tuple[Token, int]:
        word, inner = self.keyword(self.open(at), "if", "unless")
        condition, inner = self.condition(inner)
        inner = self.literal(self.blanks(inner), "}")
        if word == "unless":
            body, inner = self.tokens(inner, stops=("#{else}",))
            otherwise, inner = self._else(inner)
            inner = self.literal(inner, "#{/unless}")
            return Conditional(condition, tuple(otherwise), tuple(body), at), inner
        body, inner = self.tokens(inner, stops=("#{else}", "#{elseif"))
        branches: list[tuple[Condition, list[Token], int]] = []
        while True:
            mark = self.furthest
            try:
                branch = self._elseif(inner)
            except NoMatchError:
                self.furthest = mark
                break
            branches.append(branch[:3])
            inner = branch[3]
        otherwise, inner = self._else(inner)
        inner = self.literal(inner, "#{/if}")
        for other, tokens, offset in reversed(branches):
            otherwise = [Conditional(other, tuple(tokens), tuple(otherwise), offset)]
        return Conditional(condition, tuple(body), tuple(otherwise), at), inner

    def _elseif(self, at: int) -> tuple[Condition, list[Token], int, int]:
        inner = self.literal(at, "#{elseif")
        if inner >= self.end or not self.text[inner].isspace():
            raise self.fail(inner)
        condition, inner = self.condition(self.blanks(inner))
        inner = self.literal(self.blanks(inner), "}")
        body, inner = self.tokens(inner, stops=("#{else}", "#{elseif"))
        return condition, body, at, inner

    def _else(self, at: int) -> tuple[list[Token], int]:
        try:
            inner = self.literal(at, "#{else}")
        except NoMatchError:
            return [], at
        return self.tokens(inner)

    def _each(self, at: int) -> tuple[Token, int]:
        _, inner = self.keyword(self.open(at), "each")
        name, inner = self.identifier(inner)
        inner = self.blanks(self.literal(self.blanks(inner), "in"))
        collection, inner = self.symbol(inner)
        inner = self.literal(self.blanks(inner), "}")
        body, inner = self.tokens(inner)
        inner = self.literal(inner, "#{/each}")
        return Each(name, collection, tuple(body), at), inner

    def _calculation(self, at: int) -> tuple[Token, int]:
        _, inner = self.keyword(self.open(at), "calc")
        operand, inner = self.sum(inner, 0)
        inner = self.literal(self.blanks(inner), "}")
        return Calculation(operand, at), inner
