"""The synchronous client, on requests: connection tests, pollers, catalogue calls. Same policy, same results as aio.py.

requests-hardened guards addresses and redirects in a like way; it has no deadline for the whole exchange, no cap on a
decoded body and no per-request certificate, which SEC-40 and SEC-42 ask for, so a small adapter of our own does it.
"""

import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable
from typing import Any

import requests
import requests.adapters
import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

from reactions_project.egress.policy import (
    KEPT_BODY_BYTES,
    MAX_HEADER_BYTES,
    EgressConnectionError,
    EgressError,
    EgressProtocolError,
    EgressRequest,
    EgressResponse,
    EgressTimeout,
    EgressTlsError,
    EgressUnresolved,
    Policy,
    Timings,
)
from reactions_project.egress.tls import ssl_context

Resolve = Callable[[str, int], list[str]]
_CONNECT_SECONDS = 5.0


def _getaddrinfo(host: str, port: int) -> list[str]:
    return list(dict.fromkeys(str(row[4][0]) for row in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))


class SyncEgress:
    """`send(request)` gives an EgressResponse or raises an EgressError. Safe to share between threads."""

    def __init__(self, policy: Policy, resolve: Resolve = _getaddrinfo) -> None:
        self._policy = policy
        self._resolve = resolve
        self._local = threading.local()

    def send(self, request: EgressRequest) -> EgressResponse:
        started = time.monotonic()
        hops = 0
        while True:
            answer = self._exchange(request, started)
            location = next((value for name, value in answer.headers if name.lower() == "location"), "")
            following = self._policy.redirected(request, answer.status, location, hops)
            if following is None:
                return answer
            request, hops = following, hops + 1

    def _exchange(self, request: EgressRequest, started: float) -> EgressResponse:
        origin = self._policy.check_request(request)
        deadline = started + request.deadline
        watchdog = _Watchdog(deadline)
        session = self._session(request)
        try:
            with (
                watchdog,
                session.request(
                    request.method,
                    request.url,
                    headers=dict(request.headers),
                    data=request.body or None,
                    allow_redirects=False,
                    stream=True,
                    timeout=(min(_CONNECT_SECONDS, request.deadline), max(0.01, deadline - time.monotonic())),
                ) as response,
            ):
                watchdog.watch(response.raw)
                first_byte = time.monotonic()
                headers = tuple(response.raw.headers.items())
                if sum(len(name) + len(value) for name, value in headers) > MAX_HEADER_BYTES:
                    raise EgressProtocolError("The answer's headers are larger than 64 KiB.")
                body, truncated = _body(response, deadline)
                if truncated:
                    response.raw.close()
        except EgressError:
            raise
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            if time.monotonic() >= deadline:
                raise _too_late(request) from None
            raise _translated(error, str(origin)) from None
        return EgressResponse(
            status=response.status_code,
            reason=response.reason or "",
            headers=headers,
            body=body,
            truncated=truncated,
            url=request.url,
            timings=Timings(time.monotonic() - started, None, first_byte - started),
        )

    def _session(self, request: EgressRequest) -> requests.Session:
        """One per thread and certificate pair, so that connections are kept alive and never mixed."""
        sessions: dict[Any, requests.Session] = self._local.__dict__.setdefault("sessions", {})
        key = (request.client_certificate, request.ca_bundle)
        if key not in sessions:
            session = requests.Session()
            # No proxies, no netrc, no environment certificates; no cookies between requests.
            session.trust_env = False
            session.headers.clear()
            session.headers["Accept-Encoding"] = "identity"
            session.cookies.set_policy(_NoCookies())
            session.mount("http://", _Adapter(self._policy, self._resolve, None))
            session.mount("https://", _Adapter(self._policy, self._resolve, ssl_context(*key)))
            sessions[key] = session
        return sessions[key]


class _NoCookies(requests.cookies.cookielib.DefaultCookiePolicy):  # type: ignore[name-defined,misc]
    def set_ok(self, cookie: Any, request: Any) -> bool:
        return False

    def return_ok(self, cookie: Any, request: Any) -> bool:
        return False


