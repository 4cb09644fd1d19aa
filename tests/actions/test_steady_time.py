"""Leases go by a time that nobody can set."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from actions.engine.steady_time import SteadyTime, mend_future, read_clock
from actions.models import Run
from reactions_project import clock
from tests.actions.views.ledgers import event_of, run_of
from tests.factories import ReactionFactory

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


class Uptime:
    seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


def test_it_goes_on_with_the_uptime_and_not_with_the_clock() -> None:
    uptime = Uptime()
    steady = SteadyTime(NOON, uptime)
    uptime.seconds += 90
    assert steady.now() == NOON + timedelta(seconds=90)


@pytest.mark.parametrize(("set_by", "told"), [(3600.0, 3600.0), (-3600.0, -3600.0), (0.4, 0.0), (-0.4, 0.0)])
def test_a_clock_that_was_set_is_noticed_and_one_that_is_corrected_is_followed(set_by: float, told: float) -> None:
    uptime = Uptime()
    steady = SteadyTime(NOON, uptime)
    uptime.seconds += 2
    reading = NOON + timedelta(seconds=2 + set_by)
    assert steady.follow(reading) == pytest.approx(told)
    assert steady.now() == reading
    assert steady.follow(reading) == 0


@pytest.mark.django_db
def test_the_time_of_leases_is_the_databases() -> None:
    assert abs((read_clock() - clock.now()).total_seconds()) < 60


@pytest.mark.django_db
def test_after_a_clock_was_set_back_nothing_waits_for_the_former_time() -> None:
    former = NOON + timedelta(hours=1)
    reaction = ReactionFactory()
    event = event_of(reaction.project, type="ReleaseCreated")
    numbers = itertools.count(1)

    def made(status: str = "queued", **fields: Any) -> Run:
        return run_of(event, reaction, status, sequence=next(numbers), **fields)

    fresh = made(due_at=former, created_at=former)
    paced = made(due_at=NOON + timedelta(minutes=1), created_at=NOON - timedelta(minutes=1))
    retried = made(due_at=former, created_at=former, attempt_count=1)
    leased = made("running", lease_until=former, lease_token="somebody")
    short = made("running", lease_until=NOON + timedelta(seconds=5), lease_token="other")
    assert mend_future("http", NOON, 30) == 2
    due = dict(Run.objects.values_list("pk", "due_at"))
    assert due[fresh.pk] == NOON
    assert due[paced.pk] == paced.due_at
    assert due[retried.pk] == former
    until = dict(Run.objects.values_list("pk", "lease_until"))
    assert until[leased.pk] == NOON + timedelta(seconds=30)
    assert until[short.pk] == short.lease_until
