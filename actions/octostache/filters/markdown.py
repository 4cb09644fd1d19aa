"""Markdown to HTML: CommonMark with tables, strike-through, sub- and superscript and bare links."""

from collections.abc import Sequence
from functools import lru_cache

from markdown_it import MarkdownIt

from actions.octostache.limits import Cost


@lru_cache(maxsize=1)
def _renderer() -> MarkdownIt:
    return MarkdownIt("commonmark", {"linkify": True}).enable(["table", "strikethrough", "linkify"])


def to_html(value: str | None, options: Sequence[str], cost: Cost) -> str | None:
    if options or value is None:
        return None
    cost.take_markdown(len(value))
    return str(_renderer().render(value.strip())) + "\n"


FILTERS = {"markdown": to_html, "markdowntohtml": to_html}
