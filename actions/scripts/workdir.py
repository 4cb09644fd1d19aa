"""The private folder of one run: 0700, gone when the run ends, and swept at start-up if a crash left it (SEC-56)."""

import contextlib
import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

_PREFIX = "run-"
_LOCK = ".lock"


@contextlib.contextmanager
def work_directory(root: Path) -> Iterator[Path]:
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = root / f"{_PREFIX}{secrets.token_hex(8)}"
    # Born under another name and locked before it takes part in sweeping, so that no sweep sees it unlocked.
    newborn = root / f".{path.name}"
    newborn.mkdir(mode=0o700)
    lock = os.open(newborn / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    newborn.rename(path)
    try:
        yield path
    finally:
        remove(path)
        os.close(lock)


def sweep(root: Path) -> int:
    """Removes folders whose worker is gone. Those of living workers on the same root are locked and left alone."""
    removed = 0
    if not root.is_dir():
        return removed
    for path in root.glob(f"{_PREFIX}*"):
        try:
            lock = os.open(path / _LOCK, os.O_RDWR)
        except FileNotFoundError:
            remove(path)
            removed += 1
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            remove(path)
            removed += 1
        except BlockingIOError:
            continue
        finally:
            os.close(lock)
    return removed


def remove(path: Path) -> None:
    """Also when the script took away its own permissions. Links are removed, never followed."""
    _make_writable(path)
    shutil.rmtree(path, ignore_errors=True)


def _make_writable(folder: Path) -> None:
    waiting = [folder]
    while waiting:
        current = waiting.pop()
        with contextlib.suppress(OSError):
            current.chmod(0o700)
            waiting.extend(Path(entry.path) for entry in os.scandir(current) if entry.is_dir(follow_symlinks=False))
