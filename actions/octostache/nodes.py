"""The parsed template, and how each part prints itself (SPEC §9). `offset` is where a part stands in its text."""

from dataclasses import dataclass, field

from actions.octostache.numbers import double_text


@dataclass(frozen=True, slots=True)
class Identifier:
    text: str

    def canonical(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Index:
    text: str

    def canonical(self) -> str:
        return f"[{self.text}]"


@dataclass(frozen=True, slots=True)
class IndirectIndex:
    symbol: "Symbol"

    def canonical(self) -> str:
        return f"[#{{{self.symbol.text}}}]"


Step = Identifier | Index | IndirectIndex


@dataclass(frozen=True, slots=True)
class Symbol:
    """A path. `is_static` when no index has to be looked up first."""

    steps: tuple[Step, ...]
    offset: int
    text: str = field(init=False)
    is_static: bool = field(init=False)

    def __post_init__(self) -> None:
        parts: list[str] = []
        for step in self.steps:
            if isinstance(step, Identifier) and parts:
                parts.append(".")
            parts.append(step.canonical())
        object.__setattr__(self, "text", "".join(parts))
        object.__setattr__(self, "is_static", not any(isinstance(step, IndirectIndex) for step in self.steps))

    def canonical(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Filter:
    """Options are literal texts or nested tokens."""

    name: str
    options: tuple["str | Token", ...]

    def canonical(self) -> str:
        return "".join(
            [self.name]
            + [f' "{option}"' if isinstance(option, str) else f" {option.canonical()}" for option in self.options]
        )


@dataclass(frozen=True, slots=True)
class Filtered:
    """An input, perhaps absent, and the filters that it goes through."""

    symbol: Symbol | None
    filters: tuple[Filter, ...]
    offset: int

    def canonical(self) -> str:
        head = self.symbol.text if self.symbol is not None else ""
        return head + "".join(f" | {one.canonical()}" for one in self.filters)


Expression = Symbol | Filtered


@dataclass(frozen=True, slots=True)
class Text:
    """`value` is what is printed."""

    value: str
    offset: int

    def canonical(self) -> str:
        return self.value.replace("#{", "##{")


@dataclass(frozen=True, slots=True)
class Substitution:
    expression: Expression
    offset: int

    def canonical(self) -> str:
        return f"#{{{self.expression.canonical()}}}"


@dataclass(frozen=True, slots=True)
class Literal:
    text: str

    def canonical(self) -> str:
        return f'"{self.text}"'


@dataclass(frozen=True, slots=True)
class Condition:
    """`operator` is "", "==" or "!="."""

    left: Expression | Literal
    operator: str = ""
    right: "Expression | Literal | None" = None

    def canonical(self) -> str:
        if self.right is None:
            return self.left.canonical()
        left, right = self.left, self.right
        if isinstance(left, Literal):
            left, right = right, left
        return f"{left.canonical()} {self.operator} {right.canonical()} "


@dataclass(frozen=True, slots=True)
class Conditional:
    """`unless` is read as an `if` with its branches exchanged."""

    condition: Condition
    then: tuple["Token", ...]
    otherwise: tuple["Token", ...]
    offset: int

    def canonical(self) -> str:
        # A loop: a chain of elseif branches may be longer than the stack is deep.
        parts: list[str] = []
        one, depth = self, 1
        while True:
            parts.append(f"#{{if {one.condition.canonical()}}}{print_all(one.then)}")
            rest = one.otherwise
            if rest:
                parts.append("#{else}")
            if len(rest) == 1 and isinstance(rest[0], Conditional):
                one, depth = rest[0], depth + 1
                continue
            return "".join([*parts, print_all(rest), "#{/if}" * depth])


@dataclass(frozen=True, slots=True)
class Each:
    name: str
    collection: Symbol
    body: tuple["Token", ...]
    offset: int

    def canonical(self) -> str:
        return f"#{{each {self.name} in {self.collection.text}}}{print_all(self.body)}#{{/each}}"


@dataclass(frozen=True, slots=True)
class Number:
    value: float

    def canonical(self) -> str:
        return double_text(self.value)


@dataclass(frozen=True, slots=True)
class Operation:
    left: "Operand"
    operator: str
    right: "Operand"

    def canonical(self) -> str:
        first, rest = chain_of(self)
        return first.canonical() + "".join(f"{operator}{operand.canonical()}" for operator, operand in rest)


Operand = Symbol | Number | Operation


def chain_of(operation: Operation) -> tuple[Operand, list[tuple[str, Operand]]]:
    """a-b-c, which is (a-b)-c, as a and [(-, b), (-, c)]; a sum may be longer than the stack is deep."""
    first: Operand = operation
    rest: list[tuple[str, Operand]] = []
    while isinstance(first, Operation):
        rest.append((first.operator, first.right))
        first = first.left
    return first, rest[::-1]


@dataclass(frozen=True, slots=True)
class Calculation:
    operand: Operand
    offset: int

    def canonical(self) -> str:
        return f"#{{{self.operand.canonical()}}}"


Token = Text | Substitution | Conditional | Each | Calculation


@dataclass(frozen=True, slots=True)
class Template:
    """`error` is set when the text did not parse; then there are no tokens."""

    tokens: tuple[Token, ...]
    error: str | None = None
    offset: int = 0


def print_all(tokens: tuple[Token, ...]) -> str:
    return "".join(token.canonical() for token in tokens)
