"""Unmatched events, decided in batches. One that cannot be decided is set aside in words and never blocks others."""

import logging
from typing import NamedTuple

from django.db import InterfaceError, OperationalError

from actions.dispatch import Take, give_up, match_events
from actions.models import Run
from reactions_project.prepared import PreparedRows
from triggers.models import Event

# Beyond that a larger transaction saves nothing more for each event, and others wait longer for the write lock.
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


class Matched(NamedTuple):
    """How many events were looked at, and the runs that were made for them."""

    events: int
    runs: list[Run]


def match_due(take: Take | None = None) -> Matched:
    """Decide up to a batch of events, oldest first."""
    events = _unmatched.all()
    if not events:
        return Matched(0, [])
    try:
        runs = match_events(events, take)
    except (OperationalError, InterfaceError):
        # The database's trouble, not the events': they stay unmatched and are looked at again.
        raise
    except Exception:
        log.exception("a batch of %s events could not be decided; deciding them one by one", len(events))
        runs = [run for event in events for run in _match_alone(event, take)]
    return Matched(len(events), runs)


def _match_alone(event: Event, take: Take | None) -> list[Run]:
    try:
        return match_events([event], take)
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        log.exception("event %s could not be decided", event.uid)
        give_up(event, error)
        return []
