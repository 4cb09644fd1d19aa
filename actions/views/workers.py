"""Whether anybody is there to do the work: said on pages that wait for a worker, instead of spinning."""

from datetime import timedelta

from actions.engine.steady_time import read_clock
from actions.models import Heartbeat

SILENT_FOR = timedelta(seconds=30)


def is_anybody_working() -> bool:
    return Heartbeat.objects.filter(beat_at__gte=read_clock() - SILENT_FOR).exists()
