"""SEC-44: a target that fails is left alone, for longer each time, and no longer than it deserves."""

from datetime import UTC, datetime, timedelta

import pytest

from actions.engine.breaker import FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, OPENS_AFTER, Breaker
from actions.kinds.base import Outcome
from actions.models import TargetState

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
TARGET = "https://monitor.example.com"
FAILED = Outcome(ok=False, code="timeout", reason="No complete answer within 30 s.", retryable=True)
ANSWERED = Outcome(ok=False, code="http_404", reason="It answered 404.")


def pause() -> float:
    """Seconds that the target is left alone, counted from when that was last decided."""
    state = TargetState.objects.get()
    return (state.open_until - state.updated_at).total_seconds() if state.open_until else 0.0


def test_a_target_is_left_alone_after_ten_failures_in_a_row_and_not_before() -> None:
    breaker = Breaker()
    breaker.note([(TARGET, FAILED)] * (OPENS_AFTER - 1), NOW)
    assert breaker.open_targets == set()
    breaker.note([(TARGET, FAILED)], NOW)
    assert breaker.open_targets == {TARGET}


def test_a_burst_of_failures_costs_one_first_pause_however_many_were_under_way() -> None:
    breaker = Breaker()
    breaker.note([(TARGET, FAILED)] * 50, NOW)
    assert pause() == FIRST_PAUSE_SECONDS
    # What had been sent before the circuit opened fails a little later.
    before = TargetState.objects.get().open_until
    breaker.note([(TARGET, FAILED)] * 50, NOW + timedelta(seconds=1))
    assert TargetState.objects.get().open_until == before


def test_each_failure_after_a_pause_doubles_the_next_one_up_to_a_limit() -> None:
    breaker, now, pauses = Breaker(), NOW, []
    for _ in range(8):
        breaker.note([(TARGET, FAILED)] * OPENS_AFTER, now)
        pauses.append(pause())
        now = TargetState.objects.get().open_until
    assert pauses == [min(FIRST_PAUSE_SECONDS * 2**n, LONGEST_PAUSE_SECONDS) for n in range(8)]


def test_any_answer_closes_the_circuit_and_forgets_the_failures() -> None:
    breaker = Breaker()
    breaker.note([(TARGET, FAILED)] * OPENS_AFTER, NOW)
    breaker.note([(TARGET, ANSWERED)], NOW + timedelta(seconds=20))
    assert breaker.open_targets == set()
    assert not TargetState.objects.exists()
