"""The only writer of events: record one occurrence, once, and say that it was recorded."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F

from accounts.callers import Caller
from accounts.models import Project
from reactions_project import clock
from reactions_project.prepared import GuardedInsert, NewRows, PreparedInsert
from triggers.models import Environment, Event, Trigger, TriggerKey
from triggers.signals import event_recorded
from triggers.sources.base import PING

_new_event, _events = NewRows(Event), PreparedInsert(Event)
# That the key still opens the endpoint as it was read, checked by the statement that writes the event (SEC-13).
_OPEN = """EXISTS (
    SELECT 1 FROM triggers_triggerkey AS key JOIN triggers_trigger AS endpoint ON endpoint.id = key.trigger_id
    WHERE key.id = %s AND key.digest = %s AND key.revoked_at IS NULL AND (key.expires_at IS NULL OR key.expires_at > %s)
    AND endpoint.is_enabled AND endpoint.kind = 'webhook' AND endpoint.id = %s AND endpoint.project_id = %s
    AND endpoint.route = %s AND endpoint.name = %s AND endpoint.source = %s AND endpoint.delivery_id_path = %s
    AND endpoint.accepts_query_key = %s AND endpoint.signature_scheme = %s
)"""
_guarded = GuardedInsert(
    Event,
    _OPEN,
    [getattr(TriggerKey, name).field for name in ("id", "digest", "expires_at")]
    + [
        getattr(Trigger, name).field
        for name in (
            "id",
            "project",
            "route",
            "name",
            "source",
            "delivery_id_path",
            "accepts_query_key",
            "signature_scheme",
        )
    ],
    identity=Event._meta.get_field("uid"),
)


@dataclass(frozen=True)
class Cause:
    """The run whose script brought an event about (SEC-91)."""

    run: uuid.UUID
    root: uuid.UUID
    chain: tuple[str, ...]


def cause_of(caller: Caller) -> Cause | None:
    """The cause that a run's token carries; None for people and their keys."""
    return Cause(caller.run.run, caller.run.root, caller.run.chain) if caller.run else None


@dataclass(frozen=True)
class EventData:
    """An occurrence before it is recorded. `delivery_id` names it to its sender; None where nothing does."""

    type: str
    source: str
    project: Project | None = None
    environment: Environment | None = None
    trigger: Trigger | None = None
    subject: str = ""
    deployment: str = ""
    actor: str = ""
    delivery_id: str | None = None
    payload: Any = None
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    cause: Cause | None = None
    occurred_at: datetime | None = None


@dataclass(frozen=True)
class Recorded:
    event: Event
    is_new: bool


def record(data: EventData) -> Recorded:
    """Write the event in the caller's transaction or one of its own, or find the one that this delivery repeats
    (SEC-33). Most are new, so the unique constraint says when one is not, rather than a look-up before each.
    """
    now = clock.now()
    # Twice, because the event that has the id may be old enough to give it up.
    for is_last in (False, True):
        try:
            return Recorded(_written(data, now), is_new=True)
        except IntegrityError:
            if data.delivery_id is None:
                raise
            if known := _known(data, now):
                return known
            if is_last:
                raise
    raise AssertionError("the second try returns or raises")


def record_open(deliveries: Sequence[tuple[EventData, TriggerKey]]) -> list[Recorded | None]:
    """Write several in one transaction, one statement for each; None for one that was not written: it repeats another
    delivery, or its key does not open its endpoint any more."""
    now = clock.now()
    events = [_event(data, now) for data, _ in deliveries]
    with transaction.atomic():
        _guarded.insert_all(events, [_guard(key, now) for _, key in deliveries])
        written = [event if event.pk is not None else None for event in events]
        for event in written:
            if event is not None:
                event_recorded.send(sender=Event, event=event)
    return [None if event is None else Recorded(event, is_new=True) for event in written]


def _guard(key: TriggerKey, now: datetime) -> list[Any]:
    endpoint = key.trigger
    return [
        key.pk, key.digest, now, endpoint.pk, endpoint.project_id, endpoint.route, endpoint.name, endpoint.source,
        endpoint.delivery_id_path, endpoint.accepts_query_key, endpoint.signature_scheme,
    ]  # fmt: skip


def _written(data: EventData, now: datetime) -> Event:
    event = _event(data, now)
    # A change of the catalogue and its event stand or fall together; a delivery is undone by itself.
    with transaction.atomic(savepoint=data.source != "catalog" or data.delivery_id is not None):
        _events.insert(event)
        event_recorded.send(sender=Event, event=event)
    return event


def _event(data: EventData, now: datetime) -> Event:
    uid = uuid.uuid4()
    return _new_event(
        {"project": data.project, "environment": data.environment, "trigger": data.trigger},
        uid=uid,
        type=data.type,
        source=data.source,
        subject=data.subject[:200],
        deployment=data.deployment,
        actor=data.actor[:200],
        delivery_id=data.delivery_id,
        payload=data.payload,
        query=dict(data.query),
        headers=dict(data.headers),
        cause_run=data.cause.run if data.cause else None,
        root=data.cause.root if data.cause else uid,
        chain=list(data.cause.chain) if data.cause else [],
        occurred_at=data.occurred_at or now,
        recorded_at=now,
        # A ping starts nothing, so there is nothing to decide.
        matched_at=now if data.source == "webhook" and data.type == PING else None,
    )


def _known(data: EventData, now: datetime) -> Recorded | None:
    same = Event.objects.filter(delivery_id=data.delivery_id)
    same = same.filter(trigger=data.trigger) if data.trigger else same.filter(trigger=None, source=data.source)
    event = same.first()
    if event is None:
        return None
    if now - event.recorded_at > timedelta(days=settings.REACTIONS_DELIVERY_DAYS):
        # The sender may use the id again; the old event gives it up.
        Event.objects.filter(pk=event.pk).update(delivery_id=None)
        return None
    Event.objects.filter(pk=event.pk).update(duplicates=F("duplicates") + 1)
    return Recorded(event, is_new=False)
