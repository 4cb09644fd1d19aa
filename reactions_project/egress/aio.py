"""The workers' hot path: aiohttp under the policy. One instance per event loop; connections are pooled and kept alive.

The resolver is where addresses are checked, so the address that passed is the one that is connected (SEC-41).
"""

import asyncio
import ipaddress
import socket
import ssl
import time
import zlib
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from reactions_project.egress.policy import (
    KEPT_BODY_BYTES,
    MAX_HEADER_BYTES,
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
_CONNECT_SECONDS = 5.0
_DNS_SECONDS = 5


async def _getaddrinfo(host: str, port: int) -> list[str]:
    rows = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(row[4][0]) for row in rows))


class _CheckedResolver(AbstractResolver):
    def __init__(self, policy: Policy, resolve: Resolve) -> None:
        self._policy = policy
        self._resolve = resolve

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        addresses = await self._resolve(host, port)
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


class AsyncEgress:
    """`await send(request)` gives an EgressResponse or raises an EgressError. Caps are the caller's business."""

    def __init__(self, policy: Policy, resolve: Resolve = _getaddrinfo) -> None:
        self._policy = policy
        self._session = self._new_session(_CheckedResolver(policy, resolve))
        self._ssl: dict[tuple[bytes | None, bytes | None], ssl.SSLContext] = {}

    def _new_session(self, resolver: AbstractResolver) -> aiohttp.ClientSession:
        trace = aiohttp.TraceConfig()
        trace.on_connection_create_start.append(_mark("connect_start"))
        trace.on_connection_create_end.append(_mark("connect_end"))
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0, resolver=resolver, ttl_dns_cache=_DNS_SECONDS, keepalive_timeout=30, happy_eyeballs_delay=0.25
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            max_line_size=MAX_HEADER_BYTES,
            max_field_size=MAX_HEADER_BYTES,
            max_headers=1_000,
            trace_configs=[trace],
            timeout=aiohttp.ClientTimeout(total=None, connect=None, sock_connect=_CONNECT_SECONDS, sock_read=None),
        )

    async def aclose(self) -> None:
        await self._session.close()

    async def send(self, request: EgressRequest) -> EgressResponse:
        """Send and read the answer within the deadline; raises EgressError."""
        started = time.perf_counter()
        try:
            async with asyncio.timeout(request.deadline):
                return await self._follow(request, started)
        except TimeoutError:
            raise EgressTimeout(
                f"No complete answer within {request.deadline:g} s: raise the action's timeout or ask the target why."
            ) from None

    async def _follow(self, request: EgressRequest, started: float) -> EgressResponse:
        hops = 0
        while True:
            answer = await self._exchange(request, started)
            location = next((value for name, value in answer.headers if name.lower() == "location"), "")
            following = self._policy.redirected(request, answer.status, location, hops)
            if following is None:
                return answer
            request, hops = following, hops + 1

    async def _exchange(self, request: EgressRequest, started: float) -> EgressResponse:
        origin = self._policy.check_request(request)
        literal = _literal(origin.host)
        if literal is not None:
            # aiohttp does not ask its resolver about a numeric host.
            self._policy.check_address(literal, origin.port)
        marks: dict[str, float] = {}
        try:
            async with self._session.request(
                request.method,
                request.url,
                headers=list(request.headers),
                data=request.body or None,
                allow_redirects=False,
                ssl=self._ssl_context(request) if origin.scheme == "https" else True,
                skip_auto_headers=("User-Agent", "Content-Type", "Accept"),
                trace_request_ctx=marks,
            ) as response:
                first_byte = time.perf_counter()
                headers = tuple(
                    (name.decode("latin-1"), value.decode("latin-1")) for name, value in response.raw_headers
                )
                if sum(len(name) + len(value) for name, value in headers) > MAX_HEADER_BYTES:
                    raise EgressProtocolError("The answer's headers are larger than 64 KiB.")
                body, truncated = await _body(response)
        except EgressError:
            raise
        except aiohttp.ClientError as error:
            raise _translated(error, str(origin)) from None
        except (OSError, ValueError) as error:
            if isinstance(error, TimeoutError):
                raise
            raise EgressConnectionError(f"The connection to {origin} failed: {_plain(error)}.") from None
        now = time.perf_counter()
        connected = marks.get("connect_end", 0.0) - marks.get("connect_start", 0.0)
        return EgressResponse(
            status=response.status,
            reason=response.reason or "",
            headers=headers,
            body=body,
            truncated=truncated,
            url=request.url,
            timings=Timings(now - started, connected if "connect_end" in marks else None, first_byte - started),
        )

    def _ssl_context(self, request: EgressRequest) -> ssl.SSLContext:
        key = (request.client_certificate, request.ca_bundle)
        context = self._ssl.get(key)
        if context is None:
            context = self._ssl[key] = ssl_context(*key)
        return context


async def _body(response: aiohttp.ClientResponse) -> tuple[bytes, bool]:
    """At most 256 KiB, decoded; what is behind that is not read, so the connection is not used again."""
    encoding = response.headers.get("Content-Encoding", "").strip().lower()
    decoder = zlib.decompressobj(wbits=47) if encoding in {"gzip", "x-gzip", "deflate"} else None
    kept = bytearray()
    async for chunk in response.content.iter_chunked(65_536):
        if decoder is None:
            kept += chunk
        else:
            try:
                kept += decoder.decompress(chunk, KEPT_BODY_BYTES + 1 - len(kept))
            except zlib.error:
                raise EgressProtocolError("The answer says that it is compressed, but it cannot be read.") from None
        if len(kept) > KEPT_BODY_BYTES:
            response.close()
            return bytes(kept[:KEPT_BODY_BYTES]), True
    return bytes(kept), False


def _literal(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _mark(name: str) -> Any:
    async def mark(session: Any, context: Any, params: Any) -> None:
        context.trace_request_ctx[name] = time.perf_counter()

    return mark


def _translated(error: aiohttp.ClientError, origin: str) -> EgressError:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, EgressRefused):
            return cause
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientSSLError):
        return EgressTlsError(f"TLS with {origin} failed: {_plain(error)}.")
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return EgressUnresolved(f"The name of {origin} has no address: check the host of the URI.")
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return EgressTimeout(f"No connection to {origin} within {_CONNECT_SECONDS:g} s.")
    if isinstance(error, aiohttp.ClientResponseError | aiohttp.ClientPayloadError):
        return EgressProtocolError(f"The answer of {origin} is not readable HTTP: {_plain(error)[:200]}.")
    if isinstance(error, aiohttp.InvalidURL):
        return EgressRefused("The address cannot be read: write it as https://host/path.")
    return EgressConnectionError(f"The connection to {origin} failed: {_plain(error)}.")


def _plain(error: BaseException) -> str:
    inner = getattr(error, "os_error", None) or error
    return str(getattr(inner, "strerror", None) or inner or type(inner).__name__).rstrip(".")
