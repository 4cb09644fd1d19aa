"""What django-q2 calls, by name."""

from actions.engine import slices
from actions.retention import clean_up
from reactions_project import queue


def dispatch_slice(cluster: str) -> None:
    with queue.slice_of(cluster):
        slices.dispatch_slice(cluster)


def keep_house() -> dict[str, int]:
    return clean_up()


queue.when_stopping(slices.stop_now)
