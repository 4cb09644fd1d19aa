"""The workers' hot path: aiohttp under the policy. One instance per event loop; connections are pooled and kept alive.

The resolver is where addresses are checked, so the address that passed is the one that is connected (SEC-41).
"""

import asyncio
import functools
import ipaddress
import socket
import ssl
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import aiohttp
import yarl
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_proto import ResponseHandler

from reactions_project.egress.answers import TOO_LARGE_HEAD, Body, check_head
from reactions_project.egress.policy import (
    DEADLINE_SECONDS,
    MAX_HEADER_BYTES,
    MAX_HEADERS,
    EgressConnectionError,
    EgressError,
    EgressProtocolError,
    EgressRefused,
    EgressRequest,
    EgressResponse,
    EgressTimeout,
    EgressTlsError,
    EgressUnresolved,
    Policy,
    Timings,
)
from reactions_project.egress.tls import ssl_context

Resolve = Callable[[str, int], Awaitable[list[str]]]
# A host that does not answer a connection by then is down; the rest of the deadline is for its answer.
_CONNECT_SECONDS = 5.0
# A name that was moved is found again soon, and a batch of sends asks once.
_DNS_SECONDS = 5
# The loop's own executor has a handful of threads; a few names whose servers hang would stop all others.
_LOOKUPS = 32
_KEPT_CONTEXTS = 64


def _getaddrinfo(host: str, port: int) -> list[str]:
    return list(dict.fromkeys(str(row[4][0]) for row in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))


class AsyncEgress:
    """`await send(request)` gives an EgressResponse or raises an EgressError. Caps are the caller's business."""

    def __init__(self, policy: Policy, resolve: Resolve | None = None) -> None:
        self._policy = policy
        self._lookups = ThreadPoolExecutor(_LOOKUPS, thread_name_prefix="resolve")
        self._resolver = _CheckedResolver(policy, resolve or self._look_up)
        # What the policy says of an address stays so; refusals are not kept.
        self._check_literal = functools.lru_cache(1_024)(functools.partial(_check_literal, policy))
        self._ssl_context = functools.lru_cache(_KEPT_CONTEXTS)(ssl_context)
        self._session = aiohttp.ClientSession(
            connector=_Connector(
                limit=0,
                resolver=self._resolver,
                ttl_dns_cache=_DNS_SECONDS,
                keepalive_timeout=30,
                happy_eyeballs_delay=0.25,
            ),
            response_class=_Response,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            max_line_size=MAX_HEADER_BYTES,
            max_field_size=MAX_HEADER_BYTES,
            max_headers=MAX_HEADERS,
            # What is sent without being asked for is the policy's, the same for both clients.
            skip_auto_headers=("User-Agent", "Content-Type", "Accept", "Accept-Encoding"),
            timeout=aiohttp.ClientTimeout(total=None, connect=None, sock_connect=_CONNECT_SECONDS, sock_read=None),
        )

    async def aclose(self) -> None:
        await self._session.close()
        self._lookups.shutdown(wait=False, cancel_futures=True)

    async def send(self, request: EgressRequest) -> EgressResponse:
        """Send and read the answer within the deadline; raises EgressError."""
        started = time.perf_counter()
        deadline = min(request.deadline, DEADLINE_SECONDS)
        try:
            async with asyncio.timeout(deadline):
                return await self._follow(request, started)
        except TimeoutError:
            raise EgressTimeout(
                f"No complete answer within {deadline:g} s: raise the action's timeout or ask the target why."
            ) from None

    async def _look_up(self, host: str, port: int) -> list[str]:
        return await asyncio.get_running_loop().run_in_executor(self._lookups, _getaddrinfo, host, port)

    async def _follow(self, request: EgressRequest, started: float) -> EgressResponse:
        hops = 0
        while True:
            answer = await self._exchange(request, started)
            if answer.status < 300 or answer.status > 399:
                return answer
            location = next((value for name, value in answer.headers if name.lower() == "location"), "")
            following = self._policy.redirected(request, answer.status, location, hops)
            if following is None:
                return answer
            request, hops = following, hops + 1

    async def _exchange(self, request: EgressRequest, started: float) -> EgressResponse:
        wire = self._policy.wire(request)
        origin = wire.origin
        self._check_literal(origin.host, origin.port)
        begun = time.perf_counter()
        try:
            secure = origin.scheme == "https"
            async with self._session.request(
                wire.method,
                yarl.URL(wire.url, encoded=True),
                headers=wire.headers,
                data=request.body or None,
                allow_redirects=False,
                ssl=self._ssl_context(request.client_certificate, request.ca_bundle) if secure else True,
            ) as response:
                first_byte = time.perf_counter()
                headers = tuple(
                    (name.decode("latin-1"), value.decode("latin-1")) for name, value in response.raw_headers
                )
                check_head(response.status, headers)
                body = await _read(response)
                handler: _Handler = response.handler  # type: ignore[attr-defined]
        except EgressError:
            raise
        except aiohttp.ClientError as error:
            raise _translated(error, str(origin)) from None
        except (OSError, ValueError) as error:
            if isinstance(error, TimeoutError):
                raise
            raise EgressConnectionError(f"The connection to {origin} failed: {_plain(error)}.") from None
        resolve, connect, tls = _phases(
            handler, begun, self._resolver.ended.get((origin.host, origin.port), 0.0), secure
        )
        return EgressResponse(
            status=response.status,
            reason=response.reason or "",
            headers=headers,
            body=body.kept,
            truncated=body.truncated,
            url=wire.url,
            timings=Timings(time.perf_counter() - started, connect, first_byte - started, resolve, tls),
            peer=handler.peer,
        )


