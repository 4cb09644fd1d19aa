"""Serves a WSGI application over ASGI, so that a slow sender holds a connection and no thread.

The event loop takes each body in, whole and within limits, before a thread sees the request; with SQLite there is one
such thread in each process, and two slow senders could otherwise stop the server. asgiref's WsgiToAsgi has neither a
limit nor a deadline for bodies, takes a hang-up for an error, and shares one thread with everything else.
"""

import asyncio
import io
import logging
import sys
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import unquote_to_bytes

Scope = Mapping[str, Any]
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Environ = dict[str, Any]
WsgiApplication = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]

Answer = tuple[int, list[tuple[bytes, bytes]], bytes]
# So many are taken in at once; the next ones wait meanwhile. A commit for that many costs as much as for one.
GROUP = 64

log = logging.getLogger("reactions.web")


@dataclass(frozen=True)
class Delivery:
    """A request whose body came whole. Header names are in lower case; values and query string have one character for
    each byte, as WSGI has them."""

    path: bytes
    headers: Mapping[str, str]
    query_string: str
    peer: str
    http_version: str
    body: bytes


class Together(Protocol):
    """What answers some requests several at a time, on a thread."""

    def is_plain(self, method: str, path: bytes, headers: Mapping[str, str], scheme: str) -> bool:
        """Whether this request may be answered together with others. On the event loop: it must be quick."""

    def answer_all(self, deliveries: Sequence[Delivery]) -> list[Answer]:
        """An answer for each."""


