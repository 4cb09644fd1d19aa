"""When a failed attempt is tried again."""

import pytest

from actions.retry import SCHEDULE_SECONDS, schedule_problem, wait_before


def longest(low: float, high: float) -> float:
    return high


def shortest(low: float, high: float) -> float:
    return low


def test_the_default_schedule_is_eight_tries_in_about_a_day() -> None:
    assert len(SCHEDULE_SECONDS) == 7
    assert 0.75 < sum(SCHEDULE_SECONDS) / 86_400 < 1.25


@pytest.mark.parametrize("attempt", range(1, 8))
def test_waits_grow_and_jitter_stays_within_them(attempt: int) -> None:
    base = SCHEDULE_SECONDS[attempt - 1]
    assert wait_before(attempt, None, longest) == base
    assert wait_before(attempt, None, shortest) == base / 10


def test_beyond_the_schedule_its_last_wait_repeats() -> None:
    assert wait_before(19, None, longest) == SCHEDULE_SECONDS[-1]


def test_sec_44_retry_after_is_obeyed_up_to_an_hour() -> None:
    assert wait_before(1, 120, shortest) == 120
    assert wait_before(1, 99_999, shortest) == 3_600
    assert wait_before(1, -5, longest) == SCHEDULE_SECONDS[0]


def test_an_action_may_have_a_schedule_of_its_own() -> None:
    waits = [wait_before(attempt, None, longest, [2, 10.5]) for attempt in (1, 2, 3)]
    assert waits == [2, 10.5, 10.5]


@pytest.mark.parametrize("schedule", [[], [1], [86_400], [1.5, 60] * 9])
def test_a_schedule_that_can_be(schedule: list[float]) -> None:
    assert schedule_problem(schedule) == ""


@pytest.mark.parametrize(
    "schedule", [None, 5, "1,2", [0], [0.5], [86_401], [-1], ["1"], [True], [None], [1] * 20, [float("nan")]]
)
def test_a_schedule_that_cannot_be(schedule: object) -> None:
    assert "Write" in schedule_problem(schedule) or "write" in schedule_problem(schedule)
