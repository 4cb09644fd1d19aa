"""When a failed attempt is tried again (SEC-44). Pure: the random number comes in as an argument."""

from collections.abc import Callable, Sequence
from typing import Any

MAX_RETRY_AFTER_SECONDS = 3_600.0
# Waits before the second, third … try. Eight tries in about a day.
SCHEDULE_SECONDS = (5.0, 60.0, 300.0, 1_800.0, 7_200.0, 21_600.0, 43_200.0)
# A schedule of an action's own: from how short to how long a wait may be, and how many there may be.
SHORTEST_SECONDS, LONGEST_SECONDS, MOST_WAITS = 1, 86_400, 19


def schedule_problem(schedule: Any) -> str:
    """What is wrong with a schedule of an action's own, "" when nothing is; an empty one means the default."""
    if not isinstance(schedule, list) or len(schedule) > MOST_WAITS:
        return f"Write the waits before the second, third … try as a list of at most {MOST_WAITS} numbers of seconds."
    for wait in schedule:
        if (
            isinstance(wait, bool)
            or not isinstance(wait, int | float)
            or not SHORTEST_SECONDS <= wait <= LONGEST_SECONDS
        ):
            return f"{wait!r} is no wait: write {SHORTEST_SECONDS} to {LONGEST_SECONDS} seconds."
    return ""


def wait_before(
    attempt: int,
    retry_after: float | None,
    uniform: Callable[[float, float], float],
    schedule: Sequence[float] = (),
) -> float:
    """Seconds from the end of try number `attempt` (from 1) to the next: the schedule (an empty one is the default)
    with jitter, but never sooner than a target's Retry-After, of which at most an hour is obeyed. Beyond the schedule
    the last wait repeats."""
    waits = schedule or SCHEDULE_SECONDS
    base = waits[min(attempt, len(waits)) - 1]
    # Full jitter, yet not at once: a floor of a tenth keeps a broken target from being asked again immediately.
    wait = uniform(base / 10, base)
    if retry_after is not None:
        wait = max(wait, min(max(retry_after, 0.0), MAX_RETRY_AFTER_SECONDS))
    return wait
