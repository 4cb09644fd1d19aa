"""What may be sent where: rules for addresses, URLs, headers and sizes (SEC-40 to SEC-43). Pure: no Django, no sockets.

Both clients (aio.py, sync.py) ask the same policy, so a rule is written and tested once.
"""

import ipaddress
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urljoin, urlsplit

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
DEFAULT_PORTS = frozenset({80, 443, 8080, 8443})
MAX_REDIRECTS = 3
KEPT_BODY_BYTES = 262_144
MAX_HEADER_BYTES = 65_536
DEADLINE_SECONDS = 30.0


class EgressError(Exception):
    """A request that got no answer. `kind` is short and stable; `retryable` says whether a later try may go better.

    EgressError
    ├── EgressRefused          the policy forbids it; nothing was sent
    ├── EgressUnresolved       the name has no address
    ├── EgressConnectionError  no connection, or it broke
    ├── EgressTimeout          the deadline passed
    ├── EgressTlsError         the certificate or handshake failed
    └── EgressProtocolError    the answer is no HTTP, or larger than the limits
    """

    kind = "error"
    retryable = False


class EgressRefused(EgressError):
    kind = "refused"


class EgressUnresolved(EgressError):
    kind = "unresolved_host"
    retryable = True


class EgressConnectionError(EgressError):
    kind = "connection"
    retryable = True


class EgressTimeout(EgressError):
    kind = "timeout"
    retryable = True


class EgressTlsError(EgressError):
    kind = "tls"


class EgressProtocolError(EgressError):
    kind = "protocol"


@dataclass(frozen=True, slots=True)
class EgressRequest:
    """`deadline` is in seconds for the whole exchange, redirects included. `allowed_hosts` limits where the secrets in
    it may go (SEC-23). Certificates are PEM."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    deadline: float = DEADLINE_SECONDS
    max_redirects: int = 0
    allowed_hosts: tuple[str, ...] | None = None
    client_certificate: bytes | None = None
    ca_bundle: bytes | None = None


@dataclass(frozen=True, slots=True)
class Timings:
    """Seconds per phase; None where the client cannot tell. A kept-alive connection has no resolve, connect and tls."""

    total: float
    connect: float | None = None
    first_byte: float | None = None

    def to_json(self) -> dict[str, float]:
        pairs = (("connect", self.connect), ("first_byte", self.first_byte), ("total", self.total))
        return {name: round(value, 6) for name, value in pairs if value is not None}


@dataclass(frozen=True, slots=True)
class EgressResponse:
    """`body` is decoded and cut at 256 KiB; `truncated` says that there was more."""

    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    truncated: bool
    url: str
    timings: Timings


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port of a checked URL; `host` is lower case, an IPv6 address without brackets."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class AllowedNetwork:
    """One entry of the operator's allow-list; without a port every port of the network is allowed."""

    network: ipaddress.IPv4Network | ipaddress.IPv6Network
    port: int | None = None

    def covers(self, address: IPAddress, port: int) -> bool:
        return (
            address.version == self.network.version
            and address in self.network
            and (self.port is None or self.port == port)
        )


