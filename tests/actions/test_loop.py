"""The engine of one process, in this process, when its database fails it for a moment."""

import asyncio
import math
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, OperationalError, connection, connections

from actions.engine import breaker, claimer, loop
from actions.engine.breaker import LONGEST_PAUSE_SECONDS, OPENS_AFTER, PROBES, Breaker
from actions.engine.loop import Engine
from actions.engine.matching import match_due
from actions.kinds.base import Outcome
from actions.models import Attempt, Run, TargetState
from reactions_project import clock
from tests.factories import ActionFactory, ReactionFactory
from tests.fakes.receiver import Answer, Received, Receiver
from triggers.ledger import EventData, record
from triggers.models import Event

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    settings.REACTIONS_ALLOW_PRIVATE_ADDRESSES = "127.0.0.1/32"
    with Receiver() as running:
        yield running


def happen(receiver: Receiver, times: int = 1, **action: Any) -> None:
    config = {"method": "POST", "url": f"{receiver.url}/mark"}
    reaction = ReactionFactory(action=ActionFactory(config=config, **action))
    for _ in range(times):
        record(EventData(type="DeploymentSucceeded", source="catalog", project=reaction.project, payload={}))


def work_until(is_done: Callable[[], bool], cluster: str = "http") -> None:
    """Let an engine run as a worker's slices do."""

    def look() -> bool:
        try:
            return is_done()
        finally:
            connections.close_all()

    async def go() -> None:
        engine = Engine(cluster)
        engine.permit_until = math.inf
        try:
            for _ in range(300):
                await engine.run_for(0.05)
                if await asyncio.to_thread(look):
                    return
            raise AssertionError("it never came to that")
        finally:
            await engine.stop(5)

    asyncio.run(go())


def all_succeeded(count: int) -> Callable[[], bool]:
    return lambda: Run.objects.filter(status="succeeded").count() == count


def failing(times: int, function: Callable[..., Any], error: type[DatabaseError]) -> Callable[..., Any]:
    left = [times]

    def fail(*args: Any) -> Any:
        if left[0]:
            left[0] -= 1
            raise error("no answer")
        return function(*args)

    return fail


@pytest.mark.parametrize("name", ["loaded", "hold", "earlier_of", "make_ready"])
@pytest.mark.parametrize("is_fresh", [True, False], ids=["fresh", "queued"])
def test_claimed_runs_begin_once_when_the_database_failed_before_they_were_ready(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, name: str, is_fresh: bool
) -> None:
    happen(receiver, 3)
    if not is_fresh:
        match_due()
    monkeypatch.setattr(claimer, name, failing(2, getattr(claimer, name), OperationalError))
    work_until(all_succeeded(3))
    assert len(receiver.requests) == 3
    assert {run.attempt_count for run in Run.objects.all()} == {1}
    assert {attempt.outcome for attempt in Attempt.objects.all()} == {"ok"}


