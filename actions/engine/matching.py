"""Unmatched events, decided in batches. One that cannot be decided is set aside in words and never blocks others."""

import logging

from django.db import DatabaseError

from actions.dispatch import give_up, match_events
from reactions_project.prepared import PreparedRows
from triggers.models import Event

BATCH = 100
log = logging.getLogger("reactions.engine")


_unmatched = PreparedRows(
    lambda: (
        Event.objects.filter(matched_at__isnull=True)
        .select_related("project", "environment", "trigger")
        .order_by("pk")[:BATCH]
    ),
    0,
)


def match_due() -> int:
    """Decide up to a batch of events, oldest first; returns how many there were."""
    events = _unmatched.all()
    if not events:
        return 0
    try:
        match_events(events)
    except DatabaseError:
        # The database's trouble, not the events': they stay unmatched and are looked at again.
        raise
    except Exception:
        log.exception("a batch of %s events could not be decided; deciding them one by one", len(events))
        for event in events:
            _match_alone(event)
    return len(events)


def _match_alone(event: Event) -> None:
    try:
        match_events([event])
    except DatabaseError:
        raise
    except Exception as error:
        log.exception("event %s could not be decided", event.uid)
        give_up(event, error)
