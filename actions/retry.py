"""When a failed attempt is tried again (SEC-44). Pure: the random number comes in as an argument."""

from collections.abc import Callable

MAX_RETRY_AFTER_SECONDS = 3_600.0
# Waits before the second, third … try. Eight tries in about a day.
SCHEDULE_SECONDS = (5.0, 60.0, 300.0, 1_800.0, 7_200.0, 21_600.0, 43_200.0)


def wait_before(attempt: int, retry_after: float | None, uniform: Callable[[float, float], float]) -> float:
    """Seconds from the end of try number `attempt` (from 1) to the next: the schedule with jitter, but never
    sooner than a target's Retry-After, of which at most an hour is obeyed. Beyond the schedule
    the last wait repeats."""
    base = SCHEDULE_SECONDS[min(attempt, len(SCHEDULE_SECONDS)) - 1]
    # Full jitter, yet not at once: a floor of a tenth keeps a broken target from being asked again immediately.
    wait = uniform(base / 10, base)
    if retry_after is not None:
        wait = max(wait, min(max(retry_after, 0.0), MAX_RETRY_AFTER_SECONDS))
    return wait
