"""Icons and the pills that show state: always icon, word and colour together."""

from django import template
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()
SPRITE = "vendor/lucide-1.62.0/icons.svg"


@register.simple_tag
def icon(name: str) -> SafeString:
    """Decoration only: the word beside it carries the meaning."""
    return format_html(
        '<svg class="icon" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>', static(SPRITE), name
    )


@register.simple_tag
def pill(word: str, tone: str, icon_name: str) -> SafeString:
    return format_html('<span class="pill tone-{}">{}{}</span>', tone, icon(icon_name), word)


@register.simple_tag
def switch(is_on: bool) -> SafeString:
    """Whether something may fire."""
    return pill("On", "success", "power") if is_on else pill("Off", "muted", "circle-off")
