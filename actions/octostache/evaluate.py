"""Evaluating parsed templates (SPEC §1, §4 to §7): scopes, loops, conditions, filters, and what was missing."""

from collections.abc import Callable
from typing import Any

from actions.octostache import json_values
from actions.octostache.errors import LimitError, LoopError
from actions.octostache.filters import apply_filter
from actions.octostache.limits import Limits
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
    Literal,
    Number,
    Operand,
    Substitution,
    Symbol,
    Template,
    Text,
    Token,
)
from actions.octostache.numbers import double_text, parse_double
from actions.octostache.parser import parse
from actions.octostache.tree import Node, Opaque, fold

OnValue = Callable[[str, bool, str | None], str]


class Scope:
    """Names that a loop added, inside the scope around it."""

    __slots__ = ("parent", "root")

    def __init__(self, root: Node, parent: "Scope | None" = None) -> None:
        self.root = root
        self.parent = parent

    def is_within(self, other: "Scope") -> bool:
        scope: Scope | None = self
        while scope is not None:
            if scope is other:
                return True
            scope = scope.parent
        return False


class Frame:
    """A path that is being resolved, for finding loops."""

    __slots__ = ("before", "depth", "scope", "symbol")

    def __init__(self, symbol: Symbol, scope: Scope, before: "Frame | None") -> None:
        self.symbol = symbol
        self.scope = scope
        self.before = before
        self.depth: int = before.depth + 1 if before is not None else 1


class Missing:
    """Tokens that could not be evaluated, distinct and in order, with where the first of each stood (top level)."""

    def __init__(self) -> None:
        self.tokens: dict[str, int] = {}

    def add(self, token: str, offset: int) -> None:
        self.tokens.setdefault(token, offset)


class NullResult(Exception):
    """A `Null` filter fired at top level: the whole result is null (SPEC §11)."""


