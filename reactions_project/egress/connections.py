"""Connections of urllib3 that keep a deadline for the whole exchange and a cap on the header block (SEC-42).

Timeouts of sockets are for one read or write; a peer that sends a byte a second never meets them. So these sockets
set what is left of the exchange before each.
"""

import http.client
import math
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from reactions_project.egress.answers import TOO_LARGE_HEAD
from reactions_project.egress.policy import MAX_HEADER_BYTES, EgressProtocolError

# What a buffered reader may take beyond the head.
_READ_AHEAD = 8_192


class Exchange:
    """What one hop may use, and what was seen on the way."""

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self.resolve: float | None = None
        self.connect: float | None = None
        self.tls: float | None = None
        self.peer = ""

    def left(self) -> float:
        """Seconds until the deadline; raises TimeoutError when it has passed."""
        seconds = self.deadline - time.monotonic()
        if seconds <= 0:
            raise TimeoutError("The deadline has passed.")
        return seconds


Dial = Callable[[str, int], socket.socket]


class _Timed:
    """Mixed into a socket. `head` counts bytes while a header block is read, else it is None."""

    deadline = math.inf
    head: int | None = None

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        self._arm()
        count: int = super().recv_into(*args, **kwargs)  # type: ignore[misc]
        if self.head is not None:
            self.head += count
            if not count:
                # http.client would take the end of the stream for the end of the headers.
                raise ConnectionResetError("The target closed the connection before it had answered")
            if self.head > MAX_HEADER_BYTES + _READ_AHEAD:
                raise EgressProtocolError(TOO_LARGE_HEAD)
        return count

    def send(self, *args: Any, **kwargs: Any) -> int:
        self._arm()
        count: int = super().send(*args, **kwargs)  # type: ignore[misc]
        return count

    def sendall(self, *args: Any, **kwargs: Any) -> None:
        self._arm()
        super().sendall(*args, **kwargs)  # type: ignore[misc]

    def _arm(self) -> None:
        if self.deadline != math.inf:
            left = self.deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError("The deadline has passed.")
            self.settimeout(left)  # type: ignore[attr-defined]


class TimedSocket(_Timed, socket.socket):
    """For http, and beneath the handshake of https."""


class TimedTlsSocket(_Timed, ssl.SSLSocket):
    """For https: set as the `sslsocket_class` of a context."""


class _Response(http.client.HTTPResponse):
    def _read_status(self) -> tuple[str, int, str]:
        """Skip interim answers (RFC 9110 §15.2); http.client would take a 103 for the answer and leave the real one
        to the next request of the connection."""
        while True:
            version, status, reason = super()._read_status()  # type: ignore[misc]
            if not 102 <= status < 200:
                return version, status, reason
            http.client.parse_headers(self.fp)


def pools(current: Callable[[], Exchange], dial: Dial) -> dict[str, Any]:
    """Pool classes by scheme: their connections are made by `dial` and belong to the thread's current exchange."""
    return {
        "http": _pool(HTTPConnectionPool, _connection(HTTPConnection, current, dial)),
        "https": _pool(HTTPSConnectionPool, _connection(HTTPSConnection, current, dial)),
    }


def _pool(base: Any, connection: Any) -> Any:
    return type(base.__name__, (base,), {"ConnectionCls": connection})


def _connection(base: Any, current: Callable[[], Exchange], dial: Dial) -> Any:
    class Checked(base):  # type: ignore[misc]
        response_class = _Response

        def _new_conn(self) -> socket.socket:
            return dial(self.host.strip("[]"), self.port)

        def connect(self) -> None:
            started = time.monotonic()
            super().connect()
            exchange = current()
            if isinstance(self.sock, ssl.SSLSocket):
                exchange.tls = time.monotonic() - started - (exchange.resolve or 0) - (exchange.connect or 0)
            self._begin()

        def request(self, *args: Any, **kwargs: Any) -> None:
            if self.sock is not None:
                self._begin()
            super().request(*args, **kwargs)

        def getresponse(self) -> Any:
            # The connection may let go of its socket in there, while the answer still reads from it.
            sock = self.sock
            answer = super().getresponse()
            sock.head = None
            return answer

        def _begin(self) -> None:
            exchange = current()
            self.sock.deadline, self.sock.head = exchange.deadline, 0
            exchange.peer = str(self.sock.getpeername()[0])

    return Checked
