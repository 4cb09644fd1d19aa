"""Parts of addresses, as .NET's Uri has them."""

import ipaddress
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

_PORTS = {
    "http": 80,
    "https": 443,
    "ftp": 21,
    "ws": 80,
    "wss": 443,
    "gopher": 70,
    "nntp": 119,
    "telnet": 23,
    "ldap": 389,
}
_SAFE = "!#$%&'()*+,/:;=?@[]-._~"
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


@dataclass(frozen=True)
class _Uri:
    scheme: str
    user: str
    host: str
    port: int
    path: str
    query: str
    fragment: str

    @property
    def is_default_port(self) -> bool:
        return self.port == _PORTS.get(self.scheme, -1)

    @property
    def authority(self) -> str:
        return self.host if self.is_default_port or self.port < 0 else f"{self.host}:{self.port}"

    @property
    def kind(self) -> str:
        bare = self.host.strip("[]")
        try:
            return f"IPv{ipaddress.ip_address(bare).version}"
        except ValueError:
            return "Dns" if self.host else "Basic"

    @property
    def is_loopback(self) -> bool:
        bare = self.host.strip("[]")
        if not self.host:
            return self.scheme == "file"
        try:
            return ipaddress.ip_address(bare).is_loopback
        except ValueError:
            return bare in {"localhost", "loopback"}

    @property
    def absolute(self) -> str:
        slashes = "//" if self.host or self.scheme in _PORTS or self.scheme == "file" else ""
        user = f"{self.user}@" if self.user else ""
        return f"{self.scheme}:{slashes}{user}{self.authority}{self.path}{self.query}{self.fragment}"


def _read(value: str) -> _Uri | None:
    text = value.strip()
    if not _SCHEME.match(text):
        return None
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return None
    scheme = parts.scheme.lower()
    netloc = parts.netloc.rpartition("@")
    host = (parts.hostname or "").lower()
    if scheme in {"http", "https"} and not host:
        return None
    if ":" in host:
        host = f"[{host}]"
    path = quote(parts.path, safe=_SAFE)
    return _Uri(
        scheme=scheme,
        user=netloc[0],
        host=host,
        port=port if port is not None else _PORTS.get(scheme, -1),
        path=path or ("/" if parts.netloc else ""),
        query=f"?{quote(parts.query, safe=_SAFE)}" if parts.query else "",
        fragment=f"#{quote(parts.fragment, safe=_SAFE)}" if parts.fragment else "",
    )


def _yes(value: bool) -> str:
    return "true" if value else "false"


_PARTS: dict[str, tuple[str, Callable[[_Uri], str]]] = {
    name.lower(): (name, get)
    for name, get in {
        "AbsolutePath": lambda uri: uri.path,
        "AbsoluteUri": lambda uri: uri.absolute,
        "Authority": lambda uri: uri.authority,
        "DnsSafeHost": lambda uri: uri.host.strip("[]"),
        "Fragment": lambda uri: uri.fragment,
        "Host": lambda uri: uri.host,
        "HostAndPort": lambda uri: f"{uri.host}:{uri.port}",
        "HostNameType": lambda uri: uri.kind,
        "IsAbsoluteUri": lambda uri: "true",
        "IsDefaultPort": lambda uri: _yes(uri.is_default_port),
        "IsFile": lambda uri: _yes(uri.scheme == "file"),
        "IsLoopback": lambda uri: _yes(uri.is_loopback),
        "IsUnc": lambda uri: _yes(uri.scheme == "file" and bool(uri.host)),
        "Path": lambda uri: unquote(uri.path),
        "PathAndQuery": lambda uri: uri.path + uri.query,
        "Port": lambda uri: str(uri.port),
        "Query": lambda uri: uri.query,
        "Scheme": lambda uri: uri.scheme,
        "SchemeAndServer": lambda uri: f"{uri.scheme}://{uri.authority}",
        "UserInfo": lambda uri: uri.user,
    }.items()
}


def uri_part(value: str, options: Sequence[str]) -> str | None:
    """What cannot be had is said in the result, in brackets."""
    if not options:
        return "[UriPart error: no argument given]"
    wanted = options[0]
    uri = _read(value)
    found = _PARTS.get(wanted.lower())
    if found is None:
        return f"[UriPart {wanted} error: argument '{wanted}' not supported]"
    name, get = found
    if uri is None:
        if name == "IsAbsoluteUri":
            return "false"
        return f"[UriPart {wanted} error: This operation is not supported for a relative URI.]"
    return get(uri)


FILTERS = {"uripart": uri_part}
