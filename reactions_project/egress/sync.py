"""The synchronous client, on requests: connection tests, pollers, catalogue calls. Same policy, same results as aio.py.

requests-hardened (1.3) checks the first address of a name only, and has no deadline for the whole exchange and no
cap on what an answer unpacks to, which SEC-41 and SEC-42 ask for; so this adapter is our own.
"""

import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests
import requests.adapters
import urllib3

from reactions_project.egress.answers import Body, check_head
from reactions_project.egress.connections import Exchange, TimedSocket, TimedTlsSocket, pools
from reactions_project.egress.policy import (
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
    Wire,
)
from reactions_project.egress.tls import ssl_context

Resolve = Callable[[str, int], list[str]]
_CONNECT_SECONDS = 5.0
_LOOKUPS = 8
_KEPT_ADAPTERS = 32
_Certificates = tuple[bytes | None, bytes | None]


def _getaddrinfo(host: str, port: int) -> list[str]:
    return list(dict.fromkeys(str(row[4][0]) for row in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))


class SyncEgress:
    """`send(request)` gives an EgressResponse or raises an EgressError. Safe to share between threads; connections
    are pooled and kept alive until `close`."""

    def __init__(self, policy: Policy, resolve: Resolve = _getaddrinfo) -> None:
        self._policy = policy
        self._resolve = resolve
        self._thread = threading.local()
        self._lock = threading.Lock()
        self._adapters: OrderedDict[_Certificates, _Adapter] = OrderedDict()
        # Looking up a name knows no timeout, so it is waited for from outside.
        self._lookups = ThreadPoolExecutor(_LOOKUPS, thread_name_prefix="resolve")

    def __enter__(self) -> "SyncEgress":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        with self._lock:
            while self._adapters:
                self._adapters.popitem()[1].close()
        self._lookups.shutdown(wait=False, cancel_futures=True)

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
        wire = self._policy.wire(request)
        exchange = self._thread.exchange = Exchange(started + wire.deadline)
        adapter = self._adapter((request.client_certificate, request.ca_bundle))
        try:
            left = exchange.left()
            answer = adapter.send(_prepared(wire, request.body), stream=True, timeout=(left, left)).raw
            try:
                first_byte = time.monotonic()
                headers = tuple((str(name), str(value)) for name, value in answer.headers.items())
                check_head(answer.status, headers)
                body = _read(answer)
                if not body.truncated:
                    answer.release_conn()
            finally:
                # Closes the connection, unless it went back to its pool.
                answer.close()
        except EgressError:
            raise
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            if time.monotonic() >= exchange.deadline:
                raise EgressTimeout(
                    f"No complete answer within {wire.deadline:g} s: raise the action's timeout or ask the target why."
                ) from None
            raise _translated(error, str(wire.origin)) from None
        return EgressResponse(
            status=answer.status,
            reason=answer.reason or "",
            headers=headers,
            body=body.kept,
            truncated=body.truncated,
            url=wire.url,
            timings=Timings(
                total=time.monotonic() - started,
                connect=exchange.connect,
                first_byte=first_byte - started,
                resolve=exchange.resolve,
                tls=exchange.tls,
            ),
            peer=exchange.peer,
        )

    def _adapter(self, certificates: _Certificates) -> "_Adapter":
        """One per pair of certificates, so that connections made with one are never used for another."""
        with self._lock:
            adapter = self._adapters.pop(certificates, None) or _Adapter(
                ssl_context(*certificates), lambda: self._thread.exchange, self._dial
            )
            self._adapters[certificates] = adapter
            if len(self._adapters) > _KEPT_ADAPTERS:
                self._adapters.popitem(last=False)[1].close()
            return adapter

    def _dial(self, host: str, port: int) -> socket.socket:
        """Resolve once, check every address, connect one of those that were checked (SEC-41)."""
        exchange: Exchange = self._thread.exchange
        started = time.monotonic()
        addresses = self._addresses(host, port, exchange)
        resolved = time.monotonic()
        problem: OSError | None = None
        # One bad address among good ones is how a name is made to point inside: refuse them all.
        for address in [self._policy.check_address(address, port) for address in addresses]:
            connection = TimedSocket(socket.AF_INET6 if address.version == 6 else socket.AF_INET, socket.SOCK_STREAM)
            try:
                connection.settimeout(min(_CONNECT_SECONDS, exchange.left()))
                connection.connect((str(address), port))
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection.settimeout(min(_CONNECT_SECONDS, exchange.left()))
            except OSError as error:
                connection.close()
                problem = error
            else:
                exchange.resolve, exchange.connect = resolved - started, time.monotonic() - resolved
                return connection
        if isinstance(problem, TimeoutError):
            raise EgressTimeout(f"No connection to {host}:{port} in time: ask the target's owner whether it is up.")
        raise EgressConnectionError(f"No connection to {host}:{port}: {_plain(problem) if problem else 'no address'}.")

    def _addresses(self, host: str, port: int, exchange: Exchange) -> list[str]:
        try:
            return [str(ipaddress.ip_address(host))]
        except ValueError:
            pass
        lookup = self._lookups.submit(self._resolve, host, port)
        try:
            addresses = lookup.result(exchange.left())
        except TimeoutError:
            lookup.cancel()
            raise
        except (OSError, UnicodeError):
            addresses = []
        if not addresses:
            raise EgressUnresolved(f"The name {host} has no address: check the host of the URI.")
        return addresses