class Evaluator:
    """One evaluation. `tainted` is set whenever an opaque value was read."""

    def __init__(self, root: Node, limits: Limits, on_value: OnValue | None = None) -> None:
        self.scope = Scope(root)
        self.limits = limits
        self.on_value = on_value
        self.missing = Missing()
        self.used: set[str] = set()
        self.tainted = False
        self._steps = 0
        self._length = 0

    def template(self, template: Template, scope: Scope | None = None) -> str:
        """All tokens of the top-level template."""
        parts: list[str] = []
        self._tokens(template.tokens, scope or self.scope, None, parts, is_top=True)
        return "".join(parts)

    def _step(self) -> None:
        self._steps += 1
        if self._steps > self.limits.steps:
            raise LimitError(f"The template takes more than {self.limits.steps:,} steps: make it simpler.")

    def _emit(self, parts: list[str], text: str) -> None:
        self._length += len(text)
        if self._length > self.limits.output:
            raise LimitError(f"The template's output is longer than {self.limits.output:,} characters.")
        parts.append(text)

    def _tokens(
        self, tokens: tuple[Token, ...], scope: Scope, frame: Frame | None, parts: list[str], *, is_top: bool = False
    ) -> None:
        for token in tokens:
            if isinstance(token, Text):
                self._emit(parts, token.value)
                continue
            self._step()
            if isinstance(token, Substitution):
                self._emit(parts, self._substitution(token, scope, frame, is_top))
            elif isinstance(token, Conditional):
                self._conditional(token, scope, frame, parts, is_top)
            elif isinstance(token, Each):
                self._each(token, scope, frame, parts, is_top)
            else:
                self._emit(parts, self._calculation(token, scope, frame))

    def _substitution(self, token: Substitution, scope: Scope, frame: Frame | None, is_top: bool) -> str:
        outer, self.tainted = self.tainted, False
        try:
            value = self._expression(token.expression, scope, frame)
            if value is None:
                if is_top and _ends_in_null(token.expression):
                    raise NullResult
                echo = token.canonical()
                if not _ends_in_null(token.expression):
                    self.missing.add(echo, token.offset if is_top else -1)
                return echo
            if is_top and self.on_value is not None:
                value = self.on_value(value, self.tainted, _last_filter(token.expression))
            return value
        finally:
            self.tainted = outer or self.tainted

    def _expression(self, expression: Expression, scope: Scope, frame: Frame | None) -> str | None:
        if isinstance(expression, Symbol):
            return self.value_of(expression, scope, frame)
        value = self.value_of(expression.symbol, scope, frame) if expression.symbol is not None else None
        for one in expression.filters:
            self._step()
            options = [self._option(option, scope, frame) for option in one.options]
            value = apply_filter(one.name, value, options, self.limits)
        return value

    def _option(self, option: "str | Token", scope: Scope, frame: Frame | None) -> str:
        if isinstance(option, str):
            return option
        parts: list[str] = []
        self._tokens((option,), scope, frame, parts)
        return "".join(parts)

    def value_of(self, symbol: Symbol, scope: Scope, frame: Frame | None) -> str | None:
        """The evaluated text of a path, or None when it is missing."""
        found = self._find(symbol, scope, frame)
        if found is None:
            return None
        node, home, inner = found
        if node.value is None:
            return None
        return self._text(node, home, inner)

    def _text(self, node: Node, scope: Scope, frame: Frame) -> str:
        """A node's value with the templates in it evaluated where the value was found."""
        value = node.value or ""
        if isinstance(value, Opaque):
            self.tainted = True
            return str(value)
        if "#{" not in value:
            return value
        template = parse(value)
        if template.error is not None:
            return value
        if frame.depth > self.limits.nesting * 5:
            raise LimitError("Variables refer to each other too deeply: make the chain shorter.")
        parts: list[str] = []
        before = self._length
        self._tokens(template.tokens, scope, frame, parts)
        # What was put together here is counted again where it is printed.
        text = "".join(parts)
        if len(text) > self.limits.output:
            raise LimitError(f"A variable's text is longer than {self.limits.output:,} characters.")
        self._length = before
        return text

    def _find(self, symbol: Symbol, scope: Scope, frame: Frame | None) -> tuple[Node, Scope, Frame] | None:
        """Where a path leads: the node, the scope that it was found in, and the frame to evaluate its value under."""
        self._step()
        self.used.add(symbol.text)
        self._check_loop(symbol, scope, frame)
        inner = Frame(symbol, scope, frame)
        steps: list[tuple[str, bool]] = []
        for step in symbol.steps:
            if isinstance(step, Identifier):
                steps.append((step.text, False))
            elif isinstance(step, Index):
                steps.append((step.text, True))
            else:
                index = self.value_of(step.symbol, scope, inner)
                if index is None:
                    return None
                steps.append((index, True))
        home: Scope | None = scope
        while home is not None:
            node = self._walk(steps, home, inner)
            if node is not None:
                return node, home, inner
            home = home.parent
        return None

    def _walk(self, steps: list[tuple[str, bool]], scope: Scope, frame: Frame) -> Node | None:
        node: Node | None = scope.root
        for text, is_index in steps:
            assert node is not None
            if is_index:
                if text == "*" and node.indexed:
                    node = next(iter(node.indexed.values()))
                    continue
                child = node.indexed.get(fold(text))
            else:
                child = node.named.get(fold(text))
            node = child if child is not None else self._in_json(node, text, scope, frame)
            if node is None:
                return None
        return node

    def _in_json(self, node: Node, name: str, scope: Scope, frame: Frame) -> Node | None:
        """A property or element of a value that is JSON text (SPEC §8)."""
        is_opaque = isinstance(node.value, Opaque)
        if node.has_data:
            data = node.data
        else:
            if not node.value:
                return None
            # What is missing inside the document is not missing from the text.
            missing, self.missing = self.missing, Missing()
            try:
                text = self._text(node, scope, frame)
                data = json_values.parse_json(text)
            except (LoopError, json_values.NotJson):
                return None
            finally:
                self.missing = missing
        if isinstance(data, dict):
            found = data.get(name, json_values.UNDEFINED)
        elif isinstance(data, list):
            position = _integer(name)
            if position is None or position < 0:
                return None
            found = data[position] if position < len(data) else json_values.UNDEFINED
        else:
            return None
        return json_node(found, is_opaque or self._reads_opaque(node))

    def _reads_opaque(self, node: Node) -> bool:
        return isinstance(node.value, Opaque)

    def _check_loop(self, symbol: Symbol, scope: Scope, frame: Frame | None) -> None:
        one = frame
        while one is not None:
            if one.symbol.offset == symbol.offset and one.symbol.text == symbol.text and scope.is_within(one.scope):
                raise LoopError(_loop_message(symbol, frame))
            one = one.before

    def _conditional(
        self, token: Conditional, scope: Scope, frame: Frame | None, parts: list[str], is_top: bool
    ) -> None:
        verdict = self._condition(token.condition, token, scope, frame, is_top)
        if verdict is None:
            self._emit(parts, token.canonical())
        else:
            self._tokens(token.then if verdict else token.otherwise, scope, frame, parts, is_top=is_top)

    def _condition(
        self, condition: Condition, token: Conditional, scope: Scope, frame: Frame | None, is_top: bool
    ) -> bool | None:
        left = self._side(condition.left, token, scope, frame, is_top)
        if left is None:
            return None
        if condition.right is None:
            return is_truthy_text(left)
        right = self._side(condition.right, token, scope, frame, is_top)
        if right is None:
            return None
        return (left == right) is (condition.operator == "==")

    def _side(
        self, side: Expression | Literal, token: Conditional, scope: Scope, frame: Frame | None, is_top: bool
    ) -> str | None:
        if isinstance(side, Literal):
            return side.text
        value = self._expression(side, scope, frame)
        if value is not None:
            return value
        if isinstance(side, Symbol):
            return ""
        self.missing.add(side.canonical(), token.offset if is_top else -1)
        return None

    def _each(self, token: Each, scope: Scope, frame: Frame | None, parts: list[str], is_top: bool) -> None:
        items = self.items(token.collection, scope, frame)
        name = fold(token.name)
        last = len(items) - 1
        for index, item in enumerate(items):
            self._step()
            root = Node()
            _put_position(root, index, last)
            root.named[name] = item
            self._tokens(token.body, Scope(root, scope), frame, parts, is_top=is_top)

    def items(self, symbol: Symbol, scope: Scope, frame: Frame | None) -> list[Node]:
        """What an `each` goes over (SPEC §7)."""
        found = self._find(symbol, scope, frame)
        if found is None:
            return []
        node, home, inner = found
        if node.indexed and (node.value is None or node.is_default):
            return list(node.indexed.values())
        if node.value is None:
            return []
        is_opaque = isinstance(node.value, Opaque)
        text = self._text(node, home, inner)
        data: Any = node.data if node.has_data else None
        if not node.has_data:
            try:
                data = json_values.parse_json(text)
            except json_values.NotJson:
                data = None
        if isinstance(data, list):
            return [json_node(one, is_opaque) for one in data]
        if isinstance(data, dict):
            return [_member(name, value, is_opaque) for name, value in data.items()]
        return [Node(Opaque(part) if is_opaque else part) for part in text.split(",")]

    def _calculation(self, token: Calculation, scope: Scope, frame: Frame | None) -> str:
        result = self._operand(token.operand, scope, frame)
        return token.canonical() if result is None else double_text(result)

    def _operand(self, operand: Operand, scope: Scope, frame: Frame | None) -> float | None:
        if isinstance(operand, Number):
            return operand.value
        if isinstance(operand, Symbol):
            text = self.value_of(operand, scope, frame)
            return None if text is None else parse_double(text)
        left = self._operand(operand.left, scope, frame)
        right = self._operand(operand.right, scope, frame)
        if left is None or right is None:
            return None
        return _calculate(left, operand.operator, right)


