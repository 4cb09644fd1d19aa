"""Text to nodes (SPEC §2): a recursive descent over a PEG, alternatives in order, with every token remembered by its
position so that backtracking stays linear."""

import re
import unicodedata
from functools import lru_cache

from actions.octostache.errors import LimitError, TemplateSyntaxError
from actions.octostache.limits import DEFAULT_LIMITS, MOST_TEMPLATE_CHARACTERS
from actions.octostache.nodes import (
    Calculation,
    Condition,
    Conditional,
    Each,
    Expression,
    Filter,
    Filtered,
    Identifier,
    Index,
    IndirectIndex,
    Literal,
    Number,
    Operand,
    Operation,
    Step,
    Substitution,
    Symbol,
    Template,
    Text,
    Token,
)

_WORD_MARKS = frozenset("_-:/~()@")
_DIGITS = frozenset("0123456789")
_MAX_BLOCKS = DEFAULT_LIMITS.nesting


_WORD = re.compile(r"[A-Za-z0-9_\-:/~()@]+")
_BLANKS = re.compile(r"\s*")
_SUBSTITUTION = ("_substitution",)
_RULES = {
    **dict.fromkeys("iIuU", ("_conditional", "_substitution")),
    **dict.fromkeys("cC", ("_calculation", "_substitution")),
    **dict.fromkeys("eE", ("_each", "_substitution")),
}


class _NoMatchError(Exception):
    """An alternative does not fit here; the next one is tried."""


