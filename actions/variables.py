"""Event, reaction and run to Octopus-style variables: the names that `#{...}` templates and scripts see.

Names and meanings are Octopus' system variables; additions stay outside the documented ones (Octopus.Event.*,
Octopus.Reaction.*, Payload, Query). Values that came from the event are opaque: templates never expand them again
(SEC-60). Every value is a string, as in Octopus.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from accounts.models import Project
from actions.models import Action, Reaction, Run
from actions.octostache import Opaque
from triggers.models import Event

Variables = dict[str, str]
# Made once: json.dumps makes an encoder for each call that is not by its defaults.
_COMPACT = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def author_variables(action: Action) -> Variables:
    """What an action's author wrote: safe to decide scheme, host and port (SEC-61)."""
    connection = action.connection
    variables: Variables = {}
    if connection is not None:
        variables.update({f"Connection.{name}": text(value) for name, value in connection.settings.items()})
    return variables


def own_variables(project: Project) -> Variables:
    """The team's and the project's own; the project's win. Their names cannot be those of Reactions itself."""
    names = {name.lower() for name in project.variables}
    team = {name: value for name, value in project.team.variables.items() if name.lower() not in names}
    return {**team, **project.variables}


def known_beforehand(action: Action, project: Project) -> Variables:
    """What is known of an action before any event: enough to say which host it talks to."""
    return {**own_variables(project), **author_variables(action)}


def context_variables(event: Event) -> Variables:
    """What is known besides the event itself before anything runs: own variables, and links that open our pages."""
    if event.project is None:
        return _server()
    return {**own_variables(event.project), **_web(event.project, event)}


def event_variables(event: Event) -> Variables:
    """What the event says. Every value is opaque."""
    pairs: dict[str, Any] = dict(_of_event(event))
    if event.source == "webhook":
        # Also when its trigger is gone: what a stranger wrote never passes for an internal event's payload.
        pairs["Payload"] = event.payload
        for name, value in event.query.items():
            pairs[f"Query.{name}"] = value
            pairs[f"Request.Query[{name}]"] = value
        for name, value in event.headers.items():
            pairs[f"Request.Header[{name}]"] = value
            if name.lower() == "content-type":
                pairs["Request.ContentType"] = value
        pairs["Request.Method"] = "POST"
        if event.trigger is not None:
            pairs["Octopus.Trigger.Name"] = event.trigger.name
            pairs["Octopus.Trigger.Route"] = event.trigger.route
        pairs["Octopus.Trigger.Kind"] = "external"
    else:
        pairs.update(_of_payload(event.payload or {}))
        pairs["Payload"] = event.payload
        pairs["Octopus.Trigger.Kind"] = "internal"
    return {
        name: Opaque(value if type(value) is str else text(value)) for name, value in pairs.items() if value is not None
    }


def run_variables(run: Run, reaction: Reaction | None, action: Action) -> Variables:
    """What this run is: ids and links that open our pages, and the author's own variables."""
    project = run.project
    variables = {
        **own_variables(project),
        **author_variables(action),
        **_web(project, run.event),
        **_of_action(action),
        "Octopus.Reaction.Name": run.reaction_name,
        "Octopus.Reaction.Id": str(reaction.pk) if reaction else "",
        "Octopus.Reaction.RunId": str(run.uid),
        "Octopus.Reaction.RunLink": f"{settings.REACTIONS_BASE_URL}/runs/{run.uid}/",
        "Octopus.Reaction.Attempt": str(run.attempt_count),
    }
    if not run.event.project_id:
        variables.setdefault("Octopus.Project.Id", project.octopus_id)
    return variables


