"""The circuit per target, shared between hosts (SEC-44): after ten failures in a row a target is left alone for a
while, doubling; then a few runs are let through to see."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction

from actions.kinds.base import Outcome
from actions.models import TargetState
from reactions_project.prepared import PreparedRows

OPENS_AFTER = 10
FIRST_PAUSE_SECONDS = 10.0
LONGEST_PAUSE_SECONDS = 300.0


_states = PreparedRows(TargetState.objects.all, 0)


@dataclass
class Breaker:
    """This process's view, refreshed from the table with every heartbeat and after every flush with a failure."""

    open_targets: set[str] = field(default_factory=set)
    _suspects: set[str] = field(default_factory=set)

    def refresh(self, now: datetime) -> None:
        rows = _states.all()
        self.open_targets = {row.target_key for row in rows if row.open_until and row.open_until > now}
        self._suspects = {row.target_key for row in rows}

    def note(self, results: Sequence[tuple[str, Outcome]], now: datetime) -> None:
        """Count what came of sends. A target that answers, whatever it says, is alive unless it says 5xx or 429."""
        failed = {target: outcome.reason for target, outcome in results if target and _counts_against(outcome)}
        answered = {target for target, outcome in results if target and not _counts_against(outcome)}
        healed = (answered & self._suspects) - set(failed)
        if not failed and not healed:
            return
        with transaction.atomic():
            TargetState.objects.filter(target_key__in=healed).delete()
            for target, reason in sorted(failed.items()):
                count = sum(1 for key, outcome in results if key == target and _counts_against(outcome))
                _add_failures(target, reason, count, now)
        self.refresh(now)


def _counts_against(outcome: Outcome) -> bool:
    return outcome.retryable


def _add_failures(target: str, reason: str, count: int, now: datetime) -> None:
    state, _ = TargetState.objects.select_for_update().get_or_create(target_key=target, defaults={"updated_at": now})
    state.last_reason, state.updated_at = reason[:500], now
    if state.open_until is None:
        # However many were under way at once: the first pause is the first pause.
        state.consecutive_failures = min(state.consecutive_failures + count, OPENS_AFTER)
    elif state.open_until <= now:
        state.consecutive_failures += OPENS_AFTER
    rounds = state.consecutive_failures // OPENS_AFTER
    if rounds and (state.open_until is None or state.open_until <= now):
        pause = min(FIRST_PAUSE_SECONDS * 2 ** min(rounds - 1, 10), LONGEST_PAUSE_SECONDS)
        state.open_until = now + timedelta(seconds=pause)
    state.save()
