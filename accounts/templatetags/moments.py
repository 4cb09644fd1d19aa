"""Times as people say them, always with the exact UTC time beside."""

from datetime import datetime
from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from reactions_project import clock

register = template.Library()


@register.simple_tag
def moment(at: datetime | None, empty: str = "never") -> SafeString | str:
    """How long ago or in how long, in words; the exact time is in its title and datetime."""
    if at is None:
        return empty
    return format_html('<time datetime="{}" title="{}">{}</time>', at.isoformat(), _exact(at), in_words(at))


@register.simple_tag
def due(at: datetime) -> SafeString | str:
    """When something comes that may be late: never in the past."""
    return moment(at) if at > clock.now() else "now"


@register.simple_tag
def exact_time(at: datetime | None, empty: str = "") -> SafeString | str:
    """The time of day in UTC, with the date in its title."""
    if at is None:
        return empty
    return format_html('<time datetime="{}" title="{}">{}</time>', at.isoformat(), _exact(at), f"{at:%H:%M:%S}")


@register.simple_tag
def elapsed(start: datetime | None, end: datetime | None) -> str:
    """The time between two moments: 0.6 s, 4 min 2 s."""
    return duration((end - start).total_seconds()) if start and end else ""


@register.filter
def duration(seconds: Any) -> str:
    """Seconds as people say them."""
    total = max(float(seconds), 0.0)
    if total < 0.9995:
        return f"{total * 1000:.0f} ms"
    if total < 60:
        return f"{total:.1f} s"
    minutes, rest = divmod(round(total), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def in_words(at: datetime) -> str:
    seconds = (clock.now() - at).total_seconds()
    if seconds < -1:
        return f"in {_span(-seconds)}"
    if seconds < 1:
        return "just now"
    if seconds < 86_400:
        return f"{_span(seconds)} ago"
    return f"{at:%-d %b %H:%M}" if seconds < 300 * 86_400 else f"{at:%-d %b %Y}"


def _span(seconds: float) -> str:
    if seconds < 60:
        return f"{int(seconds) or 1} s"
    if seconds < 3600:
        return f"{int(seconds / 60)} min"
    return f"{int(seconds / 3600)} h"


def _exact(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
