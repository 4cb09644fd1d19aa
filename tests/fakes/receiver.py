"""A local HTTP server on a raw socket: records every request byte for byte and answers as it is told.

with Receiver() as receiver:
    receiver.answers(Answer(503), Answer(200, body=b"ok"))   # in this order, then 200 for ever
    ... send something to receiver.url ...
    assert receiver.requests[0].headers["Content-Type"] == "application/json"
    receiver.wait_for(2)                                     # when the sender is another process
"""

import gzip
import json
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


class Headers(dict[str, str]):
    """Header values by name, in any case."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        super().__init__({name.lower(): value for name, value in pairs})
        self.pairs = pairs

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and super().__contains__(name.lower())


@dataclass(frozen=True)
class Received:
    raw: bytes
    method: str
    path: str
    headers: Headers
    body: bytes
    at: float

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Answer:
    """`delay` seconds before answering; `drip` seconds between single bytes of the body, with `drip_head` of all;
    `hang` never answers; `cut` closes after that many bytes; `raw` is sent instead of everything else."""

    status: int = 200
    body: bytes = b'{"ok": true}'
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "application/json"),)
    delay: float = 0.0
    drip: float = 0.0
    drip_head: bool = False
    hang: bool = False
    cut: int | None = None
    raw: bytes | None = None
    chunked: bool = False

    @classmethod
    def redirect(cls, location: str, status: int = 302) -> "Answer":
        return cls(status, b"", (("Location", location),))

    @classmethod
    def gzipped(cls, body: bytes, status: int = 200) -> "Answer":
        return cls(status, gzip.compress(body), (("Content-Encoding", "gzip"),))


@dataclass
class Receiver:
    """Listens on a free port of 127.0.0.1; `tls` makes it https. Connections are kept alive."""

    tls: ssl.SSLContext | None = None
    host: str = "127.0.0.1"
    requests: list[Received] = field(default_factory=list)
    connections: int = 0
    respond: Callable[[Received], Answer] | None = None

    def __enter__(self) -> "Receiver":
        self._answers: deque[Answer] = deque()
        self._stopping = threading.Event()
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(
            (self.host, 0), family=socket.AF_INET6 if ":" in self.host else socket.AF_INET
        )
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        # Closing alone leaves the port open as long as another thread waits in accept.
        self._quietly(self._listener.shutdown, socket.SHUT_RDWR)
        self._listener.close()
        for connection in list(self._open):
            self._quietly(connection.shutdown, socket.SHUT_RDWR)
            connection.close()

    @staticmethod
    def _quietly(act: Callable[[int], None], argument: int) -> None:
        try:
            act(argument)
        except OSError:
            return

    def wait_for(self, count: int, within: float = 30.0) -> list[Received]:
        """The requests, once there are so many; fails when they do not come."""
        until = time.monotonic() + within
        while len(self.requests) < count:
            assert time.monotonic() < until, f"{len(self.requests)} of {count} requests came within {within:g} s."
            time.sleep(0.02)
        return list(self.requests)

    @property
    def open_connections(self) -> int:
        """Of a sender that has hung up, none once something more was to be sent to it."""
        return len(self._open)

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}"

    def answers(self, *answers: Answer) -> None:
        self._answers.extend(answers)

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.add(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            if self.tls is not None:
                plain, connection = connection, self.tls.wrap_socket(connection, server_side=True)
                self._open.discard(plain)
                self._open.add(connection)
            with connection, connection.makefile("rb") as stream:
                while (request := _read(stream)) is not None and not self._stopping.is_set():
                    answer = self._next(request)
                    self.requests.append(request)
                    if not self._send(connection, request, answer):
                        return
        except (OSError, ValueError):
            return
        finally:
            self._open.discard(connection)

    def _next(self, request: Received) -> Answer:
        if self.respond is not None:
            return self.respond(request)
        return self._answers.popleft() if self._answers else Answer()

    def _send(self, connection: socket.socket, request: Received, answer: Answer) -> bool:
        if answer.hang:
            self._stopping.wait(120)
            return False
        time.sleep(answer.delay)
        if answer.raw is not None:
            connection.sendall(answer.raw)
            return False
        head = f"HTTP/1.1 {answer.status} Answer\r\n"
        for name, value in answer.headers:
            head += f"{name}: {value}\r\n"
        if answer.chunked:
            head += "Transfer-Encoding: chunked\r\n\r\n"
            body = f"{len(answer.body):x}\r\n".encode() + answer.body + b"\r\n0\r\n\r\n"
        else:
            head += f"Content-Length: {len(answer.body)}\r\n\r\n"
            body = answer.body
        if request.method == "HEAD":
            body = b""
        data = head.encode("latin-1") + body
        if answer.cut is not None:
            connection.sendall(data[: answer.cut])
            return False
        if answer.drip:
            at_once = 0 if answer.drip_head else len(data) - len(body)
            connection.sendall(data[:at_once])
            for index in range(at_once, len(data)):
                connection.sendall(data[index : index + 1])
                if self._stopping.wait(answer.drip):
                    return False
            return True
        connection.sendall(data)
        return True


def _read(stream: object) -> Received | None:
    lines: list[bytes] = []
    while True:
        line: bytes = stream.readline(65_537)  # type: ignore[attr-defined]
        if not line:
            return None
        lines.append(line)
        if line in {b"\r\n", b"\n"}:
            break
    method, path, _ = lines[0].decode("latin-1").split(" ", 2)
    pairs = []
    for line in lines[1:-1]:
        name, _, value = line.decode("latin-1").partition(":")
        pairs.append((name, value.strip()))
    headers = Headers(pairs)
    body = stream.read(int(headers["Content-Length"])) if "Content-Length" in headers else b""  # type: ignore[attr-defined]
    return Received(b"".join(lines) + body, method, path, headers, body, time.monotonic())
