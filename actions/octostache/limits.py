"""How much one evaluation may cost (SEC-62); templates come from people, values from webhooks."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """`nesting` bounds blocks in blocks and values in values; `output` counts characters; `regex_seconds` is for all
    patterns of one filter call."""

    steps: int = 100_000
    nesting: int = 20
    output: int = 1_048_576
    template: int = 1_048_576
    regex_seconds: float = 0.1


DEFAULT_LIMITS = Limits()
