"""SEC-44: a target that fails is left alone, for longer each time, and no longer than it deserves."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.db import OperationalError, connections

from actions.engine import breaker as circuits
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


@pytest.mark.parametrize("code", ["waiting", "worker_lost", "fault", "unwritable", "refused"])
def test_what_never_reached_a_target_says_nothing_of_it(code: str) -> None:
    never_sent = Outcome(ok=False, code=code, reason="Nothing was sent.", retryable=True)
    breaker = Breaker()
    breaker.note([(TARGET, never_sent)] * OPENS_AFTER, NOW)
    assert not TargetState.objects.exists()
    breaker.note([(TARGET, FAILED)] * OPENS_AFTER, NOW)
    breaker.note([(TARGET, never_sent), (TARGET, Outcome(ok=False, code="cancelled", reason="Cancelled."))], NOW)
    assert breaker.open_targets == {TARGET}


@pytest.mark.parametrize("code", ["connection", "timeout", "unresolved_host", "http_429", "http_500", "http_503"])
def test_what_a_target_failed_at_counts_against_it(code: str) -> None:
    breaker = Breaker()
    breaker.note([(TARGET, Outcome(ok=False, code=code, reason="It failed.", retryable=True))] * OPENS_AFTER, NOW)
    assert breaker.open_targets == {TARGET}


def test_after_a_pause_a_target_is_half_open_until_it_answers() -> None:
    breaker = Breaker()
    breaker.note([(TARGET, FAILED)] * OPENS_AFTER, NOW)
    assert (breaker.open_targets, breaker.half_open) == ({TARGET}, set())
    later = NOW + timedelta(seconds=FIRST_PAUSE_SECONDS)
    breaker.refresh(later)
    assert (breaker.open_targets, breaker.half_open) == (set(), {TARGET})
    breaker.note([(TARGET, ANSWERED)], later)
    assert (breaker.open_targets, breaker.half_open) == (set(), set())


def test_a_pause_that_ended_long_ago_holds_nobody_back() -> None:
    breaker = Breaker()
    breaker.note([(TARGET, FAILED)] * OPENS_AFTER, NOW)
    breaker.refresh(NOW + timedelta(hours=2))
    assert (breaker.open_targets, breaker.half_open) == (set(), set())


def test_failures_that_could_not_be_counted_are_counted_the_next_time(monkeypatch: pytest.MonkeyPatch) -> None:
    def unable(*_: object) -> None:
        raise OperationalError("no answer")

    breaker = Breaker()
    with monkeypatch.context() as patched:
        patched.setattr(circuits, "_add_failures", unable)
        with pytest.raises(OperationalError):
            breaker.note([(TARGET, FAILED)] * 3, NOW)
    breaker.refresh(NOW)
    assert TargetState.objects.get().consecutive_failures == 3
    breaker.refresh(NOW)
    assert TargetState.objects.get().consecutive_failures == 3


@pytest.mark.django_db(transaction=True)
def test_hosts_that_tell_of_the_same_targets_do_not_wait_for_each_other() -> None:
    both = threading.Barrier(2)

    def tell(failed: str, healed: str) -> None:
        breaker = Breaker()
        try:
            for _ in range(30):
                breaker.refresh(NOW)
                both.wait(30)
                breaker.note([(failed, FAILED), (healed, ANSWERED)], NOW)
                breaker.note([(healed, FAILED)], NOW)
        finally:
            both.abort()
            connections.close_all()

    with ThreadPoolExecutor(2) as threads:
        told = [threads.submit(tell, *pair) for pair in (("a", "b"), ("b", "a"))]
    for one in told:
        assert not isinstance(one.exception(), OperationalError)
