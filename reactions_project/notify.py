"""NOTIFY and LISTEN on PostgreSQL, for wake.py: what is lost costs a poll and nothing else."""

import asyncio
import atexit
import contextlib
import os
import threading
import time
from typing import Any

import psycopg
from django.conf import settings
from django.db import connection

CHANNEL = "reactions_rows_due"
_COALESCE_SECONDS = 0.002
# So long may a process that ends wait for its last wake-up to go out.
_LAST_SECONDS = 1.0


class Notifier:
    """One thread and one connection per process, so that a commit never waits for the NOTIFY's server-wide lock."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self._wanted = threading.Event()
        self._sending = False
        atexit.register(self._last)
        threading.Thread(target=self._run, name="wake", daemon=True).start()

    def poke(self) -> None:
        self._wanted.set()

    def _last(self) -> None:
        # A command that records an event and ends at once would take its wake-up along.
        deadline = time.monotonic() + _LAST_SECONDS
        while self.pid == os.getpid() and (self._wanted.is_set() or self._sending) and time.monotonic() < deadline:
            time.sleep(_COALESCE_SECONDS / 2)

    def _run(self) -> None:
        database: psycopg.Connection[Any] | None = None
        while True:
            self._wanted.wait()
            self._sending = True
            self._wanted.clear()
            for _ in range(2):
                # A connection that broke meanwhile is found out only now, and its successor sends the same.
                try:
                    if database is None or database.closed:
                        database = connect()
                    database.execute(f"NOTIFY {CHANNEL}")
                except psycopg.Error:
                    if database is not None:
                        with contextlib.suppress(psycopg.Error):
                            database.close()
                    database = None
                else:
                    break
            self._sending = False
            # The first goes at once; what comes right behind it goes together.
            time.sleep(_COALESCE_SECONDS)


_lock = threading.Lock()
_current: Notifier | None = None


def notifier() -> Notifier:
    """This process's; made with the first wake-up."""
    global _current
    with _lock:
        # A fork takes the object along but not its thread.
        if _current is None or _current.pid != os.getpid():
            _current = Notifier()
        return _current


def connect() -> psycopg.Connection[Any]:
    """A connection of our own to the configured PostgreSQL, in autocommit."""
    database: dict[str, Any] = settings.DATABASES["default"]
    return psycopg.connect(
        host=database["HOST"] or None,
        port=database["PORT"] or None,
        user=database["USER"] or None,
        password=database["PASSWORD"] or None,
        dbname=connection.settings_dict["NAME"],
        connect_timeout=5,
        autocommit=True,
    )


class Listening:
    """Sets `due` whenever somebody notifies; after an error it listens again and sets `due` once, so that nothing sent
    meanwhile is missed."""

    def __init__(self, due: asyncio.Event) -> None:
        self._due = due
        self._loop = asyncio.get_running_loop()
        self._database: psycopg.Connection[Any] | None = None
        self._closed = False

    def open(self) -> None:
        self._listen()

    def close(self) -> None:
        self._closed = True
        self._hang_up()

    def _listen(self) -> None:
        if self._closed:
            return
        try:
            self._database = connect()
            self._database.execute(f"LISTEN {CHANNEL}")
            self._loop.add_reader(self._database.fileno(), self._notified)
        except psycopg.Error:
            self._hang_up()
            self._loop.call_later(1.0, self._listen)
        self._due.set()

    def _notified(self) -> None:
        assert self._database is not None
        try:
            for _ in self._database.notifies(timeout=0):
                pass
        except psycopg.Error:
            self._hang_up()
            self._loop.call_later(0.5, self._listen)
        self._due.set()

    def _hang_up(self) -> None:
        if self._database is not None:
            with contextlib.suppress(OSError, ValueError, psycopg.Error):
                self._loop.remove_reader(self._database.fileno())
            with contextlib.suppress(psycopg.Error):
                self._database.close()
            self._database = None
