"""What may be sent where: rules for addresses, URLs, headers and sizes (SEC-40 to SEC-43). Pure: no Django, no sockets.

Both clients (aio.py, sync.py) ask the same policy and put on the wire what it hands back, so a rule is written and
tested once, and what was checked is what is sent.
"""

import ipaddress
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import SplitResult, urljoin

from reactions_project.egress.addresses import (
    AllowedNetwork,
    IPAddress,
    is_internal,
    parse_allow_list,
    plain,
    unwrapped,
)
from reactions_project.egress.messages import (
    DEADLINE_SECONDS,
    EgressConnectionError,
    EgressError,
    EgressProtocolError,
    EgressRefused,
    EgressRequest,
    EgressResponse,
    EgressTimeout,
    EgressTlsError,
    EgressUnresolved,
    Origin,
    Timings,
)
from reactions_project.egress.origins import read_origin, root_of, split_url, target_of

# The one address of this package for its callers.
__all__ = [
    "DEADLINE_SECONDS",
    "DEFAULT_PORTS",
    "KEPT_BODY_BYTES",
    "MAX_HEADERS",
    "MAX_HEADER_BYTES",
    "MAX_REDIRECTS",
    "AllowedNetwork",
    "EgressConnectionError",
    "EgressError",
    "EgressProtocolError",
    "EgressRefused",
    "EgressRequest",
    "EgressResponse",
    "EgressTimeout",
    "EgressTlsError",
    "EgressUnresolved",
    "IPAddress",
    "Origin",
    "Policy",
    "Timings",
    "Wire",
    "check_headers",
    "check_host_limit",
    "check_method",
    "parse_allow_list",
]

DEFAULT_PORTS = frozenset({80, 443, 8080, 8443})
MAX_REDIRECTS = 3
KEPT_BODY_BYTES = 262_144
MAX_HEADER_BYTES = 65_536
# What http.client takes at most; the other client is held to it too.
MAX_HEADERS = 100


class Wire(NamedTuple):
    """A checked request as it is sent. `url` is in normal form: its host is the one that was checked, so that no
    other reading of an odd URL can lead elsewhere."""

    origin: Origin
    method: str
    url: str
    target: str
    headers: list[tuple[str, str]]
    deadline: float


@dataclass(frozen=True)
class Policy:
    """`allowed` overrides the rules for addresses and ports; `own` are this server's own addresses."""

    allowed: tuple[AllowedNetwork, ...] = ()
    own: frozenset[IPAddress] = frozenset()
    ports: frozenset[int] = DEFAULT_PORTS
    _origins: dict[tuple[str, str], Origin] = field(default_factory=dict, compare=False, repr=False)

    def check_url(self, url: str) -> Origin:
        """The origin of a URL that may be tried; raises EgressRefused. Whether its addresses may be connected is asked
        again for each, by check_address."""
        return self._origin(split_url(url))

    def check_address(self, address: str | IPAddress, port: int) -> IPAddress:
        """The address, if a connection to it is allowed; raises EgressRefused (SEC-41)."""
        ip = ipaddress.ip_address(address.split("%")[0]) if isinstance(address, str) else address
        # An exception for an IPv4 network is none for the relays and gateways that would carry a packet there.
        target = plain(ip)
        if any(entry.covers(ip, port) or entry.covers(target, port) for entry in self.allowed):
            return ip
        inner = unwrapped(ip)
        if ip in self.own or inner in self.own:
            raise EgressRefused(f"{ip} is this server itself, which actions may not call: use a script's API client.")
        if is_internal(ip) or is_internal(inner):
            raise EgressRefused(f"{ip} is not a public address: {_how_to_allow(target, port)}")
        if port not in self.ports:
            known = ", ".join(map(str, sorted(self.ports)))
            raise EgressRefused(f"Port {port} is not among {known}: {_how_to_allow(target, port)}")
        return ip

    def check_request(self, request: EgressRequest) -> Origin:
        """Everything that can be told before a name is resolved; raises EgressRefused."""
        return self.wire(request).origin

    def wire(self, request: EgressRequest) -> Wire:
        """The request as it is to be sent, once everything is checked that can be before a name is resolved."""
        check_method(request.method)
        parts = split_url(request.url)
        origin = self._origin(parts)
        check_headers(request.headers)
        check_host_limit(origin, request.allowed_hosts)
        target = target_of(parts)
        return Wire(
            origin=origin,
            method=request.method.upper(),
            url=root_of(origin) + target,
            target=target,
            headers=_complete(request.headers),
            deadline=min(request.deadline, DEADLINE_SECONDS),
        )

    def redirected(self, request: EgressRequest, status: int, location: str, hops: int) -> EgressRequest | None:
        """The request to follow a redirect with, or None when the answer is to be kept as it is (SEC-40).

        Another origin gets no credentials and no headers of the author's own.
        """
        if status not in {301, 302, 303, 307, 308} or not location or hops >= min(request.max_redirects, MAX_REDIRECTS):
            return None
        before = self.check_url(request.url)
        try:
            # Header values are read as Latin-1; addresses beyond ASCII are meant as UTF-8.
            url = urljoin(request.url, location.encode("latin-1", "replace").decode("utf-8", "replace"))
            after = self.check_url(url)
        except (EgressRefused, ValueError) as error:
            why = str(error) if isinstance(error, EgressRefused) else "It cannot be read."
            raise EgressRefused(f"The target redirects to an address that is not followed. {why}") from None
        if before.scheme == "https" and after.scheme == "http":
            raise EgressRefused("The target redirects from https to http, which is not followed.")
        check_host_limit(after, request.allowed_hosts)
        method, body, headers = request.method.upper(), request.body, request.headers
        if (status == 303 and method != "HEAD") or (status in {301, 302} and method == "POST"):
            method, body = "GET", b""
            headers = tuple(pair for pair in headers if not pair[0].lower().startswith("content-"))
        certificate = request.client_certificate
        if before != after:
            headers = tuple(pair for pair in headers if pair[0].lower() in _KEPT_ACROSS_ORIGINS)
            certificate = None
        return replace(request, method=method, url=url, headers=headers, body=body, client_certificate=certificate)

    def _origin(self, parts: SplitResult) -> Origin:
        key = (parts.scheme, parts.netloc)
        if (known := self._origins.get(key)) is not None:
            return known
        origin = read_origin(parts)
        if len(self._origins) > 1_000:
            self._origins.clear()
        self._origins[key] = origin
        return origin


