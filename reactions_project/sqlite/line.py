"""Whose turn it is to write to a SQLite file.

SQLite has one writer at a time and lets the others look again after 1, 2, 5, 10 … 100 ms, so that beside a busy writer
somebody waits for long by bad luck. Here they stand in a line: the threads of a process for each other, and processes
for a lock on a file beside the database. It is a courtesy: what is right is decided by SQLite's own locks, so whoever
cannot have a turn goes without one.
"""

import fcntl
import os
import threading
import time
from contextlib import suppress

# A turn is a transaction, and those are short; whoever holds one for longer is a shell or a stopped process.
PATIENCE_SECONDS = 5.0
_LOOK_SECONDS = 0.0003


class Turn:
    """One writer's; ends with `end`, or with the object."""

    def __init__(self, line: "Line") -> None:
        self._line: Line | None = line

    def end(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            line.leave()

    def __del__(self) -> None:
        self.end()


class Line:
    """For one database file, in one process. The lock is the process's and not inherited, so it ends with whoever is
    killed; it is on one descriptor that is never closed, since closing any other would end it too."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._threads = threading.Lock()
        self._file: int | None = None

    def turn(self, patience: float = PATIENCE_SECONDS) -> Turn | None:
        """Waits at most so many seconds; None when it was not to be had."""
        deadline = time.monotonic() + patience
        if not self._threads.acquire(timeout=patience):
            return None
        try:
            if self._file is None:
                self._file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
            while not self._is_ours(self._file):
                if time.monotonic() > deadline:
                    self._threads.release()
                    return None
                time.sleep(_LOOK_SECONDS)
        except OSError:
            # A full disk, or a folder that may not be written: the database itself will say so.
            self._threads.release()
            return None
        except BaseException:
            self._threads.release()
            raise
        return Turn(self)

    def leave(self) -> None:
        if self._file is not None:
            fcntl.lockf(self._file, fcntl.LOCK_UN)
        self._threads.release()

    def forget(self) -> None:
        """In a forked child: the line is its parent's, and so is a turn that it was forked in."""
        file, self._file = self._file, None
        if file is not None:
            os.close(file)

    @staticmethod
    def _is_ours(file: int) -> bool:
        with suppress(BlockingIOError, PermissionError):
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        return False


_lines: dict[str, Line] = {}


def line_of(database: str) -> Line:
    """The line of this process for a database file."""
    return _lines.setdefault(database, Line(f"{database}-line"))


def _after_fork() -> None:
    for line in _lines.values():
        line.forget()
    _lines.clear()


os.register_at_fork(after_in_child=_after_fork)
