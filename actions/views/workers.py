"""Whether anybody is there to do the work: said on pages that wait for a worker, instead of spinning."""

from datetime import timedelta

from actions.models import Heartbeat
from reactions_project import clock

SILENT_FOR = timedelta(seconds=30)


def is_anybody_working() -> bool:
    return Heartbeat.objects.filter(beat_at__gte=clock.now() - SILENT_FOR).exists()