def _calculate(left: float, operator: str, right: float) -> float:
    if operator == "+":
        return left + right
    if operator == "-":
        return left - right
    if operator == "*":
        return left * right
    if right == 0:
        if left == 0 or left != left:
            return float("nan")
        return float("inf") if (left > 0) is (str(right)[0] != "-") else float("-inf")
    return left / right


def json_node(value: Any, is_opaque: bool) -> Node:
    """A node for a JSON value that was found, opaque if its document was."""
    text = json_values.text_of(value)
    data = value if isinstance(value, dict | list) else None
    node = Node(Opaque(text) if is_opaque else text)
    if data is not None:
        node.data = data
    return node


def _member(name: str, value: Any, is_opaque: bool) -> Node:
    node = Node(Opaque(name) if is_opaque else name)
    node.named["KEY"] = Node(Opaque(name) if is_opaque else name)
    node.named["VALUE"] = json_node(value, is_opaque)
    return node


_OCTOPUS, _TEMPLATE, _EACH = "OCTOPUS", "TEMPLATE", "EACH"


def _put_position(root: Node, index: int, last: int) -> None:
    each = Node()
    each.named["INDEX"] = Node(str(index))
    each.named["FIRST"] = Node("True" if index == 0 else "False")
    each.named["LAST"] = Node("True" if index == last else "False")
    template = Node()
    template.named[_EACH] = each
    octopus = Node()
    octopus.named[_TEMPLATE] = template
    root.named[_OCTOPUS] = octopus


def is_truthy_text(text: str) -> bool:
    """SPEC §6: "" and "0" are false, and "no" and "false" in any case with blanks around."""
    return not (text in {"", "0"} or text.strip().lower() in {"no", "false"})


def _integer(text: str) -> int | None:
    stripped = text.strip()
    digits = stripped[1:] if stripped[:1] in {"+", "-"} else stripped
    if not digits or len(digits) > 10 or not (digits.isascii() and digits.isdigit()):
        return None
    value = int(stripped)
    return value if -(2**31) <= value < 2**31 else None


def _ends_in_null(expression: Expression) -> bool:
    # Written in lower case only, as the reference has it.
    return isinstance(expression, Filtered) and expression.filters[-1].name == "null"


def _last_filter(expression: Expression) -> str | None:
    return expression.filters[-1].name if isinstance(expression, Filtered) else None


def _loop_message(symbol: Symbol, frame: Frame | None) -> str:
    chain = [symbol.text]
    while frame is not None:
        chain.append(frame.symbol.text)
        frame = frame.before
    return (
        f'An attempt to parse the variable symbol "{symbol.text}" appears to have resulted in a self referencing loop '
        f"({' -> '.join(reversed(chain))}). Ensure that no variable refers back to itself."
    )


__all__ = ["Evaluator", "Filter", "NullResult", "OnValue", "is_truthy_text"]