def test_what_is_queued_is_sent_while_new_events_cannot_be_decided(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    happen(receiver, 250)
    while match_due().events:
        pass
    happen(receiver)
    monkeypatch.setattr(claimer, "match_due", failing(10_000, match_due, DatabaseError))
    work_until(all_succeeded(250))
    assert {attempt.outcome for attempt in Attempt.objects.all()} == {"ok"}
    assert Event.objects.filter(matched_at=None).count() == 1


def test_what_could_not_begin_before_a_stop_goes_back_into_the_queue(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    happen(receiver, 3)
    match_due()
    monkeypatch.setattr(claimer, "make_ready", failing(10_000, claimer.make_ready, OperationalError))
    work_until(lambda: Run.objects.filter(status="running").count() == 3)
    assert {(run.status, run.attempt_count) for run in Run.objects.all()} == {("queued", 0)}


def test_new_events_are_decided_while_a_backlog_is_worked_off(receiver: Receiver) -> None:
    happen(receiver, 150)
    while match_due().events:
        pass
    happen(receiver)
    work_until(all_succeeded(151))
    assert len(receiver.requests) == 151


def test_one_result_that_the_database_refuses_fails_alone(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    happen(receiver, 7)
    match_due()
    bad = Run.objects.order_by("pk")[3].pk
    carry_out = loop.carry_out

    async def spoilt(ready: Any, *args: Any) -> Any:
        finished = await carry_out(ready, *args)
        if ready.run.pk != bad:
            return finished
        return replace(finished, outcome=replace(finished.outcome, http_status=-1, outputs={"Id": "7"}))

    monkeypatch.setattr(loop, "carry_out", spoilt)
    work_until(lambda: not Run.objects.filter(status__in=("queued", "running")).exists())
    assert len(receiver.requests) == 7
    assert Run.objects.filter(status="succeeded").count() == 6
    failed = Run.objects.get(status="failed")
    assert (failed.pk, failed.outcome, failed.outputs, failed.attempt_count) == (bad, "unwritable", {}, 1)
    assert "could not be stored: the database refused it" in failed.reason
    assert str(failed.uid) in failed.reason
    assert failed.attempts.get().outcome == "unwritable"


def test_results_are_written_late_when_the_database_was_away_for_a_moment(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    happen(receiver, 3)
    monkeypatch.setattr(loop, "flush", failing(2, loop.flush, OperationalError))
    work_until(all_succeeded(3))
    assert len(receiver.requests) == 3


def test_while_nothing_can_be_written_no_more_is_sent_than_may_be_sent_twice(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    happen(receiver, 100)
    while match_due().events:
        pass
    monkeypatch.setattr(loop, "HELD_AT_MOST", 60)
    may_write = threading.Event()
    flush = loop.flush
    monkeypatch.setattr(loop, "flush", lambda *args: may_write.wait(60) and flush(*args))
    seen: list[int] = []

    def stays_at_the_bound() -> bool:
        """For three times as long as an engine waits that was not woken."""
        seen.append(len(receiver.requests))
        if seen.count(60) > 30 or seen[-1] > 60:
            may_write.set()
        return Run.objects.filter(status="succeeded").count() == 100

    work_until(stays_at_the_bound)
    assert seen.count(60) > 30
    assert len(receiver.requests) == 100


def decided(receiver: Receiver, times: int) -> str:
    """So many runs, each with one try; their target."""
    happen(receiver, times, max_attempts=1)
    while match_due().events:
        pass
    return Run.objects.latest("pk").target_key


# More than are sent while the first answers are being written.
MANY = 600


def test_a_target_that_fails_is_left_alone_by_this_engine_and_by_every_other(receiver: Receiver) -> None:
    receiver.respond = lambda _: Answer(503)
    with Receiver() as other:
        target = decided(receiver, MANY)
        work_until(lambda: TargetState.objects.filter(open_until__isnull=False).exists())
        asked = len(receiver.requests)
        assert OPENS_AFTER <= asked < MANY
        assert TargetState.objects.get().target_key == target
        decided(other, 3)
        # Another worker, which nobody has told anything.
        work_until(all_succeeded(3))
        assert len(receiver.requests) == asked
        assert Run.objects.filter(status="queued", target_key=target).count() == MANY - asked


def test_of_a_target_whose_pause_is_over_a_few_runs_are_let_through_until_it_answers(receiver: Receiver) -> None:
    may_answer = threading.Event()
    waiting: list[int] = []

    def respond(_: Received) -> Answer:
        waiting.append(1)
        may_answer.wait(30)
        return Answer()

    receiver.respond = respond
    target = decided(receiver, 20)
    now = clock.now()
    TargetState.objects.create(
        target_key=target, consecutive_failures=10, open_until=now - timedelta(seconds=1), updated_at=now
    )
    seen: list[int] = []

    def stays_at_a_few() -> bool:
        """For three times as long as an engine waits that was not woken."""
        seen.append(len(waiting))
        if seen.count(PROBES) > 30 or seen[-1] > PROBES:
            may_answer.set()
        return all_succeeded(20)()

    work_until(stays_at_a_few)
    assert seen.count(PROBES) > 30
    assert not TargetState.objects.exists()


def test_results_are_written_once_though_what_they_say_of_the_target_could_not_be(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.respond = lambda _: Answer(503)
    decided(receiver, 3)
    monkeypatch.setattr(breaker, "_add_failures", failing(1, breaker._add_failures, OperationalError))
    work_until(lambda: TargetState.objects.filter(consecutive_failures=3).exists())
    assert "dropped" not in caplog.text
    assert Run.objects.filter(status="failed", outcome="http_503").count() == 3
    assert len(receiver.requests) == 3


def test_a_host_whose_clock_is_ahead_closes_no_target_for_longer_than_others_would(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("On SQLite there is one machine, and one clock.")
    monkeypatch.setattr(clock, "now", lambda: datetime.now(UTC) + timedelta(hours=1))
    receiver.respond = lambda _: Answer(503)
    decided(receiver, OPENS_AFTER)
    work_until(lambda: TargetState.objects.filter(open_until__isnull=False).exists())
    assert TargetState.objects.get().open_until < datetime.now(UTC) + timedelta(seconds=LONGEST_PAUSE_SECONDS)


def test_a_host_whose_clock_is_ahead_leaves_alone_what_others_closed(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("On SQLite there is one machine, and one clock.")
    with Receiver() as other:
        target = decided(receiver, 5)
        failed = Outcome(ok=False, code="timeout", reason="No answer.", retryable=True)
        Breaker().note([(target, failed)] * OPENS_AFTER, clock.now() + timedelta(seconds=60))
        monkeypatch.setattr(clock, "now", lambda: datetime.now(UTC) + timedelta(hours=1))
        decided(other, 3)
        work_until(all_succeeded(3))
        assert receiver.requests == []


def test_scripts_have_as_many_slots_as_there_are_cores_unless_a_number_is_set(settings: Any) -> None:
    settings.REACTIONS_SCRIPT_SLOTS = 0
    assert Engine("scripts").slots == os.cpu_count()
    settings.REACTIONS_SCRIPT_SLOTS = 7
    assert Engine("scripts").slots == 7


def test_an_engine_of_scripts_that_has_nothing_to_do_goes_on() -> None:
    looks = iter(range(8))
    work_until(lambda: next(looks) == 7, "scripts")
