"""Event row to EventFacts: what conditions may look at."""

from collections.abc import Mapping
from typing import Any

from triggers.filters.fields import EventFacts
from triggers.models import Event


def facts_of(event: Event) -> EventFacts:
    """For an internal event its payload names release, deployment and machine; a webhook's payload is the sender's own,
    so nothing in it passes for one of those."""
    is_internal = event.source != "webhook"
    payload = event.payload if isinstance(event.payload, dict) and is_internal else {}
    project = event.project
    environment = event.environment
    return EventFacts(
        type=event.type,
        source=event.source,
        actor=event.actor,
        project=(
            {"id": project.octopus_id, "name": project.name, "slug": project.slug}
            if project
            else _named(payload.get("Project"))
        ),
        environment=(
            {"id": environment.octopus_id, "name": environment.name, "slug": environment.slug}
            if environment
            else _named(payload.get("Environment"))
        ),
        release=_release(payload.get("Release")),
        deployment=_named(payload.get("Deployment")),
        machine=_named(payload.get("Machine")),
        payload=event.payload,
        query=dict(event.query),
        headers=dict(event.headers),
    )


def _named(part: Any) -> Mapping[str, Any] | None:
    if not isinstance(part, dict):
        return None
    return {"id": part.get("Id"), "name": part.get("Name"), "slug": part.get("Slug")}


def _release(part: Any) -> Mapping[str, Any] | None:
    return {"id": part.get("Id"), "version": part.get("Number")} if isinstance(part, dict) else None
