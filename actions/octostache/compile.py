"""Parsed templates to functions (SPEC §1, §6, §7): done once per text, run against any variables.

A part of a template is a function that appends its text to a list. `is_top` parts belong to the text that is evaluated,
others to a variable's value: only the former may make the whole result null, know positions, and have their values
shown to the caller's hook before they are inserted.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from actions.octostache import calculation, conditions
from actions.octostache.errors import LimitError
from actions.octostache.expressions import Expressions, ends_in_null, last_filter
from actions.octostache.lookup import refuse_depth
from actions.octostache.nodes import Calculation, Conditional, Each, Substitution, Template, Text, Token
from actions.octostache.parser import parse, parse_leniently
from actions.octostache.scopes import FREE_LENGTH, Frame, Scope, State
from actions.octostache.tree import fold

Part = Callable[[State, Scope, Frame | None, list[str]], None]


@dataclass(frozen=True, slots=True)
class Block:
    """Parts, each with the text before it, the text behind them all, and what running them costs."""

    pairs: tuple[tuple[str, Part], ...]
    tail: str
    cost: int

    def run(self, state: State, scope: Scope, frame: Frame | None, out: list[str]) -> None:
        state.charge(self.cost)
        for text, part in self.pairs:
            out.append(text)
            part(state, scope, frame, out)
        out.append(self.tail)


@dataclass(frozen=True, slots=True)
class Compiled:
    """A template that can be run; with an `error` it has no parts."""

    block: Block
    error: str | None = None


def expand(state: State, value: str, home: Scope, frame: Frame) -> str | None:
    """A variable's value evaluated where it was found; None when it does not parse and stays as it is."""
    template = compiled_value(value)
    if template.error is not None:
        return None
    refuse_depth(frame, state.limits.nesting)
    out: list[str] = []
    template.block.run(state, home, frame, out)
    return state.finished(out)