class _Prepared(requests.PreparedRequest):
    target: str


def _prepared(wire: Wire, body: bytes) -> _Prepared:
    """By hand: requests' own preparation rewrites the URL and keeps one of several headers of a name only."""
    headers = urllib3.HTTPHeaderDict(wire.headers)
    if body or wire.method not in {"GET", "HEAD", "OPTIONS"}:
        headers.add("Content-Length", str(len(body)))
    prepared = _Prepared()
    prepared.method, prepared.url, prepared.target = wire.method, wire.url, wire.target
    prepared.headers = headers  # type: ignore[assignment]
    prepared.body = body or None
    return prepared


class _Adapter(requests.adapters.HTTPAdapter):
    """Used without a session: one would read redirects' bodies whole, look at the environment and keep cookies."""

    def __init__(self, context: ssl.SSLContext, current: Callable[[], Exchange], dial: Any) -> None:
        context.sslsocket_class = TimedTlsSocket
        self._context, self._pools = context, pools(current, dial)
        super().__init__(pool_connections=20, pool_maxsize=20, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, ssl_context=self._context, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def request_url(self, request: Any, proxies: Any) -> str:
        target: str = request.target
        return target

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """The context verifies; requests' own bundle is not asked."""

    def build_connection_pool_key_attributes(self, request: Any, verify: Any, cert: Any = None) -> Any:
        host, attributes = super().build_connection_pool_key_attributes(request, verify, cert)
        pool: dict[str, Any] = dict(attributes)
        for name in ("ca_certs", "ca_cert_dir", "cert_file", "key_file", "cert_reqs"):
            pool.pop(name, None)
        return host, pool

    def build_response(self, request: Any, answer: Any) -> requests.Response:
        """Only what is read of it here; cookies are not looked at."""
        response = requests.Response()
        response.raw = answer
        return response


def _read(answer: Any) -> Body:
    body = Body(answer.headers.get("Content-Encoding", ""))
    for chunk in answer.stream(16_384, decode_content=False):
        if body.feed(chunk):
            break
    return body


def _translated(error: Exception, origin: str) -> EgressError:
    for cause in _causes(error):
        if isinstance(cause, EgressError):
            return cause
        if isinstance(cause, ssl.SSLError):
            return EgressTlsError(f"TLS with {origin} failed: {_plain(cause)[:200]}.")
        if isinstance(cause, ConnectionError | http.client.IncompleteRead | urllib3.exceptions.InvalidChunkLength):
            return EgressConnectionError(f"The connection to {origin} broke: {_plain(cause)[:200]}.")
        if isinstance(cause, http.client.HTTPException):
            return EgressProtocolError(f"The answer of {origin} is not readable HTTP: {_plain(cause)[:200]}.")
        if isinstance(cause, TimeoutError):
            return EgressTimeout(f"No answer from {origin} in time.")
    return EgressConnectionError(f"The connection to {origin} failed: {_plain(error)[:200]}.")


def _causes(error: BaseException) -> list[BaseException]:
    """The innermost first: requests and urllib3 wrap what happened, in attributes and arguments too."""
    found: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting:
        one = waiting.pop()
        if isinstance(one, BaseException) and all(one is not known for known in found):
            found.append(one)
            waiting += [getattr(one, "reason", None), *one.args, one.__cause__, one.__context__]
    return found[::-1]


def _plain(error: BaseException) -> str:
    return " ".join(str(getattr(error, "strerror", None) or error or type(error).__name__).split()).rstrip(".")
