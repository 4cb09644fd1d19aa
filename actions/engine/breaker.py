"""The circuit per target, shared between hosts (SEC-44): after ten failures in a row a target is left alone for a
while, doubling; then a few runs are let through to see. Moments are by the time that all hosts share."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction

from actions.kinds.base import Outcome
from actions.models import TargetState
from reactions_project.egress.policy import EgressConnectionError, EgressTimeout, EgressUnresolved
from reactions_project.prepared import PreparedRows

# SEC-44. The first pause is what a restart takes; a target that came back waits five minutes at most.
OPENS_AFTER = 10
FIRST_PAUSE_SECONDS = 10.0
LONGEST_PAUSE_SECONDS = 300.0
# How many runs at a time each process lets through after a pause, until one is answered.
PROBES = 2
# A pause that ended longer ago says nothing of a target any more.
_PROBED_SECONDS = 3_600.0
_NOT_REACHED = frozenset(error.kind for error in (EgressConnectionError, EgressTimeout, EgressUnresolved))
_REACHED = frozenset({"ok", "tls", "protocol"})

_states = PreparedRows(TargetState.objects.all, 0)


@dataclass
class Breaker:
    """This process's view, refreshed from the table with every heartbeat and after every flush with a failure."""

    open_targets: set[str] = field(default_factory=set)
    # Their pause is over, and they have not answered since.
    half_open: set[str] = field(default_factory=set)
    _suspects: set[str] = field(default_factory=set)
    # What the table does not know yet: how often each target failed and why last, and which answered.
    _failed: dict[str, tuple[int, str]] = field(default_factory=dict)
    _answered: set[str] = field(default_factory=set)

    def refresh(self, now: datetime) -> None:
        """Tell the table what it does not know, and look."""
        self._tell(now)
        rows = _states.all()
        probed = now - timedelta(seconds=_PROBED_SECONDS)
        self.open_targets = {row.target_key for row in rows if row.open_until and row.open_until > now}
        self.half_open = {row.target_key for row in rows if row.open_until and probed < row.open_until <= now}
        self._suspects = {row.target_key for row in rows}

    def note(self, results: Sequence[tuple[str, Outcome]], now: datetime) -> None:
        """Count what came of sends. What the table does not take is kept for the next time."""
        for target, outcome in results:
            if not target:
                continue
            if _is_failure(outcome):
                count, _ = self._failed.get(target, (0, ""))
                self._failed[target] = count + 1, outcome.reason
            elif target in self._suspects and _is_answer(outcome):
                self._answered.add(target)
        if self._failed or self._answered:
            self.refresh(now)

    def _tell(self, now: datetime) -> None:
        healed = self._answered - self._failed.keys()
        if not self._failed and not healed:
            return
        with transaction.atomic():
            # Everybody takes rows in this order, or two hosts could wait for each other.
            taken = TargetState.objects.select_for_update().filter(pk__in=[*self._failed, *healed]).order_by("pk")
            states = {state.pk: state for state in taken}
            TargetState.objects.filter(pk__in=healed).delete()
            for target, (count, reason) in sorted(self._failed.items()):
                _add_failures(states.get(target) or _made(target, now), reason, count, now)
        self._failed, self._answered = {}, set()


def _is_failure(outcome: Outcome) -> bool:
    """Whether the target failed. What was never sent, or was stopped, is no fault of its."""
    return outcome.retryable and (outcome.code in _NOT_REACHED or outcome.code.startswith("http_"))


def _is_answer(outcome: Outcome) -> bool:
    """A target that answers, whatever it says, is alive unless it says 5xx or 429."""
    return outcome.code in _REACHED or outcome.code.startswith("http_")


def _made(target: str, now: datetime) -> TargetState:
    # Another host may have made it by now.
    state, _ = TargetState.objects.select_for_update().get_or_create(target_key=target, defaults={"updated_at": now})
    return state


def _add_failures(state: TargetState, reason: str, count: int, now: datetime) -> None:
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
