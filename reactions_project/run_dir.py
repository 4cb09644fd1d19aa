"""Where this host's sockets live. A Unix socket's path holds 107 bytes, so a long data folder gets a short stand-in."""

import hashlib
import os
import tempfile
from pathlib import Path

from django.conf import settings

_LONGEST_NAME = 40


_made: dict[object, Path] = {}


def run_dir() -> Path:
    """The folder of this host's own sockets. The same for every process with the same REACTIONS_RUN_DIR."""
    wanted = settings.REACTIONS_RUN_DIR
    known = _made.get(wanted)
    # Every delivery asks: once made, it only has to be there still.
    if known is None or not known.is_dir():
        known = _made[wanted] = short_dir(Path(wanted))
    return known


def short_dir(wanted: Path) -> Path:
    """The folder, private to this user, or its stand-in under the temporary folder when its path is too long."""
    if len(os.fsencode(wanted)) + _LONGEST_NAME > 107:
        digest = hashlib.sha256(os.fsencode(wanted)).hexdigest()[:16]
        wanted = Path(tempfile.gettempdir()) / f"reactions-{os.getuid()}-{digest}"
    wanted.mkdir(mode=0o700, parents=True, exist_ok=True)
    if wanted.stat().st_uid != os.getuid():
        raise PermissionError(f"{wanted} belongs to another user: set REACTIONS_RUN_DIR to a folder of your own.")
    return wanted