def _how_to_allow(ip: IPAddress, port: int) -> str:
    network = f"[{ip}]/{ip.max_prefixlen}" if ip.version == 6 else f"{ip}/{ip.max_prefixlen}"
    return f"an operator can allow it with REACTIONS_ALLOW_PRIVATE_ADDRESSES={network}:{port}."


_KEPT_ACROSS_ORIGINS = frozenset({"accept", "accept-language", "content-type", "user-agent"})
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# RFC 9110 §5.5: visible ASCII, blank and tab.
_VALUE = re.compile(r"[\t -~]*")
_FORBIDDEN = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer", "expect", "keep-alive"}
)
_DEFAULTS = (("User-Agent", "Reactions"), ("Accept", "*/*"), ("Accept-Encoding", "gzip, deflate"))


@lru_cache(64)
def check_method(method: str) -> None:
    """Raise EgressRefused for what is no method, and for those that open tunnels or echo credentials."""
    if not _TOKEN.fullmatch(method):
        raise EgressRefused(f"{method!r} is not a method: write GET, POST, PUT, PATCH or DELETE.")
    if method.upper() in {"CONNECT", "TRACE"}:
        raise EgressRefused(f"The method {method} is not sent: write GET, POST, PUT, PATCH or DELETE.")


def check_headers(headers: Iterable[tuple[str, str]]) -> None:
    """Raise EgressRefused for names and values that could change how the request is read (SEC-43)."""
    for name, value in headers:
        _check_name(name)
        if _VALUE.fullmatch(value):
            continue
        if not value.isascii():
            raise EgressRefused(
                f"The value of header {name} holds characters outside ASCII: percent-encode it with UriDataEscape."
            )
        raise EgressRefused(f"The value of header {name} holds a line break, NUL or control character: remove it.")


@lru_cache(1_024)
def _check_name(name: str) -> None:
    if not _TOKEN.fullmatch(name):
        raise EgressRefused(f"{name!r} is not a header name: use letters, digits and dashes.")
    lower = name.lower()
    if lower in _FORBIDDEN or lower.startswith("proxy-"):
        raise EgressRefused(f"The header {name} cannot be set: it is written by the client.")


def check_host_limit(origin: Origin, allowed_hosts: Sequence[str] | None) -> None:
    """Raise EgressRefused when a secret in the request may not go to this host (SEC-23)."""
    if allowed_hosts is not None and origin.host not in {host.lower().rstrip(".") for host in allowed_hosts}:
        raise EgressRefused(
            f"A secret of this action may not be sent to {origin.host}: its hosts are "
            f"{', '.join(allowed_hosts) or 'none'}."
        )


def _complete(headers: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Values without blanks around them, as every reader takes them, and what both clients send of themselves."""
    # A name keeps its first spelling: aiohttp drops what came before when the case differs.
    spelling: dict[str, str] = {}
    sent = [(spelling.setdefault(name.lower(), name), value.strip(" \t")) for name, value in headers]
    sent += [pair for pair in _DEFAULTS if pair[0].lower() not in spelling]
    return sent