def parse_allow_list(text: str) -> tuple[AllowedNetwork, ...]:
    """`127.0.0.1/32:9000, 10.0.0.0/8, [fd00::]/8:443`; raises ValueError naming the entry."""
    found = []
    for entry in (part.strip() for part in text.split(",")):
        if not entry:
            continue
        match = re.fullmatch(
            r"(?:\[(?P<v6>[^\]]+)\]|(?P<plain>[^/\[\]]+?))(?:/(?P<bits>\d+))?(?::(?P<port>\d+))?", entry
        )
        try:
            if match is None:
                raise ValueError
            address = match["v6"] or match["plain"]
            network = ipaddress.ip_network(f"{address}/{match['bits']}" if match["bits"] else address)
            port = int(match["port"]) if match["port"] else None
            if port is not None and not 0 < port < 65_536:
                raise ValueError
        except ValueError:
            raise ValueError(
                f"The allow-list entry {entry!r} is not a network: write 10.0.0.0/8, 127.0.0.1/32:9000 or [fd00::]/8."
            ) from None
        found.append(AllowedNetwork(network, port))
    return tuple(found)


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
        if any(ord(character) <= 32 or ord(character) == 127 for character in url):
            raise EgressRefused("The address holds a blank or control character: remove it or percent-encode it.")
        try:
            parts = urlsplit(url)
        except ValueError:
            raise EgressRefused("The address cannot be read: write it as https://host/path.") from None
        key = (parts.scheme, parts.netloc)
        if (known := self._origins.get(key)) is not None:
            return known
        origin = self._origin(parts)
        if len(self._origins) > 1_000:
            self._origins.clear()
        self._origins[key] = origin
        return origin

    def _origin(self, parts: SplitResult) -> Origin:
        if parts.scheme not in {"http", "https"}:
            raise EgressRefused(f"Only http and https are sent, not {parts.scheme or 'an address without a scheme'}.")
        if "@" in parts.netloc:
            raise EgressRefused("The address holds a user name or password: use a header bound to a secret instead.")
        if "\\" in parts.netloc or "%" in parts.netloc:
            raise EgressRefused("The host of the address is not written plainly: write a name or an IP address.")
        try:
            host, port = parts.hostname or "", parts.port
        except ValueError:
            raise EgressRefused("The port of the address is not a number from 1 to 65535.") from None
        if not host or port == 0:
            raise EgressRefused("The address names no host, or port 0: write https://host/path.")
        host = _checked_host(host.rstrip("."))
        return Origin(parts.scheme, host, port or (443 if parts.scheme == "https" else 80))

    def check_address(self, address: str | IPAddress, port: int) -> IPAddress:
        """The address, if a connection to it is allowed; raises EgressRefused (SEC-41)."""
        ip = ipaddress.ip_address(address.split("%")[0]) if isinstance(address, str) else address
        inner = _unwrapped(ip)
        if any(entry.covers(ip, port) or entry.covers(inner, port) for entry in self.allowed):
            return ip
        if ip in self.own or inner in self.own:
            raise EgressRefused(f"{ip} is this server itself, which actions may not call: use a script's API client.")
        if _is_internal(ip) or _is_internal(inner):
            raise EgressRefused(
                f"{ip} is not a public address: an operator can allow it with "
                f"REACTIONS_ALLOW_PRIVATE_ADDRESSES={inner}/{inner.max_prefixlen}:{port}."
            )
        if port not in self.ports:
            raise EgressRefused(
                f"Port {port} is not among {', '.join(map(str, sorted(self.ports)))}: an operator can allow it with "
                f"REACTIONS_ALLOW_PRIVATE_ADDRESSES={inner}/{inner.max_prefixlen}:{port}."
            )
        return ip

    def check_request(self, request: EgressRequest) -> Origin:
        """Everything that can be told before a name is resolved; raises EgressRefused."""
        origin = self.check_url(request.url)
        check_headers(request.headers)
        check_host_limit(origin, request.allowed_hosts)
        return origin

    def redirected(self, request: EgressRequest, status: int, location: str, hops: int) -> EgressRequest | None:
        """The request to follow a redirect with, or None when the answer is to be kept as it is (SEC-40).

        Another origin gets no credentials and no headers of the author's own.
        """
        if status not in {301, 302, 303, 307, 308} or not location or hops >= min(request.max_redirects, MAX_REDIRECTS):
            return None
        url = urljoin(request.url, location)
        before, after = self.check_url(request.url), self.check_url(url)
        if before.scheme == "https" and after.scheme == "http":
            raise EgressRefused("The target redirects from https to http, which is not followed.")
        check_host_limit(after, request.allowed_hosts)
        method, body, headers = request.method, request.body, request.headers
        if status == 303 or (status in {301, 302} and method == "POST"):
            method, body = "GET", b""
            headers = tuple(pair for pair in headers if not pair[0].lower().startswith("content-"))
        certificate = request.client_certificate
        if before != after:
            headers = tuple(pair for pair in headers if pair[0].lower() in _KEPT_ACROSS_ORIGINS)
            certificate = None
        return EgressRequest(
            method=method,
            url=url,
            headers=headers,
            body=body,
            deadline=request.deadline,
            max_redirects=request.max_redirects,
            allowed_hosts=request.allowed_hosts,
            client_certificate=certificate,
            ca_bundle=request.ca_bundle,
        )


