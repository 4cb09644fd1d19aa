"""NOTIFY and LISTEN on PostgreSQL, for wake.py: what is lost costs a poll and nothing else."""

import asyncio
import atexit
import contextlib
import os
import threading
import time
from typing import Any

import psycopg
from django.db import connection

CHANNEL = "reactions_rows_due"
# As long as a worker takes for what it was woken for.
_COALESCE_SECONDS = 0.002
# So long may a process that ends wait for its last wake-up to go out.
_LAST_SECONDS = 1.0
# Unless the database's options say another time.
_CONNECT_SECONDS = 5
_AGAIN_SECONDS = 0.5


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
                        database = psycopg.connect(**parameters())
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


def parameters() -> dict[str, Any]:
    """Django's own, so that the options of DATABASE_URL (sslmode, say) hold for these connections too."""
    ours = {"autocommit": True, "cursor_factory": None}
    return {"connect_timeout": _CONNECT_SECONDS, **connection.get_connection_params(), **ours}


class Listening:
    """Sets `due` whenever somebody notifies; after an error it listens again and sets `due` once, so that nothing sent
    meanwhile is missed."""

    def __init__(self, due: asyncio.Event) -> None:
        self._due = due

    def open(self) -> None:
        self._task = asyncio.create_task(self._listen_on(), name="listen")

    async def aclose(self) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _listen_on(self) -> None:
        while True:
            # Connecting may take as long as the server likes; what is in flight on this loop goes on meanwhile.
            with contextlib.suppress(psycopg.Error):
                async with await psycopg.AsyncConnection.connect(**parameters()) as database:
                    await database.execute(f"LISTEN {CHANNEL}")
                    await self._hear(database)
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _hear(self, database: psycopg.AsyncConnection[Any]) -> None:
        """Until the connection breaks. A reader of its socket, since psycopg itself looks ten times a second."""
        loop = asyncio.get_running_loop()
        broken: asyncio.Future[None] = loop.create_future()

        def read() -> None:
            try:
                database.pgconn.consume_input()
                while database.pgconn.notifies():
                    self._due.set()
            except psycopg.Error as error:
                loop.remove_reader(number)
                broken.set_exception(error)

        number = database.fileno()
        loop.add_reader(number, read)
        self._due.set()
        try:
            await broken
        finally:
            loop.remove_reader(number)
