"""Paths and filters as functions that give a text, or None when it cannot be had."""

from collections.abc import Callable, Sequence

from actions.octostache.filters import built_in, custom
from actions.octostache.lookup import Expand, Lookup, Read
from actions.octostache.nodes import Expression, Filter, Filtered, Symbol, Token
from actions.octostache.scopes import FREE_LENGTH, Frame, Scope, State

Option = Callable[[State, Scope, Frame | None], str]
Apply = Callable[[str | None, State, Scope, Frame | None], str | None]


class Expressions:
    """`option` makes the function of a token that is a filter's option."""

    def __init__(self, expand: Expand, option: Callable[[Token], Option]) -> None:
        self.lookup = Lookup(expand)
        self._option = option

    def value(self, expression: Expression) -> Read:
        if isinstance(expression, Symbol):
            return self.lookup.reader(expression)
        read = None if expression.symbol is None else self.lookup.reader(expression.symbol)
        filters = tuple(self._filter(one) for one in expression.filters)
        if read is not None and len(filters) == 1:
            return _once(read, filters[0])

        def value(state: State, scope: Scope, frame: Frame | None) -> str | None:
            text = None if read is None else read(state, scope, frame)
            for apply in filters:
                text = apply(text, state, scope, frame)
            return text

        return value

    def _filter(self, one: Filter) -> Apply:
        if all(isinstance(option, str) for option in one.options):
            return _with_literals(one.name, tuple(str(option) for option in one.options))
        name, find = one.name, built_in(one.name)
        options = [option if isinstance(option, str) else self._option(option) for option in one.options]

        def apply(text: str | None, state: State, scope: Scope, frame: Frame | None) -> str | None:
            state.steps += 1
            texts = [option if isinstance(option, str) else option(state, scope, frame) for option in options]
            result = find(text, texts, state.cost)
            if result is None:
                result = custom(name, text, texts, state.cost)
            if result is not None and len(result) > FREE_LENGTH:
                state.handle(len(result))
            return result

        return apply


def _once(read: Read, apply: Apply) -> Read:
    def value(state: State, scope: Scope, frame: Frame | None) -> str | None:
        return apply(read(state, scope, frame), state, scope, frame)

    return value


def _with_literals(name: str, options: Sequence[str]) -> Apply:
    find = built_in(name)

    def apply(text: str | None, state: State, scope: Scope, frame: Frame | None) -> str | None:
        state.steps += 1
        result = find(text, options, state.cost)
        if result is None:
            result = custom(name, text, options, state.cost)
        if result is not None and len(result) > FREE_LENGTH:
            state.handle(len(result))
        return result

    return apply


def ends_in_null(expression: Expression) -> bool:
    # Written in lower case only, as the reference has it.
    return isinstance(expression, Filtered) and expression.filters[-1].name == "null"


def last_filter(expression: Expression) -> str | None:
    return expression.filters[-1].name if isinstance(expression, Filtered) else None