def preview_variables(event: Event, reaction_name: str, action: Action, project: Project) -> Variables:
    """The same for a run that does not exist: a preview shows what a first attempt would see."""
    return {
        **event_variables(event),
        **own_variables(project),
        **author_variables(action),
        **_web(project, event),
        **_of_action(action),
        "Octopus.Reaction.Name": reaction_name,
        "Octopus.Reaction.RunId": "00000000-0000-0000-0000-000000000000",
        "Octopus.Reaction.RunLink": f"{settings.REACTIONS_BASE_URL}/runs/00000000-0000-0000-0000-000000000000/",
        "Octopus.Reaction.Attempt": "1",
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
        return _COMPACT(value)
    return str(value)


def _of_event(event: Event) -> Iterator[tuple[str, Any]]:
    yield "Octopus.Event.Id", str(event.uid)
    yield "Octopus.Event.Category", event.type
    yield "Octopus.Event.Occurred", event.occurred_at.isoformat()
    yield "Octopus.Event.OccurredUtc", event.occurred_at.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
    seconds = event.occurred_at.timestamp()
    yield "Octopus.Event.OccurredUnix", int(seconds)
    milliseconds = int(seconds * 1_000)
    yield "Octopus.Event.OccurredUnixMs", milliseconds
    yield "Octopus.Event.OccurredUnixNs", milliseconds * 1_000_000 + event.occurred_at.microsecond % 1_000 * 1_000
    yield "Octopus.Event.OccurredLocalIso", event.occurred_at.replace(tzinfo=None, microsecond=0).isoformat()
    yield "Octopus.Event.Message", event.subject
    yield "Octopus.Event.Username", event.actor
    yield "Octopus.Event.RelatedDocumentIds", ",".join(_documents(event))
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
    "Runbook": {"Id": "Octopus.Runbook.Id", "Name": "Octopus.Runbook.Name"},
    "RunbookRun": {
        "Id": "Octopus.RunbookRun.Id",
        "Name": "Octopus.RunbookRun.Name",
        "Created": "Octopus.RunbookRun.Created",
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
    yield from _of_machine(payload.get("Machine"))
    release, deployment = payload.get("Release"), payload.get("Deployment")
    if isinstance(release, dict):
        for which in ("Previous", "PreviousForEnvironment", "CurrentForEnvironment"):
            if isinstance(other := release.get(which), dict):
                yield f"Octopus.Release.{which}.Id", other.get("Id")
                yield f"Octopus.Release.{which}.Number", other.get("Number")
    if isinstance(deployment, dict):
        yield "Octopus.Deployment.CreatedBy.DisplayName", deployment.get("CreatedBy")
        yield "Octopus.Deployment.ErrorDetail", deployment.get("Error")
        if isinstance(before := deployment.get("PreviousSuccessful"), dict):
            yield "Octopus.Deployment.PreviousSuccessful.Id", before.get("Id")


def _of_machine(machine: Any) -> Iterator[tuple[str, Any]]:
    if not isinstance(machine, dict):
        return
    if isinstance(roles := machine.get("Roles"), list):
        yield "Octopus.Machine.Roles", ",".join(str(role) for role in roles)
    if isinstance(uri := machine.get("Uri"), str):
        with suppress(ValueError):
            # Polling Tentacles have an address of another kind, and none of their own.
            yield "Octopus.Machine.Hostname", urlsplit(uri).hostname if uri.lower().startswith("https://") else None
    environments = machine.get("Environments")
    if isinstance(environments, list) and environments and isinstance(first := environments[0], dict):
        yield "Octopus.Environment.Id", first.get("Id")
        yield "Octopus.Environment.Name", first.get("Name")
        yield "Octopus.Environment.SortOrder", first.get("SortOrder")


def _documents(event: Event) -> Iterator[str]:
    """Ids of what the event is about, the most particular first, as Octopus lists them."""
    payload = event.payload if isinstance(event.payload, dict) and event.source != "webhook" else {}
    for member in ("Deployment", "RunbookRun", "Release", "Machine", "DeploymentProcess", "Project", "Environment"):
        part = payload.get(member)
        if isinstance(part, dict) and isinstance(part.get("Id"), str):
            yield part["Id"]


def _of_action(action: Action) -> Variables:
    names = {"Octopus.Action.Name": action.name, "Octopus.Step.Name": action.name}
    if action.kind == "script":
        language = str(action.config.get("language", ""))
        names["Octopus.Action.Script.Syntax"] = _SYNTAXES.get(language, language)
        names["Octopus.Action.Script.ScriptBody"] = str(action.config.get("source", ""))
    return names


_SYNTAXES = {"powershell": "PowerShell", "python": "Python", "bash": "Bash"}


def _server() -> Variables:
    return {"Octopus.Web.ServerUri": settings.REACTIONS_BASE_URL, "Octopus.Web.BaseUrl": settings.REACTIONS_BASE_URL}


def _web(project: Project, event: Event) -> Variables:
    variables = {
        **_server(),
        "Octopus.Web.ProjectLink": f"/projects/{project.slug}/",
        "Octopus.Web.EventLink": f"/events/{event.uid}/",
    }
    if event.type.startswith("RunbookRun"):
        variables["Octopus.Web.RunbookRunLink"] = f"/events/{event.uid}/"
    if event.type == "ReleaseCreated" or event.deployment:
        # Releases are listed on their project's page.
        variables["Octopus.Web.ReleaseLink"] = f"/projects/{project.slug}/"
    if event.deployment:
        variables["Octopus.Web.DeploymentLink"] = f"/projects/{project.slug}/deployments/{event.deployment}/"
    return variables
