"""What goes in and comes out of both clients, and how it fails: values only."""

from dataclasses import dataclass

DEADLINE_SECONDS = 30.0


class EgressError(Exception):
    """A request that got no answer. `kind` is short and stable; `retryable` says whether a later try may go better.

    EgressError
    ├── EgressRefused          the policy forbids it; nothing was sent there
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
    """`deadline` is in seconds for the whole exchange, redirects included; more than 30 counts as 30 (SEC-42).
    `allowed_hosts` limits where the secrets in it may go (SEC-23). Certificates are PEM."""

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
    """Seconds per phase of the last hop; `total` and `first_byte` count from the start of all of it. A kept-alive
    connection has no resolve, connect and tls."""

    total: float
    connect: float | None = None
    first_byte: float | None = None
    resolve: float | None = None
    tls: float | None = None

    def to_json(self) -> dict[str, float]:
        names = ("resolve", "connect", "tls", "first_byte", "total")
        return {name: round(value, 6) for name in names if (value := getattr(self, name)) is not None}


@dataclass(frozen=True, slots=True)
class EgressResponse:
    """`body` is decoded and cut at 256 KiB; `truncated` says that there was more. `url` and `peer`, the address that
    was connected, are those of the last hop."""

    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    truncated: bool
    url: str
    timings: Timings
    peer: str = ""


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port of a checked URL; `host` is lower case, an IPv6 address without brackets."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"
