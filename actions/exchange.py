"""Definitions as a document: what a project's reactions are, to keep beside code or to bring to another server.

Import goes through the same functions as every other change, so what they refuse is refused here too: all of a document
is taken or nothing. Secrets are named, never written: they must exist where a document is brought in.
"""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.callers import Caller
from accounts.models import Project, Secret
from accounts.permissions import require, visible
from accounts.roles import Verb
from actions.definitions import save_action, save_reaction
from actions.models import Action, Reaction
from triggers.definitions import save_trigger
from triggers.models import Trigger

VERSION = 1
_TOP = {"version", "triggers", "actions", "reactions"}


def export_definitions(caller: Caller, project: Project) -> dict[str, Any]:
    """What the caller may see of the project's definitions. Raises PermissionDenied."""
    require(caller, Verb.READ, project)
    triggers = visible(Trigger.objects.filter(project=project), caller).order_by("name")
    actions = (
        visible(Action.objects.filter(project=project), caller).order_by("name").prefetch_related("bindings__secret")
    )
    reactions = visible(Reaction.objects.filter(project=project), caller).order_by("name").select_related("action")
    return {
        "version": VERSION,
        "triggers": [_trigger(trigger) for trigger in triggers],
        "actions": [_action(action) for action in actions.prefetch_related("bindings__secret")],
        "reactions": [_reaction(reaction) for reaction in reactions.prefetch_related("triggers")],
    }


@transaction.atomic
def import_definitions(caller: Caller, project: Project, document: Any) -> dict[str, int]:
    """Create what is missing and change what differs, by name; returns how many of each were read.

    Raises ValidationError naming the entry, among others for an external webhook joined to an outgoing HTTP action,
    and PermissionDenied.
    """
    if not isinstance(document, Mapping) or document.get("version") != VERSION:
        raise ValidationError(f'The document is not an export of definitions: it needs "version": {VERSION}.')
    if unknown := set(document) - _TOP:
        raise ValidationError(f"The document has unknown parts: {', '.join(sorted(unknown))}.")
    counts = {}
    for part, read in (("triggers", _read_trigger), ("actions", _read_action), ("reactions", _read_reaction)):
        entries = document.get(part, [])
        if not isinstance(entries, list):
            raise ValidationError(f'"{part}" must be a list.')
        for entry in entries:
            _one(part, entry, lambda one, read=read: read(caller, project, one))
        counts[part] = len(entries)
    return counts


def _one(part: str, entry: Any, read: Any) -> None:
    name = entry.get("name") if isinstance(entry, Mapping) else None
    if not isinstance(name, str) or not name:
        raise ValidationError(f'An entry of "{part}" has no name.')
    try:
        read(entry)
    except ValidationError as error:
        raise ValidationError(f"{part.removesuffix('s').capitalize()} {name}: {' '.join(error.messages)}") from error
    except (KeyError, TypeError, AttributeError) as error:
        raise ValidationError(f"{part.removesuffix('s').capitalize()} {name} lacks or misuses {error}.") from None


def _trigger(trigger: Trigger) -> dict[str, Any]:
    if trigger.is_external:
        return {"name": trigger.name, "kind": "webhook", "route": trigger.route, "source": trigger.source}
    return {"name": trigger.name, "kind": "internal", "event_type": trigger.event_type}


def _action(action: Action) -> dict[str, Any]:
    return {
        "name": action.name,
        "kind": action.kind,
        "config": action.config,
        "timeout_seconds": action.timeout_seconds,
        "max_attempts": action.max_attempts,
        "retry_waits": action.retry_waits,
        "is_repeatable": action.is_repeatable,
        "is_enabled": action.is_enabled,
        "secrets": {binding.variable: binding.secret.name for binding in action.bindings.all()},
    }


def _reaction(reaction: Reaction) -> dict[str, Any]:
    return {
        "name": reaction.name,
        "description": reaction.description,
        "triggers": sorted(trigger.name for trigger in reaction.triggers.all()),
        "conditions": reaction.conditions,
        "action": reaction.action.name,
        "once_per": reaction.once_per,
        "once_seconds": reaction.once_seconds,
        "is_enabled": reaction.is_enabled,
    }


def _read_trigger(caller: Caller, project: Project, entry: Mapping[str, Any]) -> None:
    known = visible(Trigger.objects.filter(project=project), caller)
    if entry["kind"] == "internal":
        if known.filter(kind="internal", event_type=entry["event_type"]).exists():
            return
        made = Trigger(project=project, kind="internal", name=entry["name"], event_type=entry["event_type"])
    else:
        if known.filter(kind="webhook", route=entry["route"]).exists():
            return
        made = Trigger(
            project=project, kind="webhook", name=entry["name"], route=entry["route"], source=entry.get("source", "")
        )
    save_trigger(caller, made)


def _read_action(caller: Caller, project: Project, entry: Mapping[str, Any]) -> None:
    action = visible(Action.objects.filter(project=project, name=entry["name"]), caller).first()
    if action is None:
        action = Action(project=project, name=entry["name"], kind=entry["kind"])
    action.kind = entry["kind"]
    action.config = entry["config"]
    for name in ("timeout_seconds", "max_attempts", "retry_waits", "is_repeatable", "is_enabled"):
        if name in entry:
            setattr(action, name, entry[name])
    bindings = {variable: _secret(caller, project, name) for variable, name in dict(entry.get("secrets") or {}).items()}
    save_action(caller, action, bindings=bindings)


def _read_reaction(caller: Caller, project: Project, entry: Mapping[str, Any]) -> None:
    reaction = visible(Reaction.objects.filter(project=project, name=entry["name"]), caller).first()
    if reaction is None:
        reaction = Reaction(project=project, name=entry["name"])
    action = visible(Action.objects.filter(project=project, name=entry["action"]), caller).first()
    if action is None:
        raise ValidationError(f"there is no action {entry['action']!r} in this project.")
    reaction.action = action
    for name in ("description", "conditions", "once_per", "once_seconds", "is_enabled"):
        if name in entry:
            setattr(reaction, name, entry[name])
    triggers = []
    for wanted in entry["triggers"]:
        trigger = visible(Trigger.objects.filter(project=project, name=wanted), caller).first()
        if trigger is None:
            raise ValidationError(f"there is no trigger {wanted!r} in this project.")
        triggers.append(trigger)
    save_reaction(caller, reaction, triggers)


def _secret(caller: Caller, project: Project, name: str) -> Secret:
    found = visible(Secret.objects.filter(project=project, name=name), caller, Verb.BIND).first()
    if found is None:
        raise ValidationError(f"there is no secret {name!r} here that you may use: make it first.")
    return found
