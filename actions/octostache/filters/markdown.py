"""Markdown to HTML: CommonMark with tables, strike-through, sub- and superscript and bare links."""

from collections.abc import Sequence
from functools import lru_cache

from markdown_it import MarkdownIt

from actions.octostache.errors import LimitError

_LONGEST = 200_000


@lru_cache(maxsize=1)
def _renderer() -> MarkdownIt:
    return MarkdownIt("commonmark", {"linkify": True}).enable(["table", "strikethrough", "linkify"])


def to_html(value: str, options: Sequence[str]) -> str | None:
    if options:
        return None
    if len(value) > _LONGEST:
        raise LimitError(f"Markdown of more than {_LONGEST:,} characters is not rendered.")
    return str(_renderer().render(value.strip())) + "\n"


FILTERS = {"markdown": to_html, "markdowntohtml": to_html}
