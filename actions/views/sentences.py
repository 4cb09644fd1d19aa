"""Reactions and decisions in words: the When, Only if and Then of the RFC, and why one fired or did not."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from actions.disclosure import disclose
from actions.kinds.registry import kinds
from actions.models import Action, Decision, Verdict
from triggers.event_types import event_types
from triggers.filters import operators
from triggers.models import Event, Trigger


@dataclass(frozen=True)
class Listened:
    """`of` says what kind of word `text` is: the name of an event, or an address."""

    text: str
    of: str
    is_enabled: bool


@dataclass(frozen=True)
class Checked:
    """One condition of a decision: what it looked at, what it wanted, what it got. Parts of a group lie `depth` below
    it; a group itself has no field."""

    field: str
    operator: str
    wanted: str
    got: str
    passed: bool
    is_error: bool
    is_hidden: bool
    depth: int


@dataclass(frozen=True)
class Explained:
    """A decision as a page shows it to this reader."""

    decision: Any
    reason: str
    conditions: list[Checked]
    opens: bool


def listened(triggers: Iterable[Trigger]) -> list[Listened]:
    return [
        Listened(trigger.path, "address", trigger.is_enabled)
        if trigger.is_external
        else Listened(event_label(trigger.event_type), "event", trigger.is_enabled)
        for trigger in triggers
    ]


def event_label(name: str) -> str:
    return event_types.get(name).label if name in event_types else name


def event_kind(event: Event) -> str:
    """What kind of thing happened: the name of an internal event, or of the webhook that was called."""
    return event.trigger.name if event.trigger is not None and event.trigger.is_external else event_label(event.type)


def event_title(event: Event) -> str:
    kind = event_kind(event)
    return f"{kind}: {event.subject}" if event.subject and event.subject != kind else kind


def brief(action: Action) -> str:
    """The same as `summary` for a line of a list: of an address only its host."""
    host = urlsplit(str(action.config.get("url", ""))).netloc
    return f"{action.config.get('method', 'POST')} {host}" if host else summary(action)


def summary(action: Action) -> str:
    """What an action does in one line: the request's address, or the script's language."""
    config = action.config
    if "url" in config:
        return f"{config.get('method', 'POST')} {config['url']}"
    if "language" in config:
        return f"{str(config['language']).capitalize()} script"
    return kind_label(action.kind)


def kind_label(kind: str) -> str:
    return kinds.get(kind).label if kind in kinds else kind


def explained(decision: Decision, *, reads_payload: bool) -> Explained:
    return explained_trace(decision, decision.verdict, decision.reason, decision.trace, reads_payload=reads_payload)


def explained_trace(
    decision: Any, verdict: str, reason: str, trace: list[dict[str, Any]], *, reads_payload: bool
) -> Explained:
    """Values of the payload, query and headers stay hidden from who may not read them (matrix, "event payload")."""
    told = disclose(verdict, reason, trace, reads_payload=reads_payload)
    conditions = [row for one in told.trace for row in _checked(one)]
    return Explained(decision, told.reason, conditions, opens=verdict in (Verdict.FILTERED, Verdict.ERROR))


_GROUPS = {"any": "any of these", "all": "all of these", "not": "not this"}


def _checked(one: dict[str, Any], depth: int = 0) -> Iterator[Checked]:
    name, operator = str(one.get("field", "")), str(one.get("operator", ""))
    label = _GROUPS.get(operator) or (operators.get(operator).label if operator in operators else operator)
    yield Checked(
        field=name,
        operator=label,
        wanted=str(one.get("wanted", "")) if name else "",
        got=str(one.get("got", "")),
        passed=bool(one.get("passed")),
        is_error=bool(one.get("error")),
        is_hidden=bool(one.get("hidden")),
        depth=min(depth, 5),
    )
    for part in one.get("parts", ()):
        yield from _checked(part, depth + 1)
