"""How runs, decisions and deployments show their state."""

from collections.abc import Mapping
from typing import Any

from django import template
from django.utils.safestring import SafeString

from accounts.templatetags.marks import pill
from accounts.templatetags.text import shown
from actions.curl import curl_line
from actions.models import RunStatus, Verdict
from actions.views.sentences import event_kind, event_title
from triggers.models.catalog import DeploymentState

register = template.Library()

# state -> (word, tone, icon)
_RUN = {
    RunStatus.QUEUED: ("Queued", "waiting", "clock"),
    RunStatus.HELD: ("Held", "waiting", "ban"),
    RunStatus.RUNNING: ("Running", "running", "play"),
    RunStatus.SUCCEEDED: ("Succeeded", "success", "circle-check"),
    RunStatus.FAILED: ("Failed", "failure", "circle-x"),
    RunStatus.CANCELLED: ("Cancelled", "muted", "ban"),
    RunStatus.INTERRUPTED: ("Interrupted", "failure", "unplug"),
}
_VERDICT = {
    Verdict.FIRED: ("Fired", "success", "zap"),
    Verdict.FILTERED: ("Skipped", "muted", "circle-minus"),
    Verdict.DISABLED: ("Disabled", "muted", "circle-off"),
    Verdict.DUPLICATE: ("Duplicate", "muted", "copy-check"),
    Verdict.LOOP: ("Loop stopped", "waiting", "repeat-2"),
    Verdict.REFUSED: ("Refused", "failure", "ban"),
    Verdict.ERROR: ("Error", "failure", "triangle-alert"),
}
_DEPLOYMENT = {
    DeploymentState.QUEUED: ("Queued", "waiting", "clock"),
    DeploymentState.RUNNING: ("Running", "running", "play"),
    DeploymentState.SUCCEEDED: ("Succeeded", "success", "circle-check"),
    DeploymentState.FAILED: ("Failed", "failure", "circle-x"),
    DeploymentState.CANCELED: ("Canceled", "muted", "ban"),
}


@register.simple_tag
def run_status(status: str, attempt_count: int = 0) -> SafeString:
    """A queued run that was tried before waits for its next try, which is something else than waiting for the first."""
    word, tone, icon_name = _known(_RUN, status)
    if status == RunStatus.QUEUED and attempt_count:
        word = "Waiting to retry"
    return pill(word, tone, icon_name)


@register.simple_tag
def verdict(value: str) -> SafeString:
    return pill(*_known(_VERDICT, value))


@register.simple_tag
def deployment_state(value: str) -> SafeString:
    return pill(*_known(_DEPLOYMENT, value))


@register.filter
def run_tone(status: str) -> str:
    return _known(_RUN, status)[1]


register.filter("event_kind", event_kind)
register.filter("event_title", event_title)


@register.filter
def without_shown(exchange: Any) -> dict[str, Any]:
    """What a stored request or answer holds besides the parts that have a place of their own on the page."""
    return {
        name: value
        for name, value in exchange.items()
        if name not in ("method", "url", "status", "headers", "body") and value not in (None, "", [], {})
    }


@register.filter
def curl(request: Mapping[str, Any]) -> SafeString:
    """A stored request as a line for the shell."""
    return shown(curl_line(request))


_PHASES = {
    "resolve": "looked up in",
    "connect": "connected in",
    "tls": "TLS in",
    "first_byte": "first byte after",
    "total": "all in",
}


@register.filter
def phases(timings: Mapping[str, float]) -> str:
    """Where the time of an attempt went; seconds by phase become one line in milliseconds."""
    return " · ".join(f"{words} {timings[name] * 1000:.1f} ms" for name, words in _PHASES.items() if name in timings)


def _known(table: Any, value: str) -> tuple[str, str, str]:
    found: tuple[str, str, str] = table.get(value, (value, "muted", "circle-dot"))
    return found
