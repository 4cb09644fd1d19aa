"""Whether the disk has room for more events. On SQLite only: a database server looks after its own disk (SEC-94)."""

import shutil
import time
from functools import lru_cache
from pathlib import Path

from django.conf import settings

_LOOK_EVERY_SECONDS = 5


def is_there_room() -> bool:
    """False when less than the configured share of the data folder's disk is free."""
    if not settings.EMBEDDED:
        return True
    percent = free_percent(settings.DATA_DIR, int(time.monotonic() // _LOOK_EVERY_SECONDS))
    return percent >= settings.REACTIONS_LEAST_FREE_PERCENT


@lru_cache(maxsize=1)
def free_percent(folder: Path, _moment: int) -> float:
    """Remembered for some seconds, since every delivery asks."""
    usage = shutil.disk_usage(folder)
    return 100 * usage.free / usage.total if usage.total else 100.0
