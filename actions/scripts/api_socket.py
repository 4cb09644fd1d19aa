"""Serves the management API to one run over a Unix socket, so that scripts reach it without any network (SEC-53).

It serves whatever WSGI application it is given. One thread per request, few at a time, since only one script talks.
"""

import contextlib
import http.server
import os
import socketserver
import sys
import threading
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import unquote_to_bytes
from wsgiref.handlers import SimpleHandler

from actions.scripts.base import InvalidJobError, WSGIApplication

LONGEST_BODY = 1024 * 1024
MOST_AT_ONCE = 8
_TIMEOUT = 30
_LONGEST_SOCKET_PATH = 107


class ApiSocket:
    """Use as a context manager, or `start` and `close` it. `after_request` runs in the thread that served, for letting
    go of what that thread holds, such as database connections."""

    def __init__(self, path: Path, wsgi_app: WSGIApplication, after_request: Callable[[], None] = lambda: None) -> None:
        if len(os.fsencode(path)) > _LONGEST_SOCKET_PATH:
            raise InvalidJobError(f"The path {path} is too long for a socket: choose a shorter work root.")
        self.path = path
        self._server = _Server(path, wsgi_app, after_request)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), daemon=True, name="reactions-api"
        )

    def start(self) -> None:
        self._thread.start()

    def __enter__(self) -> "ApiSocket":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Takes no further requests; those under way are cut off from their client."""
        if self._thread.ident is not None:
            self._server.shutdown()
            self._thread.join()
        self._server.close()
        self.path.unlink(missing_ok=True)


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 16

    def __init__(self, path: Path, application: WSGIApplication, after_request: Callable[[], None]) -> None:
        self.application = application
        self.after_request = after_request
        self.free = threading.BoundedSemaphore(MOST_AT_ONCE)
        self._open: set[Any] = set()
        self._lock = threading.Lock()
        super().__init__(str(path), _Handler)
        path.chmod(0o600)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.free.acquire()
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.after_request()
            with self._lock:
                self._open.discard(request)
            self.free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A script that goes away in the middle of an answer is nothing to report."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

    def close(self) -> None:
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(2)
        self.server_close()


class _Handler(http.server.BaseHTTPRequestHandler):
    """One request per connection."""

    server: _Server
    protocol_version = "HTTP/1.0"
    default_request_version = "HTTP/1.0"
    timeout = _TIMEOUT

    def handle_one_request(self) -> None:
        self.raw_requestline = self.rfile.readline(65537)
        self.close_connection = True
        if len(self.raw_requestline) > 65536:
            self.requestline = self.request_version = self.command = ""
            self.send_error(HTTPStatus.REQUEST_URI_TOO_LONG)
            return
        if not self.raw_requestline or not self.parse_request():
            return
        if "Transfer-Encoding" in self.headers:
            self.send_error(HTTPStatus.LENGTH_REQUIRED)
            return
        length = self.headers.get("Content-Length", "0")
        if not (length.isascii() and length.isdigit()):
            self.send_error(HTTPStatus.BAD_REQUEST)
            return
        if int(length) > LONGEST_BODY:
            self.send_error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            return
        environ = self._environ(int(length))
        body: Any = _Body(self.rfile, int(length))
        out: Any = self.wfile
        handler = _Response(body, out, sys.stderr, environ, multithread=True, multiprocess=False)
        handler.run(self.server.application)

    def _environ(self, length: int) -> dict[str, str]:
        path, _, query = self.path.partition("?")
        environ = {
            "REQUEST_METHOD": self.command,
            "SCRIPT_NAME": "",
            "PATH_INFO": _unquote(path),
            "QUERY_STRING": query,
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(length),
        }
        for name, value in self.headers.items():
            # A name with an underscore would pass for another header.
            if "_" not in name and name.lower() not in _OWN_HEADERS:
                environ["HTTP_" + name.upper().replace("-", "_")] = value.strip()
        environ["HTTP_HOST"] = "localhost"
        return environ

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are logged by the application, not here."""


# Who asks and which way is known here; a script may not claim otherwise.
_OWN_HEADERS = {
    "host",
    "content-type",
    "content-length",
    "connection",
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-real-ip",
}


class _Body:
    """Reads the body and not a byte beyond, where waiting would never end."""

    def __init__(self, source: Any, length: int) -> None:
        self._source = source
        self._left = length

    def read(self, size: int = -1) -> bytes:
        return self._take(self._source.read, size)

    def readline(self, size: int = -1) -> bytes:
        return self._take(self._source.readline, size)

    def readlines(self, hint: int = -1) -> list[bytes]:
        del hint
        return list(self)

    def __iter__(self) -> Any:
        return iter(self.readline, b"")

    def _take(self, read: Callable[[int], bytes], size: int) -> bytes:
        data = read(self._left if size is None or size < 0 else min(size, self._left))
        self._left -= len(data)
        return data


class _Response(SimpleHandler):
    server_software = "Reactions"
    http_version = "1.1"
    wsgi_run_once = False


def _unquote(path: str) -> str:
    """As WSGI wants it: octets as Latin-1 characters."""
    return unquote_to_bytes(path).decode("latin-1")