class _Groups:
    """Requests that come while others are being answered are answered together, by at most so many threads at once."""

    def __init__(self, together: Together, threads: int) -> None:
        self.is_plain = together.is_plain
        self._answer_all = together.answer_all
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="group")
        self._free = threads
        self._waiting: deque[tuple[Delivery, asyncio.Future[Answer]]] = deque()

    async def answer(self, delivery: Delivery) -> Answer:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answer] = loop.create_future()
        self._waiting.append((delivery, answer))
        if self._free:
            self._free -= 1
            loop.create_task(self._go_on(loop)).add_done_callback(_say_what_broke)
        return await answer

    async def _go_on(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            while self._waiting:
                group = [self._waiting.popleft() for _ in range(min(GROUP, len(self._waiting)))]
                try:
                    answers = await loop.run_in_executor(self._pool, self._answer_all, [one for one, _ in group])
                except Exception as error:
                    for _, answer in group:
                        if not answer.done():
                            answer.set_exception(error)
                    continue
                for (_, answer), made in zip(group, answers, strict=True):
                    # Whoever hung up is not told; what it sent is recorded all the same.
                    if not answer.done():
                        answer.set_result(made)
        finally:
            self._free += 1


def _say_what_broke(task: "asyncio.Task[None]") -> None:
    if not task.cancelled() and (error := task.exception()):
        log.error("a group of requests could not be answered", exc_info=error)


class _Late(Exception):
    """The body did not come in time."""


class _Broken(Exception):
    """The sender hung up in the middle, or sent what is no chunk."""


class _Full(Exception):
    """The bodies that are under way fill the room for them."""


class WsgiOverAsgi:
    """`max_body` is the longest body that any view takes, in bytes: of a longer one the application sees the announced
    length, or one byte too many, and refuses it. `body_seconds` is for a whole body: a megabyte over a slow line;
    `room` for the bytes of all bodies at once: 64 of the largest. Answers are collected before they are sent, so that
    a slow reader holds no thread either. Requests that `together` finds plain are answered in groups."""

    def __init__(
        self,
        application: WsgiApplication,
        *,
        threads: int,
        max_body: int,
        body_seconds: float = 30.0,
        room: int = 67_108_864,
        together: Together | None = None,
        group_threads: int = 1,
    ) -> None:
        self._application = application
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="request")
        # With threads of their own, they wait for nothing else.
        self._groups = _Groups(together, group_threads) if together else None
        self._max_body = max_body
        self._body_seconds = body_seconds
        self._free = room

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        headers = _joined(scope["headers"])
        taken = 0
        try:
            try:
                body = await self._body(headers, receive)
            except _Late:
                await _refuse(send, 408, f"The body did not come within {self._body_seconds:g} seconds: send it again.")
                return
            except _Full:
                await _refuse(send, 503, "Too many requests are under way: send it again in a moment.", retry="1")
                return
            except _Broken:
                await _refuse(send, 400, "The body broke off or cannot be read: send it again.")
                return
            taken = len(body)
            path = (scope.get("raw_path") or scope["path"].encode()).split(b"?")[0]
            groups = self._groups
            if groups and groups.is_plain(scope["method"], path, headers, scope.get("scheme", "http")):
                status, answer_headers, content = await groups.answer(
                    Delivery(
                        path,
                        headers,
                        scope["query_string"].decode("latin-1"),
                        (scope.get("client") or ("",))[0],
                        scope["http_version"],
                        body,
                    )
                )
            else:
                environ = _environ(scope, headers, body)
                status, answer_headers, content = await asyncio.get_running_loop().run_in_executor(
                    self._pool, self._answer, environ
                )
        finally:
            self._free += taken
        await send({"type": "http.response.start", "status": status, "headers": answer_headers})
        await send({"type": "http.response.body", "body": content})

    async def _body(self, headers: Mapping[str, str], receive: Receive) -> bytes:
        """As it came; nothing of one that announces too much, and one byte too many of one that turns out so."""
        length = headers.get("content-length", "")
        if "transfer-encoding" not in headers and (not length or (length.isdigit() and int(length) > self._max_body)):
            return b""
        parts: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(self._body_seconds):
                while size <= self._max_body:
                    message = await receive()
                    if message["type"] != "http.request":
                        raise _Broken
                    part = message.get("body", b"")
                    if len(part) > self._free:
                        raise _Full
                    self._free -= len(part)
                    size += len(part)
                    parts.append(part)
                    if not message.get("more_body"):
                        break
        except BaseException as error:
            self._free += size
            if isinstance(error, TimeoutError):
                raise _Late from error
            raise
        return b"".join(parts)

    def _answer(self, environ: Environ) -> Answer:
        started: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
            started[:] = [int(status[:3]), headers]

        chunks = self._application(environ, start_response)
        try:
            content = b"".join(chunks)
        finally:
            close = getattr(chunks, "close", None)
            if close is not None:
                close()
        status, headers = started
        return (
            status,
            [(name.lower().encode("latin-1"), value.strip().encode("latin-1")) for name, value in headers],
            content,
        )


def _joined(pairs: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """One value for each name, in lower case. Names with an underscore are dropped, since WSGI could not tell them
    from those with a dash."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in pairs:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        if "_" in name:
            continue
        if name in headers:
            value = f"{headers[name]}{'; ' if name == 'cookie' else ','}{value}"
        headers[name] = value
    return headers


def _environ(scope: Scope, headers: Mapping[str, str], body: bytes) -> Environ:
    host, port = scope.get("server") or ("localhost", 80)
    path = scope.get("raw_path")
    environ: Environ = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": (unquote_to_bytes(path.split(b"?")[0]) if path else scope["path"].encode()).decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "SERVER_NAME": host,
        "SERVER_PORT": str(port),
        "REMOTE_ADDR": (scope.get("client") or ("",))[0],
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.get("scheme", "http"),
        "wsgi.input": io.BytesIO(body),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name, value in headers.items():
        key = name.upper().replace("-", "_")
        environ[key if name in {"content-length", "content-type"} else f"HTTP_{key}"] = value
    return environ


async def _refuse(send: Send, status: int, detail: str, retry: str = "") -> None:
    headers = [(b"content-type", b"application/problem+json"), (b"connection", b"close")]
    if retry:
        headers.append((b"retry-after", retry.encode()))
    body = f'{{"type": "about:blank", "status": {status}, "detail": "{detail}"}}'.encode()
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