class _Adapter(requests.adapters.HTTPAdapter):
    def __init__(self, policy: Policy, resolve: Resolve, context: Any) -> None:
        self._policy, self._resolve, self._context = policy, resolve, context
        super().__init__(pool_connections=20, pool_maxsize=20, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        if self._context is not None:
            kwargs["ssl_context"] = self._context
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {
            "http": _pool(urllib3.HTTPConnectionPool, HTTPConnection, self._connect),
            "https": _pool(urllib3.HTTPSConnectionPool, HTTPSConnection, self._connect),
        }

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """The context verifies; requests' own bundle is not asked."""

    def build_connection_pool_key_attributes(self, request: Any, verify: Any, cert: Any = None) -> Any:
        host, attributes = super().build_connection_pool_key_attributes(request, verify, cert)
        pool: dict[str, Any] = dict(attributes)
        for name in ("ca_certs", "ca_cert_dir", "cert_file", "key_file", "cert_reqs"):
            pool.pop(name, None)
        return host, pool

    def _connect(self, host: str, port: int, timeout: float | None) -> socket.socket:
        """Resolve once, check every address, connect one of those that were checked (SEC-41)."""
        try:
            addresses = self._resolve(host.strip("[]"), port)
        except OSError:
            raise EgressUnresolved(f"The name {host} has no address: check the host of the URI.") from None
        checked = [self._policy.check_address(address, port) for address in addresses]
        problem: OSError | None = None
        for address in checked:
            try:
                connection = socket.create_connection((str(address), port), timeout)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            except OSError as error:
                problem = error
            else:
                return connection
        raise EgressConnectionError(f"No connection to {host}:{port}: {_plain(problem) if problem else 'no address'}.")


def _pool(pool: Any, connection: Any, connect: Callable[[str, int, float | None], socket.socket]) -> Any:
    class Checked(connection):  # type: ignore[misc]
        def _new_conn(self) -> socket.socket:
            timeout = self.timeout if isinstance(self.timeout, int | float) else _CONNECT_SECONDS
            return connect(self._dns_host, self.port, timeout)

    return type(pool.__name__, (pool,), {"ConnectionCls": Checked})


class _Watchdog:
    """Closes the connection at the deadline, however slowly bytes drip in (SEC-42: per exchange, not per read)."""

    def __init__(self, deadline: float) -> None:
        self._deadline = deadline
        self._timer: threading.Timer | None = None

    def watch(self, raw: Any) -> None:
        connection = getattr(raw, "_connection", None)
        self._timer = threading.Timer(max(0.0, self._deadline - time.monotonic()), _shut, (connection,))
        self._timer.daemon = True
        self._timer.start()

    def __enter__(self) -> "_Watchdog":
        return self

    def __exit__(self, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()


def _shut(connection: Any) -> None:
    if connection is not None and connection.sock is not None:
        try:
            connection.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            return


def _body(response: requests.Response, deadline: float) -> tuple[bytes, bool]:
    encoding = response.headers.get("Content-Encoding", "").strip().lower()
    decoder = zlib.decompressobj(wbits=47) if encoding in {"gzip", "x-gzip", "deflate"} else None
    kept = bytearray()
    for chunk in response.raw.stream(16_384, decode_content=False):
        if time.monotonic() >= deadline:
            raise requests.Timeout
        if decoder is None:
            kept += chunk
        else:
            try:
                kept += decoder.decompress(chunk, KEPT_BODY_BYTES + 1 - len(kept))
            except zlib.error:
                raise EgressProtocolError("The answer says that it is compressed, but it cannot be read.") from None
        if len(kept) > KEPT_BODY_BYTES:
            return bytes(kept[:KEPT_BODY_BYTES]), True
    return bytes(kept), False


def _too_late(request: EgressRequest) -> EgressTimeout:
    return EgressTimeout(
        f"No complete answer within {request.deadline:g} s: raise the action's timeout or ask the target why."
    )


def _translated(error: Exception, origin: str) -> EgressError:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, EgressError):
            return cause
        if isinstance(cause, ssl.SSLError):
            return EgressTlsError(f"TLS with {origin} failed: {_plain(cause)[:200]}.")
        inner = (getattr(cause, "reason", None), *cause.args, cause.__cause__, cause.__context__)
        cause = next((one for one in inner if isinstance(one, BaseException)), None)
    if isinstance(error, requests.exceptions.SSLError):
        return EgressTlsError(f"TLS with {origin} failed: {_plain(error)[:200]}.")
    if isinstance(error, requests.Timeout):
        return EgressTimeout(f"No answer from {origin} in time.")
    if isinstance(error, requests.exceptions.InvalidHeader | requests.exceptions.ContentDecodingError):
        return EgressProtocolError(f"The answer of {origin} is not readable HTTP.")
    return EgressConnectionError(f"The connection to {origin} failed: {_plain(error)[:200]}.")


def _plain(error: BaseException) -> str:
    return str(getattr(error, "strerror", None) or error or type(error).__name__).rstrip(".")
