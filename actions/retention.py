"""Removes what has grown old, in small batches so that the write lock is never held for long (SEC-94)."""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Exists, OuterRef, QuerySet

from accounts.models import RunToken
from actions.engine.heartbeat import forget_dead
from actions.models import Decision, Run
from reactions_project import clock
from triggers.models import Event

BATCH = 200


def clean_up(now: datetime | None = None) -> dict[str, int]:
    """Delete expired decisions, runs, events and run tokens; returns how many of each."""
    now = now or clock.now()
    decided_before = now - timedelta(days=settings.REACTIONS_DECISION_RETENTION_DAYS)
    before = now - timedelta(days=settings.REACTIONS_RETENTION_DAYS)
    forget_dead(now)
    return {
        "decisions": _delete(Decision.objects.filter(at__lt=decided_before)),
        "runs": _delete(Run.objects.filter(finished_at__lt=before)),
        "events": _delete(
            Event.objects.filter(recorded_at__lt=before, matched_at__isnull=False).exclude(
                Exists(Run.objects.filter(event=OuterRef("pk")))
            )
        ),
        "tokens": _delete(RunToken.objects.filter(expires_at__lt=now - timedelta(days=1))),
    }


def _delete(rows: QuerySet[Any]) -> int:
    gone = 0
    while ids := list(rows.values_list("pk", flat=True)[:BATCH]):
        rows.model._default_manager.filter(pk__in=ids).delete()
        gone += len(ids)
    return gone
