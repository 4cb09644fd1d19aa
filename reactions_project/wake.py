"""Tells workers that rows are due: a coalesced NOTIFY on PostgreSQL, a Unix datagram on SQLite. May be lost.

Correctness never depends on it: workers look every half second anyway.
"""

import asyncio
import atexit
import contextlib
import os
import socket
import threading
import time
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from django.db import connection, transaction

from reactions_project.run_dir import run_dir

CHANNEL = "reactions_rows_due"
_COALESCE_SECONDS = 0.002
# So long may a process that ends wait for its last wake-up to go out; lost, it would cost a poll, and nothing else.
_LAST_SECONDS = 1.0
_PREFIX = "wake-"


def rows_due() -> None:
    """Wake the workers once the present transaction has committed."""
    if not any(waiting[1] is send for waiting in connection.run_on_commit):
        transaction.on_commit(send, robust=True)


def send() -> None:
    """Wake the workers now. Never raises and never waits for anybody."""
    if connection.vendor == "postgresql":
        _notifier().poke()
    else:
        _send_datagrams()


def _send_datagrams() -> None:
    folder = run_dir()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)
        for name in os.listdir(folder):  # noqa: PTH208
            if not name.startswith(_PREFIX):
                continue
            path = folder / name
            try:
                sender.sendto(b"1", str(path))
            except ConnectionRefusedError:
                # Its process is gone.
                path.unlink(missing_ok=True)
            except OSError:
                # A full buffer means that it has been woken already.
                continue


class _Notifier:
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
_current: _Notifier | None = None


def _notifier() -> _Notifier:
    global _current
    with _lock:
        # A fork takes the object along but not its thread.
        if _current is None or _current.pid != os.getpid():
            _current = _Notifier()
        return _current


def connect() -> "psycopg.Connection[Any]":
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


class Listener:
    """Sets `due` in an event loop whenever somebody wakes us; after an error it listens again and sets `due` once, so
    that nothing sent meanwhile is missed."""

    def __init__(self, due: asyncio.Event) -> None:
        self._due = due
        self._loop = asyncio.get_running_loop()
        self._socket: socket.socket | None = None
        self._path: Path | None = None
        self._database: psycopg.Connection[Any] | None = None
        self._closed = False

    def open(self) -> None:
        if connection.vendor == "postgresql":
            self._listen()
        else:
            self._bind()

    def close(self) -> None:
        self._closed = True
        if self._socket is not None:
            self._loop.remove_reader(self._socket)
            self._socket.close()
        if self._path is not None:
            self._path.unlink(missing_ok=True)
        self._hang_up()

    def _bind(self) -> None:
        self._path = run_dir() / f"{_PREFIX}{os.getpid()}.sock"
        self._path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind(str(self._path))
        self._loop.add_reader(self._socket, self._drain)

    def _drain(self) -> None:
        assert self._socket is not None
        with contextlib.suppress(BlockingIOError):
            while self._socket.recv(16):
                pass
        self._due.set()

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