class _CheckedResolver(AbstractResolver):
    """`ended` says when a name was last looked up."""

    def __init__(self, policy: Policy, resolve: Resolve) -> None:
        self._policy = policy
        self._resolve = resolve
        self.ended: dict[tuple[str, int], float] = {}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        addresses = await self._resolve(host, port)
        if not addresses:
            raise OSError("The name has no address.")
        if len(self.ended) > 1_000:
            self.ended.clear()
        self.ended[host, port] = time.perf_counter()
        # One bad address among good ones is how a name is made to point inside: refuse them all.
        return [
            ResolveResult(
                hostname=host,
                host=str(self._policy.check_address(address, port)),
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in addresses
        ]

    async def close(self) -> None:
        """Nothing is held."""


class _Handler(ResponseHandler):
    """A connection that knows its peer and its age, and gives up on a head that does not end.

    aiohttp limits single headers and their number; together these would allow several megabytes.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        # Made when TCP is connected, called by connection_made when TLS stands too.
        self.tcp_at = self.tls_at = time.perf_counter()
        self.peer = ""
        self._head: int | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.tls_at = time.perf_counter()
        name = transport.get_extra_info("peername")
        self.peer = str(name[0]) if name else ""

    def set_response_params(self, **params: Any) -> None:
        self._head = 0
        super().set_response_params(**params)

    def feed_data(self, data: Any, size: int = 0) -> None:
        # A message with its head complete; interim ones are followed by another.
        self._head = None if data[0].code >= 200 else 0
        super().feed_data(data, size)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._head is not None:
            self._head += len(data)
            if self._head > MAX_HEADER_BYTES and self.transport is not None:
                self.set_exception(EgressProtocolError(TOO_LARGE_HEAD))
                self.transport.close()


class _Connector(aiohttp.TCPConnector):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._factory = functools.partial(_Handler, self._loop)  # type: ignore[assignment]


class _Response(aiohttp.ClientResponse):
    async def start(self, connection: Any) -> aiohttp.ClientResponse:
        # The connection is let go of as soon as the body is there.
        self.handler: _Handler = connection.protocol
        return await super().start(connection)


def _phases(
    handler: _Handler, begun: float, resolved: float, secure: bool
) -> tuple[float | None, float | None, float | None]:
    """Seconds to resolve, connect and agree on TLS; None for what this exchange found done."""
    if handler.tcp_at < begun:
        return None, None, None
    looked_up = begun <= resolved <= handler.tcp_at
    return (
        resolved - begun if looked_up else None,
        handler.tcp_at - (resolved if looked_up else begun),
        handler.tls_at - handler.tcp_at if secure else None,
    )


async def _read(response: aiohttp.ClientResponse) -> Body:
    """What is behind the first 256 KiB is not read, so the connection is not used again."""
    body = Body(response.headers.get("Content-Encoding", ""))
    while chunk := await response.content.readany():
        if body.feed(chunk):
            response.close()
            break
    return body


def _check_literal(policy: Policy, host: str, port: int) -> None:
    """aiohttp does not ask its resolver about a numeric host."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return
    policy.check_address(address, port)


def _translated(error: aiohttp.ClientError, origin: str) -> EgressError:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, EgressError):
            return cause
        if isinstance(cause, ssl.SSLError | ssl.CertificateError):
            return EgressTlsError(f"TLS with {origin} failed: {_plain(cause)[:200]}.")
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientSSLError):
        return EgressTlsError(f"TLS with {origin} failed: {_plain(error)[:200]}.")
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return EgressUnresolved(f"The name of {origin} has no address: check the host of the URI.")
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return EgressTimeout(f"No connection to {origin} in time: ask the target's owner whether it is up.")
    if isinstance(error, aiohttp.ClientPayloadError):
        return EgressConnectionError(f"The connection to {origin} broke before the whole answer was there.")
    if isinstance(error, aiohttp.ClientResponseError):
        return EgressProtocolError(
            f"The answer of {origin} is not readable HTTP: {' '.join(error.message.split())[:200]}."
        )
    if isinstance(error, aiohttp.InvalidURL):
        return EgressRefused("The address cannot be read: write it as https://host/path.")
    return EgressConnectionError(f"The connection to {origin} failed: {_plain(error)[:200]}.")


def _plain(error: BaseException) -> str:
    inner = getattr(error, "os_error", None) or error
    return " ".join(str(getattr(inner, "strerror", None) or inner or type(inner).__name__).split()).rstrip(".")