class _Compiler:
    def __init__(self, *, is_top: bool, in_option: bool = False) -> None:
        self.is_top = is_top
        self.is_shown = is_top and not in_option
        self.expressions = Expressions(expand, self._option)

    def block(self, tokens: tuple[Token, ...]) -> Block:
        pairs: list[tuple[str, Part]] = []
        text: list[str] = []
        cost = 1
        for token in tokens:
            if isinstance(token, Text):
                text.append(token.value)
                cost += len(token.value) // FREE_LENGTH
                continue
            pairs.append(("".join(text), self._part(token)))
            text = []
            cost += 1
        return Block(tuple(pairs), "".join(text), cost)

    def _part(self, token: Token) -> Part:
        if isinstance(token, Substitution):
            return self._shown(token) if self.is_shown else self._substitution(token)
        if isinstance(token, Conditional):
            return self._conditional(token)
        if isinstance(token, Each):
            return self._each(token)
        assert isinstance(token, Calculation)
        return self._calculation(token)

    def _option(self, token: Token) -> Callable[[State, Scope, Frame | None], str]:
        """A token inside a filter: rendered to text, which the caller's hook sees as part of the filter's result."""
        block = _Compiler(is_top=self.is_top, in_option=True).block((token,))

        def render(state: State, scope: Scope, frame: Frame | None) -> str:
            out: list[str] = []
            block.run(state, scope, frame, out)
            return state.finished(out)

        return render

    def _substitution(self, token: Substitution) -> Part:
        value_of = self.expressions.value(token.expression)
        miss = self._missing(token)

        def run(state: State, scope: Scope, frame: Frame | None, out: list[str]) -> None:
            value = value_of(state, scope, frame)
            out.append(miss(state) if value is None else value)

        return run

    def _shown(self, token: Substitution) -> Part:
        value_of = self.expressions.value(token.expression)
        miss, name = self._missing(token), last_filter(token.expression)

        def run(state: State, scope: Scope, frame: Frame | None, out: list[str]) -> None:
            on_value = state.on_value
            if on_value is None:
                value = value_of(state, scope, frame)
                out.append(miss(state) if value is None else value)
                return
            before, state.tainted = state.tainted, False
            value = value_of(state, scope, frame)
            if value is None:
                out.append(miss(state))
            else:
                value = on_value(value, state.tainted, name)
                if len(value) > FREE_LENGTH:
                    state.handle(len(value))
                out.append(value)
            state.tainted = before or state.tainted

        return run

    def _missing(self, token: Substitution) -> Callable[[State], str]:
        """What is noted and printed for a token without a value: its own text."""
        echo = token.canonical()
        offset = token.offset if self.is_top else -1
        if ends_in_null(token.expression):
            is_top = self.is_top

            def nullify(state: State) -> str:
                state.is_null = state.is_null or is_top
                return echo

            return nullify

        def miss(state: State) -> str:
            state.missing.setdefault(echo, offset)
            if len(echo) > FREE_LENGTH:
                state.handle(len(echo))
            return echo

        return miss

    def _conditional(self, token: Conditional) -> Part:
        """With all its elseif branches, which are conditionals in the else part."""
        branches: list[tuple[conditions.Test, Block, Conditional]] = []
        while True:
            offset = token.offset if self.is_top else -1
            test = conditions.test(token.condition, self.expressions, offset)
            branches.append((test, self.block(token.then), token))
            rest = token.otherwise
            if len(rest) == 1 and isinstance(rest[0], Conditional):
                token = rest[0]
                continue
            otherwise = self.block(rest) if rest else None
            break

        def run(state: State, scope: Scope, frame: Frame | None, out: list[str]) -> None:
            for test, block, one in branches:
                verdict = test(state, scope, frame)
                if verdict:
                    block.run(state, scope, frame, out)
                    return
                if verdict is None:
                    echo = one.canonical()
                    state.handle(len(echo))
                    out.append(echo)
                    return
                state.steps += 1
            if otherwise is not None:
                otherwise.run(state, scope, frame, out)

        return run

    def _each(self, token: Each) -> Part:
        items_of = self.expressions.lookup.lister(token.collection)
        block = self.block(token.body)
        pairs, tail, cost = block.pairs, block.tail, block.cost
        name = fold(token.name)

        def run(state: State, scope: Scope, frame: Frame | None, out: list[str]) -> None:
            items = items_of(state, scope, frame)
            last = len(items) - 1
            tree = scope.tree
            for index, item in enumerate(items):
                state.steps += cost
                if state.steps > state.max_steps:
                    state.charge(0)
                inner = Scope(tree, scope, name, item, index, index == last)
                for text, part in pairs:
                    out.append(text)
                    part(state, inner, frame, out)
                out.append(tail)

        return run

    def _calculation(self, token: Calculation) -> Part:
        calculate = calculation.operation(token.operand, self.expressions.lookup)
        echo = token.canonical()

        def run(state: State, scope: Scope, frame: Frame | None, out: list[str]) -> None:
            result = calculate(state, scope, frame)
            out.append(echo if result is None else calculation.printed(result))

        return run


def _compiled(template: Template, *, is_top: bool) -> Compiled:
    if template.error is not None:
        return Compiled(Block((), "", 0), template.error)
    return Compiled(_Compiler(is_top=is_top).block(template.tokens))


# Longer texts are compiled each time, so that a few of them cannot fill the memory.
_LONGEST_KEPT = 32_768


def compiled(text: str) -> Compiled:
    """The text to be evaluated, all or nothing. Raises LimitError."""
    return _whole(text) if len(text) <= _LONGEST_KEPT else _whole.__wrapped__(text)


def compiled_leniently(text: str) -> Compiled:
    """The same, going on after parse errors (SPEC §10)."""
    return _lenient(text) if len(text) <= _LONGEST_KEPT else _lenient.__wrapped__(text)


def compiled_value(text: str) -> Compiled:
    """A variable's value."""
    return _value(text) if len(text) <= _LONGEST_KEPT else _value.__wrapped__(text)


@lru_cache(maxsize=1024)
def _whole(text: str) -> Compiled:
    return _compiled(parse(text), is_top=True)


@lru_cache(maxsize=256)
def _lenient(text: str) -> Compiled:
    return _compiled(parse_leniently(text), is_top=True)


@lru_cache(maxsize=1024)
def _value(text: str) -> Compiled:
    return _compiled(parse(text), is_top=False)


def run(template: Compiled, state: State) -> str | None:
    """The whole result, None when a Null filter fired. Raises OctostacheError."""
    out: list[str] = []
    try:
        template.block.run(state, state.home, None, out)
    except RecursionError:
        raise LimitError("Variables and blocks are nested too deeply in each other: make them flatter.") from None
    text = state.finished(out)
    return None if state.is_null else text
