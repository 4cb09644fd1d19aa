"""Saving what people define: actions and reactions, with rights, links and versions checked in one place.

The API, the pages, the admin and import call these; serializers and forms only check shape.
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta

from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.audit import record
from accounts.callers import Caller
from accounts.models import Secret
from accounts.permissions import may, require, require_in
from accounts.roles import Verb
from actions.engine.steady_time import read_clock
from actions.kinds.script import available_languages, missing_interpreter
from actions.models import Action, ActionSecret, ActionVersion, Heartbeat, Reaction, ReactionTrigger
from actions.models.reaction import refuse_passthrough
from triggers.filters import validate
from triggers.models import Trigger

_VERSIONED = ("config", "timeout_seconds", "max_attempts", "retry_waits", "is_repeatable")


@transaction.atomic
def save_action(caller: Caller, action: Action, bindings: Mapping[str, Secret] | None = None) -> Action:
    """Create or change an action. `bindings` (variable -> secret) replaces the bound secrets; None leaves them.

    Raises PermissionDenied (no right on the action, or no `b` on a bound secret, SEC-07) and ValidationError.
    """
    is_new = action._state.adding
    if is_new:
        require_in(caller, Verb.CREATE, action.permission_kind, action.project)
    else:
        require(caller, Verb.UPDATE, action)
    former = None if is_new else Action.objects.select_for_update().get(pk=action.pk)
    if former is not None and former.project_id != action.project_id:
        raise ValidationError({"project": "An action stays in its project: make a new one there."})
    action.full_clean()
    if action.kind == "script":
        _require_interpreter(action.config["language"])
    changed = {
        name: [getattr(former, name), getattr(action, name)]
        for name in (*_VERSIONED, "name", "is_enabled")
        if former is not None and getattr(former, name) != getattr(action, name)
    }
    if former is not None and set(changed) & set(_VERSIONED):
        action.version = former.version + 1
        if bindings is None:
            _require_binding(caller, [b.secret for b in former.bindings.select_related("secret")])
    action.save()
    if is_new or set(changed) & set(_VERSIONED):
        _keep_version(caller, action)
    if bindings is not None:
        _bind(caller, action, bindings)
    shown = sorted(changed) if changed else []
    record(caller, "create" if is_new else "change", action, project=action.project, changes={"fields": shown})
    return action


def _require_interpreter(language: str) -> None:
    """Somewhere it must be able to run: on this host, or on a worker that was heard of lately."""
    if language in available_languages():
        return
    since = read_clock() - timedelta(minutes=5)
    for facts in Heartbeat.objects.filter(beat_at__gte=since).values_list("facts", flat=True):
        if language in facts.get("languages", ()):
            return
    raise ValidationError({"config": f"language: {missing_interpreter(language)}"})


def _keep_version(caller: Caller, action: Action) -> None:
    ActionVersion.objects.create(
        action=action,
        version=action.version,
        kind=action.kind,
        config=action.config,
        timeout_seconds=action.timeout_seconds,
        max_attempts=action.max_attempts,
        retry_waits=action.retry_waits,
        is_repeatable=action.is_repeatable,
        created_by=caller.user,
    )


def _bind(caller: Caller, action: Action, bindings: Mapping[str, Secret]) -> None:
    present = {binding.variable: binding.secret_id for binding in action.bindings.all()}
    wanted = {variable: secret.pk for variable, secret in bindings.items()}
    _require_binding(caller, [secret for variable, secret in bindings.items() if present.get(variable) != secret.pk])
    for secret in bindings.values():
        if secret.project_id != action.project_id:
            raise ValidationError({"secrets": f"Secret {secret.name} belongs to another project."})
    if present != wanted:
        action.bindings.all().delete()
        ActionSecret.objects.bulk_create(
            ActionSecret(action=action, secret=secret, variable=variable) for variable, secret in bindings.items()
        )


def _require_binding(caller: Caller, secrets: Iterable[Secret]) -> None:
    for secret in secrets:
        if not may(caller, Verb.BIND, secret):
            # Not told apart from a secret that does not exist (SEC-02).
            raise ValidationError({"secrets": f"There is no secret {secret.name} here that you may use."})


@transaction.atomic
def save_reaction(caller: Caller, reaction: Reaction, triggers: Iterable[Trigger] | None = None) -> Reaction:
    """Create or change a reaction; `triggers` replaces what it listens to, None leaves it.

    Raises PermissionDenied and ValidationError; among the latter the refusal of an external webhook with an
    outgoing HTTP action (RFC, "External Events and Outgoing HTTP Actions").
    """
    is_new = reaction._state.adding
    if is_new:
        require_in(caller, Verb.CREATE, "reaction", reaction.project)
    else:
        require(caller, Verb.UPDATE, reaction)
        stored = Reaction.objects.select_for_update().get(pk=reaction.pk)
        if stored.project_id != reaction.project_id:
            raise ValidationError({"project": "A reaction stays in its project: make a new one there."})
        reaction.version = stored.version + 1
    wanted = None if triggers is None else list(triggers)
    check_triggers(reaction, list(reaction.triggers.all()) if wanted is None and not is_new else wanted or [])
    if problems := validate(reaction.conditions):
        raise ValidationError({"conditions": [str(problem) for problem in problems]})
    if wanted is not None and not is_new:
        # Out before in: the new action may be one that the former triggers refuse.
        ReactionTrigger.objects.filter(reaction=reaction).exclude(trigger__in=wanted).delete()
    reaction.full_clean(exclude=["triggers"])
    if is_new:
        reaction.created_by = caller.user
    reaction.save()
    if wanted is not None:
        reaction.triggers.set(wanted)
    record(caller, "create" if is_new else "change", reaction, project=reaction.project)
    return reaction


def check_triggers(reaction: Reaction, triggers: list[Trigger]) -> None:
    """Raise ValidationError unless these triggers may start this reaction: same project, one webhook or internal
    ones, no passthrough."""
    if not triggers:
        raise ValidationError({"triggers": "A reaction needs a trigger: choose a webhook or at least one event."})
    for trigger in triggers:
        if trigger.project_id != reaction.project_id:
            raise ValidationError({"triggers": f"Trigger {trigger.name} belongs to another project."})
    external = [trigger for trigger in triggers if trigger.is_external]
    if external and len(triggers) > 1:
        raise ValidationError({"triggers": "A reaction listens to one webhook, or to internal events, not to both."})
    refuse_passthrough(reaction.action, triggers)