_KEPT_ACROSS_ORIGINS = frozenset({"accept", "accept-language", "content-type", "user-agent"})
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
_FORBIDDEN = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer", "expect", "keep-alive"}
)


def check_headers(headers: Iterable[tuple[str, str]]) -> None:
    """Raise EgressRefused for names and values that could change how the request is read (SEC-43)."""
    for name, value in headers:
        lower = name.lower()
        if not _TOKEN.match(name):
            raise EgressRefused(f"{name!r} is not a header name: use letters, digits and dashes.")
        if lower in _FORBIDDEN or lower.startswith("proxy-"):
            raise EgressRefused(f"The header {name} cannot be set: it is written by the client.")
        if any(character in "\r\n\0" for character in value):
            raise EgressRefused(f"The value of header {name} holds a line break or NUL: remove it.")
        if not value.isascii():
            raise EgressRefused(
                f"The value of header {name} holds characters outside ASCII: percent-encode it with UriDataEscape."
            )


def check_host_limit(origin: Origin, allowed_hosts: Sequence[str] | None) -> None:
    """Raise EgressRefused when a secret in the request may not go to this host (SEC-23)."""
    if allowed_hosts is not None and origin.host not in {host.lower().rstrip(".") for host in allowed_hosts}:
        raise EgressRefused(
            f"A secret of this action may not be sent to {origin.host}: its hosts are "
            f"{', '.join(allowed_hosts) or 'none'}."
        )


_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)\Z")


def _checked_host(host: str) -> str:
    lower = host.lower()
    if ":" in lower:
        try:
            return str(ipaddress.IPv6Address(lower))
        except ValueError:
            raise EgressRefused(f"{host} is not an IPv6 address.") from None
    if not lower.isascii():
        try:
            lower = lower.encode("idna").decode("ascii").lower()
        except UnicodeError:
            raise EgressRefused(f"{host} is not a host name.") from None
    try:
        return str(ipaddress.IPv4Address(lower))
    except ValueError:
        pass
    labels = lower.split(".")
    # 0x7f.1, 2130706433 and 127.1 are addresses to some resolvers and names to others: refuse what ends in a number.
    if re.fullmatch(r"\d+|0x[0-9a-f]*", labels[-1]):
        raise EgressRefused(f"{host} is an unusual way to write an address: write it as four decimal numbers.")
    if len(lower) > 253 or not all(_LABEL.match(label) for label in labels):
        raise EgressRefused(f"{host} is not a host name.")
    return lower


_NAT64 = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48"))
_SITE_LOCAL = ipaddress.IPv6Network("fec0::/10")
_COMPATIBLE = ipaddress.IPv6Network("::/96")
_CGNAT = ipaddress.IPv4Network("100.64.0.0/10")


def _unwrapped(ip: IPAddress) -> IPAddress:
    """The IPv4 address inside a mapped, compatible, 6to4, NAT64 or Teredo one."""
    if isinstance(ip, ipaddress.IPv4Address):
        return ip
    if ip.ipv4_mapped is not None:
        return ip.ipv4_mapped
    if ip.sixtofour is not None:
        return ip.sixtofour
    if ip.teredo is not None:
        return ip.teredo[1]
    if any(ip in network for network in _NAT64) or (ip in _COMPATIBLE and int(ip) > 1):
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip


def _is_internal(ip: IPAddress) -> bool:
    if (
        not ip.is_global
        or ip.is_multicast
        or ip.is_reserved
        or ip.is_link_local
        or ip.is_unspecified
        or ip.is_loopback
        or ip.is_private
    ):
        return True
    if isinstance(ip, ipaddress.IPv4Address):
        return ip in _CGNAT
    # Wrapped forms are refused as such: no honest target is addressed by one.
    return ip in _SITE_LOCAL or ip.sixtofour is not None or any(ip in network for network in _NAT64)