def _is_word(character: str) -> bool:
    return character.isalpha() or character in _WORD_MARKS or unicodedata.category(character) == "Nd"


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.end = len(text)
        self.furthest = 0
        self._depth = 0
        # position -> (token, end) or None, and the furthest failure while it was tried
        self._known: dict[int, tuple[tuple[Token, int] | None, int]] = {}

    def fail(self, at: int) -> _NoMatchError:
        if at > self.furthest:
            self.furthest = at
        return _NoMatchError()

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
        self._deeper()
        # Any other word fails where a substitution would fail or go on.
        rules = _RULES.get(self.text[self.blanks(at + 2) : self.blanks(at + 2) + 1], _SUBSTITUTION)
        for rule in rules:
            try:
                found: tuple[Token, int] = getattr(self, rule)(at)
            except _NoMatchError:
                continue
            self._depth -= 1
            return found
        self._depth -= 1
        return None

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > _MAX_BLOCKS:
            raise LimitError(f"The template is nested more than {_MAX_BLOCKS} deep: make it flatter.")

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

    def blanks(self, at: int) -> int:
        found = _BLANKS.match(self.text, at)
        return at if found is None else found.end()

    def literal(self, at: int, word: str) -> int:
        if not self.text.startswith(word, at):
            for index, character in enumerate(word):
                if at + index >= self.end or self.text[at + index] != character:
                    raise self.fail(at + index)
        return at + len(word)

    def _open(self, at: int) -> int:
        at = self.literal(at, "#{")
        if at < self.end and self.text[at] == "/":
            raise self.fail(at)
        return self.blanks(at)

    def _keyword(self, at: int, *words: str) -> tuple[str, int]:
        """One of the words in any case, and at least one blank behind it."""
        for word in words:
            if self.text[at : at + len(word)].lower() == word:
                after = at + len(word)
                if after < self.end and self.text[after].isspace():
                    return word, self.blanks(after)
                raise self.fail(after)
        raise self.fail(at)

    def _substitution(self, at: int) -> tuple[Token, int]:
        inner = self._open(at)
        expression, inner = self._expression(inner)
        inner = self.literal(self.blanks(inner), "}")
        return Substitution(expression, at), inner

    def _expression(self, at: int) -> tuple[Expression, int]:
        """A path and filters; a path alone; or filters alone."""
        symbol: Symbol | None = None
        start = at
        behind = -1
        try:
            symbol, behind = self._symbol(self.blanks(at))
            at = self.blanks(behind)
        except _NoMatchError:
            pass
        filters: list[Filter] = []
        while at < self.end and self.text[at] == "|":
            mark = self.furthest
            try:
                one, after = self._filter(at)
            except _NoMatchError:
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
        name, at = self._bareword(at)
        at = self.blanks(at)
        options: list[str | Token] = []
        while True:
            mark = self.furthest
            try:
                option, at = self._option(at)
            except _NoMatchError:
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
        for rule in (self._bareword, self._quoted):
            try:
                text, after = rule(at)
            except _NoMatchError:
                continue
            return text, self.blanks(after)
        raise self.fail(at)

    def _bareword(self, at: int) -> tuple[str, int]:
        start = at
        at = self._word(at)
        if at == start:
            raise self.fail(at)
        return self.text[start:at], at

    def _word(self, at: int) -> int:
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

    def _quoted(self, at: int) -> tuple[str, int]:
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

    def _symbol(self, at: int) -> tuple[Symbol, int]:
        start = at
        name, at = self._identifier(at)
        steps: list[Step] = [Identifier(name)]
        while at < self.end:
            mark = self.furthest
            try:
                if self.text[at] == ".":
                    name, at = self._identifier(at + 1)
                    steps.append(Identifier(name))
                elif self.text[at] == "[":
                    step, at = self._index(at)
                    steps.append(step)
                else:
                    break
            except _NoMatchError:
                self.furthest = mark
                break
        self.fail(at)
        return Symbol(tuple(steps), start), at

    def _identifier(self, at: int) -> tuple[str, int]:
        start = at
        text, end = self.text, self.end
        while True:
            at = self._word(at)
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

    def _index(self, at: int) -> tuple[Step, int]:
        inner = self.blanks(self.literal(at, "["))
        if self.text.startswith("#{", inner):
            try:
                return self._indirect(inner)
            except _NoMatchError:
                pass
        close = self._closing_bracket(inner)
        return Index(self.text[inner:close]), close + 1

    def _indirect(self, at: int) -> tuple[Step, int]:
        self._deeper()
        try:
            symbol, after = self._symbol(self._open(at))
        finally:
            self._depth -= 1
        after = self.blanks(self.literal(self.blanks(after), "}"))
        return IndirectIndex(symbol), self.literal(after, "]")

    def _closing_bracket(self, at: int) -> int:
        depth = 0
        while at < self.end:
            character = self.text[at]
            if character == "[":
                depth += 1
            elif character == "]":
                if depth == 0:
                    return at
                depth -= 1
            at += 1
        raise self.fail(self.end)

    def _conditional(self, at: int) -> tuple[Token, int]:
        word, inner = self._keyword(self._open(at), "if", "unless")
        condition, inner = self._condition(inner)
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
            except _NoMatchError:
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
        condition, inner = self._condition(self.blanks(inner))
        inner = self.literal(self.blanks(inner), "}")
        body, inner = self.tokens(inner, stops=("#{else}", "#{elseif"))
        return condition, body, at, inner

    def _else(self, at: int) -> tuple[list[Token], int]:
        try:
            inner = self.literal(at, "#{else}")
        except _NoMatchError:
            return [], at
        return self.tokens(inner)

    def _condition(self, at: int) -> tuple[Condition, int]:
        at = self.blanks(at)
        for left_rule, right_rule in (
            (self._expression, self._expression),
            (self._literal_side, self._expression),
            (self._expression, self._literal_side),
        ):
            try:
                left, after = left_rule(at)
                operator, after = self._operator(self.blanks(after))
                right, after = right_rule(self.blanks(after))
            except _NoMatchError:
                continue
            return Condition(left, operator, right), self.blanks(after)
        left, after = self._expression(at)
        return Condition(left), self.blanks(after)

    def _operator(self, at: int) -> tuple[str, int]:
        for operator in ("==", "!="):
            if self.text.startswith(operator, at):
                return operator, at + 2
        raise self.fail(at)

    def _literal_side(self, at: int) -> tuple[Literal, int]:
        text, at = self._quoted(at)
        return Literal(text), at

    def _each(self, at: int) -> tuple[Token, int]:
        _, inner = self._keyword(self._open(at), "each")
        name, inner = self._identifier(inner)
        inner = self.blanks(self.literal(self.blanks(inner), "in"))
        collection, inner = self._symbol(inner)
        inner = self.literal(self.blanks(inner), "}")
        body, inner = self.tokens(inner)
        inner = self.literal(inner, "#{/each}")
        return Each(name, collection, tuple(body), at), inner

    def _calculation(self, at: int) -> tuple[Token, int]:
        _, inner = self._keyword(self._open(at), "calc")
        operand, inner = self._sum(inner, 0)
        inner = self.literal(self.blanks(inner), "}")
        return Calculation(operand, at), inner

    def _sum(self, at: int, depth: int) -> tuple[Operand, int]:
        if depth > _MAX_BLOCKS:
            raise LimitError(f"A calculation is nested more than {_MAX_BLOCKS} deep: make it flatter.")
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
            except _NoMatchError:
                self.furthest = mark
                return left, at
            left = Operation(left, operator, right)

    def _factor(self, at: int, depth: int) -> tuple[Operand, int]:
        if self.text.startswith("(", at):
            inner, after = self._sum(at + 1, depth + 1)
            return inner, self.literal(after, ")")
        number = self._number(at)
        if number is not None:
            return number
        if self.text.startswith("{", at):
            symbol, after = self._symbol(self.blanks(at + 1))
            return symbol, self.literal(self.blanks(after), "}")
        symbol, after = self._symbol(self.blanks(at))
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


