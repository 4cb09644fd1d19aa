"""Text that others wrote, put on a page so that nothing in it acts and nothing in it hides (SEC-70)."""

import json
from typing import Any
from urllib.parse import urlsplit

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from reactions_project.hidden_text import pieces, readable, styled

register = template.Library()


@register.filter
def shown(value: Any) -> SafeString:
    """Escaped, with control and bidi characters as visible codes."""
    return format_html_join(
        "",
        "{}",
        ((_piece(piece.kind, piece.text, piece.name),) for piece in pieces(_as_text(value))),
    )


@register.filter
def shown_path(value: Any) -> SafeString:
    """The same for a dotted name, which may break its line behind a dot."""
    *before, last = _as_text(value).split(".")
    return format_html_join("", "{}.<wbr>", ((shown(part),) for part in before)) + shown(last)


@register.filter
def shown_plain(value: Any) -> str:
    """The same without markup: for titles, options and attributes."""
    return readable(_as_text(value))


@register.filter
def terminal(value: Any) -> SafeString:
    """Output of a program: its colours become classes, everything else is text."""
    return format_html_join(
        "",
        "{}",
        (
            (format_html('<span class="{}">{}</span>', _classes(styles), shown(part)) if styles else shown(part),)
            for styles, part in styled(_as_text(value))
        ),
    )


@register.filter
def pretty(value: Any) -> SafeString:
    """JSON, indented; a plain string stays as it is."""
    if isinstance(value, str):
        return shown(value)
    return shown(json.dumps(value, indent=2, ensure_ascii=False))


@register.filter
def pretty_if_json(value: Any) -> SafeString:
    """A body: indented where it is JSON, as it is otherwise."""
    if not isinstance(value, str):
        return pretty(value)
    try:
        return pretty(json.loads(value)) if value.lstrip()[:1] in ("{", "[") else shown(value)
    except (ValueError, RecursionError):
        return shown(value)


@register.filter
def header_lines(value: Any) -> SafeString:
    """Headers as they go over the wire: one name and value a line."""
    if isinstance(value, dict):
        value = "\n".join(f"{name}: {text}" for name, text in value.items())
    elif isinstance(value, list):
        value = "\n".join(": ".join(str(part) for part in one) if isinstance(one, list) else str(one) for one in value)
    return shown(value)


@register.filter
def without_last_break(value: Any) -> str:
    """Lines of a log without the break that ends them, which would show as an empty line."""
    return _as_text(value).removesuffix("\n").removesuffix("\r")


@register.filter
def link_or_text(value: Any) -> SafeString:
    """A link where the whole text is an http or https address, text otherwise."""
    text = _as_text(value)
    if not _is_web_address(text):
        return shown(text)
    return format_html('<a href="{}" rel="noopener noreferrer" referrerpolicy="no-referrer">{}</a>', text, text)


def _piece(kind: str, text: str, name: str) -> Any:
    if kind == "plain":
        return text
    return format_html('<span class="hidden-char" title="{}">{}</span>', name, text)


def _classes(styles: tuple[str, ...]) -> str:
    return " ".join(f"ansi-{style}" for style in styles)


def _is_web_address(text: str) -> bool:
    if len(text) > 2000 or any(character.isspace() for character in text) or text != readable(text):
        return False
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc
    except ValueError:
        return False


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else str(value)
