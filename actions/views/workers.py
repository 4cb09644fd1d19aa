"""Whether anybody is there to do the work: said on pages that wait for a worker, instead of spinning."""

from actions.engine.heartbeat import heard_of
from actions.engine.steady_time import read_clock
from actions.models import Heartbeat

SILENT_SECONDS = 30.0


def is_anybody_working() -> bool:
    return Heartbeat.objects.filter(heard_of(read_clock(), SILENT_SECONDS)).exists()