def _syntax_error(parser: _Parser) -> TemplateSyntaxError:
    at = parser.furthest
    if at >= parser.end:
        return TemplateSyntaxError("The template ends where more was expected: a token or block is not closed.", at)
    return TemplateSyntaxError(f"The template cannot be read at character {at + 1}, {parser.text[at]!r}.", at)


def parse(text: str) -> Template:
    """All or nothing: a text that does not parse gives a Template with an error and no tokens. Raises LimitError."""
    parser = _checked(text)
    tokens, at = parser.tokens(0)
    if at < parser.end:
        error = _syntax_error(parser)
        return Template((), str(error), error.offset)
    return Template(tuple(tokens))


def parse_leniently(text: str) -> Template:
    """Going on after errors (SPEC §10): what does not parse stays as text, up to where it failed."""
    parser = _checked(text)
    tokens: list[Token] = []
    at = 0
    while at < parser.end:
        parser.furthest = at
        one = parser.token(at)
        if one is not None:
            tokens.append(one[0])
            at = one[1]
            continue
        if parser.furthest <= at:
            error = _syntax_error(parser)
            return Template((), str(error), error.offset)
        tokens.append(Text(text[at : parser.furthest], at))
        at = parser.furthest
    return Template(tuple(tokens))


def _checked(text: str) -> _Parser:
    if len(text) > MOST_TEMPLATE_CHARACTERS:
        raise LimitError(f"The template is longer than {MOST_TEMPLATE_CHARACTERS:,} characters.")
    return _Parser(text)


def parse_name(name: str) -> Symbol | None:
    """A variable's name as a path, cut where the grammar ends; None when it is none or holds an indirect index."""
    parser = _Parser(name)
    try:
        symbol, _ = parser._symbol(0)
    except (_NoMatchError, LimitError):
        return None
    return symbol if symbol.is_static else None


@lru_cache(maxsize=1024)
def parse_path(text: str) -> Symbol | None:
    """A whole text as a path, indirect indexes allowed; None when it is none."""
    parser = _Parser(text)
    try:
        symbol, at = parser._symbol(parser.blanks(0))
    except _NoMatchError:
        return None
    return symbol if parser.blanks(at) == parser.end else None
