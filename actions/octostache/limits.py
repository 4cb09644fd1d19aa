"""How much one evaluation may cost (SEC-62); templates come from people, values from webhooks."""

from dataclasses import dataclass

from actions.octostache.errors import LimitError


@dataclass(frozen=True, slots=True)
class Limits:
    """`nesting` bounds values in values (blocks in blocks always have the default); `output` counts characters;
    `regex_seconds` is for one filter call, all calls of an evaluation together have ten times that."""

    steps: int = 100_000
    nesting: int = 20
    output: int = 1_048_576
    regex_seconds: float = 0.1


DEFAULT_LIMITS = Limits()

MOST_TEMPLATE_CHARACTERS = 1_048_576
# Texts between tokens count too. A token takes longer to prepare than a step to run, so there are fewer of them.
MOST_TOKENS = 25_000
MOST_MARKDOWN_CHARACTERS = 400_000


class Cost:
    """What filters have used up in one evaluation."""

    __slots__ = ("limits", "markdown_left", "regex_seconds_left")

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.regex_seconds_left = 10 * limits.regex_seconds
        self.markdown_left = MOST_MARKDOWN_CHARACTERS

    def take_markdown(self, length: int) -> None:
        """Rendering is slow enough to be bounded for itself."""
        self.markdown_left -= length
        if self.markdown_left < 0:
            raise LimitError(
                f"Markdown of more than {MOST_MARKDOWN_CHARACTERS:,} characters is not rendered: make it shorter."
            )
