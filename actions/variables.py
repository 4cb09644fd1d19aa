"""Event, reaction and run to Octopus-style variables: the names that `#{...}` templates and scripts see.

Names and meanings are Octopus' system variables; additions stay outside the documented ones (Octopus.Event.*,
Octopus.Reaction.*, Payload, Query). Values that came from the event are opaque: templates never expand them again
(SEC-60). Every value is a string, as in Octopus.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from django.conf import settings

from accounts.models import Project
from actions.models import Action, Reaction, Run
from actions.octostache import Opaque
from triggers.models import Event

Variables = dict[str, str]


def author_variables(action: Action) -> Variables:
    """What an action's author wrote: safe to decide scheme, host and port (SEC-61)."""
    connection = action.connection
    variables: Variables = {}
    if connection is not None:
        variables.update({f"Connection.{name}": text(value) for name, value in connection.settings.items()})
    return variables


def event_variables(event: Event) -> Variables:
    """What the event says. Every value is opaque."""
    pairs: dict[str, Any] = dict(_of_event(event))
    if event.trigger_id and event.trigger is not None and event.trigger.is_external:
        pairs["Payload"] = event.payload
        for name, value in event.query.items():
            pairs[f"Query.{name}"] = value
            pairs[f"Request.Query[{name}]"] = value
        for name, value in event.headers.items():
            pairs[f"Request.Header[{name}]"] = value
        pairs["Octopus.Trigger.Name"] = event.trigger.name
        pairs["Octopus.Trigger.Route"] = event.trigger.route
        pairs["Octopus.Trigger.Kind"] = "external"
    else:
        pairs.update(_of_payload(event.payload or {}))
        pairs["Payload"] = event.payload
        pairs["Octopus.Trigger.Kind"] = "internal"
    return {name: Opaque(text(value)) for name, value in pairs.items() if value is not None}


def run_variables(run: Run, reaction: Reaction | None, action: Action) -> Variables:
    """What this run is: ids and links that open our pages, and the author's own variables."""
    project = run.project
    variables = {
        **author_variables(action),
        **_web(project, run.event),
        "Octopus.Reaction.Name": run.reaction_name,
        "Octopus.Reaction.Id": str(reaction.pk) if reaction else "",
        "Octopus.Reaction.RunId": str(run.uid),
        "Octopus.Reaction.RunLink": f"{settings.REACTIONS_BASE_URL}/runs/{run.uid}/",
        "Octopus.Reaction.Attempt": str(run.attempt_count),
        "Octopus.Action.Name": action.name,
        "Octopus.Step.Name": action.name,
    }
    if not run.event.project_id:
        variables.setdefault("Octopus.Project.Id", project.octopus_id)
    return variables


def preview_variables(event: Event, reaction_name: str, action: Action, project: Project) -> Variables:
    """The same for a run that does not exist: a preview shows what a first attempt would see."""
    return {
        **event_variables(event),
        **author_variables(action),
        **_web(project, event),
        "Octopus.Reaction.Name": reaction_name,
        "Octopus.Reaction.RunId": "00000000-0000-0000-0000-000000000000",
        "Octopus.Reaction.RunLink": f"{settings.REACTIONS_BASE_URL}/runs/00000000-0000-0000-0000-000000000000/",
        "Octopus.Reaction.Attempt": "1",
        "Octopus.Action.Name": action.name,
        "Octopus.Step.Name": action.name,
    }


def text(value: Any) -> str:
    """A value as Octopus prints it: True and False, JSON for structures, nothing for null."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, str):
        return value
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return str(value)


def _of_event(event: Event) -> Iterator[tuple[str, Any]]:
    yield "Octopus.Event.Id", str(event.uid)
    yield "Octopus.Event.Category", event.type
    yield "Octopus.Event.Occurred", event.occurred_at.isoformat()
    yield "Octopus.Event.OccurredUtc", f"{event.occurred_at:%Y-%m-%dT%H:%M:%S.%fZ}"
    yield "Octopus.Event.OccurredUnix", int(event.occurred_at.timestamp())
    yield "Octopus.Event.OccurredUnixMs", int(event.occurred_at.timestamp() * 1000)
    yield "Octopus.Event.Message", event.subject
    yield "Octopus.Event.Username", event.actor
    yield "Octopus.Space.Id", "Spaces-1"
    yield "Octopus.Space.Name", "Default"


# Member of an internal event's payload -> Octopus' name for its fields.
_FIELDS: Mapping[str, Mapping[str, str]] = {
    "Project": {"Id": "Octopus.Project.Id", "Name": "Octopus.Project.Name"},
    "Environment": {
        "Id": "Octopus.Environment.Id",
        "Name": "Octopus.Environment.Name",
        "SortOrder": "Octopus.Environment.SortOrder",
    },
    "Release": {
        "Id": "Octopus.Release.Id",
        "Number": "Octopus.Release.Number",
        "Notes": "Octopus.Release.Notes",
        "Created": "Octopus.Release.Created",
    },
    "Deployment": {
        "Id": "Octopus.Deployment.Id",
        "Name": "Octopus.Deployment.Name",
        "Comments": "Octopus.Deployment.Comments",
        "Created": "Octopus.Deployment.Created",
        "CreatedBy": "Octopus.Deployment.CreatedBy.Username",
        "Error": "Octopus.Deployment.Error",
    },
    "Machine": {"Id": "Octopus.Machine.Id", "Name": "Octopus.Machine.Name"},
    "DeploymentProcess": {"Id": "Octopus.DeploymentProcess.Id", "Version": "Octopus.DeploymentProcess.Version"},
}


def _of_payload(payload: Any) -> Iterator[tuple[str, Any]]:
    if not isinstance(payload, dict):
        return
    for member, names in _FIELDS.items():
        part = payload.get(member)
        if isinstance(part, dict):
            for key, name in names.items():
                if key in part:
                    yield name, part[key]
    machine = payload.get("Machine")
    if isinstance(machine, dict) and isinstance(machine.get("Roles"), list):
        yield "Octopus.Machine.Roles", ",".join(str(role) for role in machine["Roles"])
    release = payload.get("Release")
    if isinstance(release, dict) and isinstance(release.get("Previous"), dict):
        yield "Octopus.Release.Previous.Id", release["Previous"].get("Id")
        yield "Octopus.Release.Previous.Number", release["Previous"].get("Number")


def _web(project: Project, event: Event) -> Variables:
    here = settings.REACTIONS_BASE_URL
    variables = {
        "Octopus.Web.ServerUri": here,
        "Octopus.Web.BaseUrl": here,
        "Octopus.Web.ProjectLink": f"/projects/{project.slug}/",
        "Octopus.Web.EventLink": f"/events/{event.uid}/",
    }
    if event.deployment:
        variables["Octopus.Web.DeploymentLink"] = f"/projects/{project.slug}/deployments/{event.deployment}/"
    return variables
