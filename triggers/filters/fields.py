"""What a condition can look at (RFC: "adding a filter", "the Project and environment we're interested in").

A field is one of the fixed names below, or `payload.<path>`, `query.<name>` or `header.<name>`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

from reactions_project.registry import Registry
from triggers.filters.paths import FieldError, Found, Missing, Step, near, parse_path, walk

__all__ = ["EventFacts", "Field", "FieldError", "Found", "Missing", "fields", "look_up", "parse_field"]


@dataclass(frozen=True)
class EventFacts:
    """What is known of an event, as plain values. Named things are mappings with `id`, `name` and, where they have one,
    `slug`; a release has `id` and `version`."""

    type: str
    source: str = ""
    actor: str = ""
    project: Mapping[str, Any] | None = None
    environment: Mapping[str, Any] | None = None
    release: Mapping[str, Any] | None = None
    deployment: Mapping[str, Any] | None = None
    machine: Mapping[str, Any] | None = None
    payload: Any = None
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Field:
    """A fixed field. `member` of the fact `of`; a named thing without one is its name, and goes by slug and id too."""

    name: str
    label: str
    of: str
    member: str = ""


fields: Registry[Field] = Registry("field")
for _field in (
    Field("type", "Event type", "type"),
    Field("project", "Project (name, slug or id)", "project"),
    Field("project.id", "Project id", "project", "id"),
    Field("project.name", "Project name", "project", "name"),
    Field("project.slug", "Project slug", "project", "slug"),
    Field("environment", "Environment (name, slug or id)", "environment"),
    Field("environment.id", "Environment id", "environment", "id"),
    Field("environment.name", "Environment name", "environment", "name"),
    Field("environment.slug", "Environment slug", "environment", "slug"),
    Field("release.id", "Release id", "release", "id"),
    Field("release.version", "Release version", "release", "version"),
    Field("deployment.id", "Deployment id", "deployment", "id"),
    Field("machine.id", "Machine id", "machine", "id"),
    Field("machine.name", "Machine name", "machine", "name"),
    Field("actor", "Who brought it about", "actor"),
    Field("source", "Where the event came from", "source"),
):
    fields.add(_field)


@dataclass(frozen=True)
class PayloadPath:
    name: str
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class RequestPart:
    """A query parameter or header; header names have no case."""

    name: str
    part: Literal["query", "header"]
    key: str


ParsedField = Field | PayloadPath | RequestPart


@lru_cache(maxsize=2048)
def parse_field(name: str) -> ParsedField:
    """Read a field name; raises FieldError."""
    if name in fields:
        return fields.get(name)
    for part in ("query", "header"):
        if name.startswith(f"{part}."):
            if not (key := name.removeprefix(f"{part}.")):
                raise FieldError(f'The field "{part}." needs a name behind its dot.')
            return RequestPart(name, "query" if part == "query" else "header", key)
    if name == "payload" or name.startswith(("payload.", "payload[")):
        return PayloadPath(name, parse_path("payload", name.removeprefix("payload")))
    nearest = near(name, (known.name for known in fields))
    hint = (
        f'did you mean "{nearest}"?' if nearest else "write project, environment, payload.Name, query.name and so on."
    )
    raise FieldError(f'There is no field "{name[:60]}": {hint}')


def look_up(name: str, facts: EventFacts) -> Found | Missing:
    """What the event holds under a field's name. Never raises: an unreadable name is Missing too."""
    try:
        return read(parse_field(name), facts)
    except FieldError as error:
        return Missing(str(error))


def read(parsed: ParsedField, facts: EventFacts) -> Found | Missing:
    """What the event holds in a field."""
    if isinstance(parsed, PayloadPath):
        if facts.payload is None:
            return Missing("the event has no payload")
        return walk("payload", facts.payload, parsed.steps)
    if isinstance(parsed, RequestPart):
        return _of_request(parsed, facts)
    return _of_event(parsed, facts)


def _of_event(parsed: Field, facts: EventFacts) -> Found | Missing:
    fact = getattr(facts, parsed.of)
    if fact is None or fact == "":
        return Missing(f"the event has no {parsed.of}")
    if not isinstance(fact, Mapping):
        return Found(fact)
    value = fact.get(parsed.member or "name")
    if value is None or value == "":
        return Missing(f"the event's {parsed.of} has no {parsed.member or 'name'}")
    if parsed.member:
        return Found(value)
    return Found(value, also=tuple(str(fact[key]) for key in ("slug", "id") if fact.get(key)))


def _of_request(parsed: RequestPart, facts: EventFacts) -> Found | Missing:
    if parsed.part == "query":
        if parsed.key in facts.query:
            return Found(facts.query[parsed.key])
        nearest, noun = near(parsed.key, facts.query), "query parameter"
    else:
        wanted = parsed.key.lower()
        for name, value in facts.headers.items():
            if name.lower() == wanted:
                return Found(value)
        nearest, noun = near(parsed.key, facts.headers), "header"
    hint = f'; did you mean "{nearest}"?' if nearest else ""
    return Missing(f'the request has no {noun} "{parsed.key}"{hint}')
