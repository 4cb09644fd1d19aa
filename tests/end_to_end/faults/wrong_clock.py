"""A worker whose clock is as many seconds off as the file CLOCK_OFFSET_FILE says: `python -m …wrong_clock worker …`.

In place of a clock that is really set, which would be that of the whole machine; libfaketime cannot leave uptime alone
for Python's time.sleep.
"""

import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from django.core.management import execute_from_command_line

from reactions_project import clock

_OFFSET = Path(os.environ.get("CLOCK_OFFSET_FILE", "offset"))
_right = time.time


def set_clock(offset: Path, seconds: int) -> None:
    """Set the clocks that go by the file. By renaming, for they may read it at any moment, and never find half of it."""
    beside = offset.with_suffix(".next")
    beside.write_text(str(seconds))
    beside.replace(offset)


def _wrong() -> float:
    return _right() + float(_OFFSET.read_text())


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "reactions_project.settings")
    time.time = _wrong
    clock.now = lambda: datetime.fromtimestamp(_wrong(), UTC)
    execute_from_command_line(["manage.py", *sys.argv[1:]])
