"""Tells workers that rows are due: a coalesced NOTIFY on PostgreSQL, a Unix datagram on SQLite. May be lost.

Correctness never depends on it: workers look every half second anyway.
"""

import asyncio
import contextlib
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from django.db import connection, transaction

from reactions_project.run_dir import run_dir

if TYPE_CHECKING:
    from reactions_project.notify import Listening

_PREFIX = "wake-"


def rows_due() -> None:
    """Wake the workers once the present transaction has committed."""
    if not any(waiting[1] is send for waiting in connection.run_on_commit):
        transaction.on_commit(send, robust=True)


def send() -> None:
    """Wake the workers now. Never raises and never waits for anybody."""
    if connection.vendor == "postgresql":
        # Here, so that its driver is loaded where there is one.
        from reactions_project import notify

        notify.notifier().poke()
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


class Listener:
    """Sets `due` in an event loop whenever somebody wakes us."""

    def __init__(self, due: asyncio.Event) -> None:
        self._due = due
        self._loop = asyncio.get_running_loop()
        self._socket: socket.socket | None = None
        self._path: Path | None = None
        self._listening: Listening | None = None

    def open(self) -> None:
        if connection.vendor == "postgresql":
            from reactions_project import notify

            self._listening = notify.Listening(self._due)
            self._listening.open()
        else:
            self._bind()

    async def aclose(self) -> None:
        if self._socket is not None:
            self._loop.remove_reader(self._socket)
            self._socket.close()
        if self._path is not None:
            self._path.unlink(missing_ok=True)
        if self._listening is not None:
            await self._listening.aclose()

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
