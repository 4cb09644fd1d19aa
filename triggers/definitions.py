"""Saving triggers and issuing their keys, with rights, links and the audit log in one place.

The API, the pages and the admin call these; serializers and forms only check shape.
"""

from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import RestrictedError

from accounts import keys
from accounts.audit import record
from accounts.callers import Caller
from accounts.models import Secret
from accounts.permissions import may, require, require_in
from accounts.roles import Verb
from reactions_project import clock
from triggers.event_types import event_types
from triggers.filters.fields import FieldError, parse_field
from triggers.models import Trigger, TriggerKey
from triggers.signatures import schemes
from triggers.sources import sources

_FIXED = {"project": "project_id", "kind": "kind", "event_type": "event_type"}
_WEBHOOK_ONLY = ("route", "source", "signature_scheme", "signing_secret", "former_signing_secret", "delivery_id_path")
_SECRETS = ("signing_secret", "former_signing_secret")
_AUDITED = ("name", "is_enabled", "route", "source", "accepts_query_key", "signature_scheme", "delivery_id_path")


@transaction.atomic
def save_trigger(caller: Caller, trigger: Trigger) -> Trigger:
    """Create or change a trigger; raises PermissionDenied and ValidationError. Project, kind and event type stay."""
    is_new = trigger._state.adding
    if is_new:
        require_in(caller, Verb.CREATE, "endpoint", trigger.project)
    else:
        require(caller, Verb.UPDATE, trigger)
    former = None if is_new else Trigger.objects.select_for_update().get(pk=trigger.pk)
    if former is not None:
        _check_fixed(former, trigger)
    if trigger.is_external:
        _check_webhook(caller, former, trigger)
    else:
        _check_internal(trigger)
    trigger.full_clean(validate_constraints=False)
    trigger.save()
    record(
        caller, "create" if is_new else "change", trigger, project=trigger.project, changes=_changes(former, trigger)
    )
    return trigger


@transaction.atomic
def delete_trigger(caller: Caller, trigger: Trigger) -> None:
    """Delete a trigger that nothing listens to any more; raises PermissionDenied, RestrictedError. Its events stay."""
    require(caller, Verb.DELETE, trigger)
    # Reactions live in the layer above and would be left deaf: deleting cascades to what joins them.
    users = set(getattr(trigger, "reactions").all())  # noqa: B009
    if users:
        raise RestrictedError("The trigger is in use.", users)
    record(caller, "delete", trigger, project=trigger.project)
    trigger.delete()


@transaction.atomic
def issue_key(
    caller: Caller, trigger: Trigger, name: str = "", expires_at: datetime | None = None
) -> tuple[TriggerKey, str]:
    """A new key of this webhook and its text, which is not to be had again (SEC-10). Whoever may change the webhook
    issues its keys (SEC-11); the former ones stay valid until they are revoked, so that a key can be exchanged."""
    require(caller, Verb.UPDATE, trigger)
    if not trigger.is_external:
        raise ValidationError("Only a webhook has keys: internal events come from this server itself.")
    if expires_at is not None and expires_at <= clock.now():
        raise ValidationError({"expires_at": "The key would have expired already: give a time to come."})
    key = TriggerKey(trigger=trigger, name=name, expires_at=expires_at)
    key.clean_fields(exclude=["prefix", "digest"])
    text = keys.issue(key, keys.TRIGGER)
    record(caller, "create", key, project=trigger.project, changes={"trigger": trigger.name})
    return key, text


@transaction.atomic
def revoke_key(caller: Caller, key: TriggerKey) -> None:
    """Effective on the next request; raises PermissionDenied."""
    require(caller, Verb.UPDATE, key.trigger)
    keys.revoke(key)
    record(caller, "revoke", key, project=key.trigger.project, changes={"trigger": key.trigger.name})


def _check_fixed(former: Trigger, trigger: Trigger) -> None:
    for field, attribute in _FIXED.items():
        if getattr(former, attribute) != getattr(trigger, attribute):
            noun = field.replace("_", " ")
            raise ValidationError({field: f"A trigger keeps its {noun}: make a new one."})


def _check_internal(trigger: Trigger) -> None:
    if not trigger.event_type:
        raise ValidationError({"event_type": "An internal trigger needs an event type: see /api/event-types/ for all."})
    if trigger.event_type not in event_types:
        raise ValidationError(
            {"event_type": f"There is no event type {trigger.event_type}: see /api/event-types/ for all."}
        )
    for name in _WEBHOOK_ONLY:
        if getattr(trigger, name):
            raise ValidationError({name: "Only a webhook has this: leave it out for an internal trigger."})
    same = Trigger.objects.filter(project=trigger.project_id, kind=trigger.kind, event_type=trigger.event_type)
    if same.exclude(pk=trigger.pk).exists():
        raise ValidationError(
            {"event_type": f"The project has a trigger for {trigger.event_type} already: let reactions listen to that."}
        )


def _check_webhook(caller: Caller, former: Trigger | None, trigger: Trigger) -> None:
    if not trigger.route:
        raise ValidationError({"route": "A webhook needs a route, the last part of its address: choose one."})
    if trigger.event_type:
        raise ValidationError({"event_type": "A webhook has no event type: leave it out, or make an internal trigger."})
    same = Trigger.objects.filter(kind=trigger.kind, route=trigger.route)
    if same.exclude(pk=trigger.pk).exists():
        raise ValidationError({"route": f"The route {trigger.route} is taken: choose another."})
    if trigger.source and trigger.source not in sources:
        known = ", ".join(name for name, _ in sources.choices())
        raise ValidationError({"source": f"There is no source {trigger.source}: choose one of {known}."})
    if trigger.delivery_id_path:
        try:
            parse_field(trigger.delivery_id_path)
        except FieldError as error:
            raise ValidationError({"delivery_id_path": str(error)}) from None
    _check_signing(caller, former, trigger)


def _check_signing(caller: Caller, former: Trigger | None, trigger: Trigger) -> None:
    if trigger.signature_scheme and trigger.signature_scheme not in schemes:
        known = ", ".join(name for name, _ in schemes.choices())
        raise ValidationError(
            {"signature_scheme": f"There is no scheme {trigger.signature_scheme}: choose one of {known}."}
        )
    if trigger.signature_scheme and trigger.signing_secret is None:
        missing = "A signature is checked with a secret: choose one."
        raise ValidationError({"signing_secret": missing})
    for name in _SECRETS:
        secret: Secret | None = getattr(trigger, name)
        if secret is None or (former is not None and getattr(former, f"{name}_id") == secret.pk):
            continue
        if not may(caller, Verb.BIND, secret):
            # Not told apart from a secret that does not exist (SEC-02).
            raise ValidationError({name: f"There is no secret {secret.name} here that you may use."})
        if secret.project_id != trigger.project_id:
            raise ValidationError({name: f"Secret {secret.name} belongs to another project."})


def _changes(former: Trigger | None, trigger: Trigger) -> dict[str, object]:
    if former is None:
        return {}
    changes: dict[str, object] = {
        name: [getattr(former, name), getattr(trigger, name)]
        for name in _AUDITED
        if getattr(former, name) != getattr(trigger, name)
    }
    for name in _SECRETS:
        if getattr(former, f"{name}_id") != getattr(trigger, f"{name}_id"):
            changes[name] = "changed"
    return changes
