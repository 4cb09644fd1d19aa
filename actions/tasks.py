"""What django-q2 calls, by name."""

from actions.engine import slices
from actions.models import Attempt, Decision, LogChunk, Run
from actions.retention import clean_up
from reactions_project import queue, worker_life
from reactions_project.sqlite import statistics
from triggers.models import Event


def dispatch_slice(cluster: str) -> None:
    with queue.slice_of(cluster):
        slices.dispatch_slice(cluster)


def keep_house() -> dict[str, int]:
    deleted = clean_up()
    statistics.refresh((Event, Decision, Run, Attempt, LogChunk))
    return deleted


worker_life.when_told(slices.stop_now)
