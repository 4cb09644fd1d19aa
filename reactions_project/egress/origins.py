"""How a URL is read: one way only, into an origin and a target in normal form (SEC-40). What is odd is refused."""

import ipaddress
import re
from urllib.parse import SplitResult, quote, urlsplit

from reactions_project.egress.messages import EgressRefused, Origin

_BLANK = re.compile(r"[\x00- \x7f]")
_PLAIN_TARGET = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-F]{2})*")
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})?")


def split_url(url: str) -> SplitResult:
    """Its parts; raises EgressRefused."""
    if _BLANK.search(url):
        raise EgressRefused("The address holds a blank or control character: remove it or percent-encode it.")
    try:
        return urlsplit(url)
    except ValueError:
        raise EgressRefused("The address cannot be read: write it as https://host/path.") from None


def root_of(origin: Origin) -> str:
    """What a URL of this origin begins with; a default port is not written."""
    default = 443 if origin.scheme == "https" else 80
    return str(origin).removesuffix(f":{default}") if origin.port == default else str(origin)


def target_of(parts: SplitResult) -> str:
    """Path and query as written, with what RFC 3986 does not let stand percent-encoded once."""
    target = parts.path or "/"
    if parts.query:
        target += f"?{parts.query}"
    if _PLAIN_TARGET.fullmatch(target):
        return target
    whole = _ESCAPE.sub(lambda match: f"%{match[1].upper()}" if match[1] else "%25", target)
    return quote(whole, safe="%/?:@!$&'()*+,;=~", errors="replace")


_NETLOC = re.compile(r"(?:\[[0-9A-Fa-f:.]*\]|[^\[\]\\%]*)(?::[^\[\]\\%]*)?")


def read_origin(parts: SplitResult) -> Origin:
    """Scheme, host and port; raises EgressRefused for all but http, https and a plain host."""
    if parts.scheme not in {"http", "https"}:
        raise EgressRefused(f"Only http and https are sent, not {parts.scheme or 'an address without a scheme'}.")
    if "@" in parts.netloc:
        raise EgressRefused("The address holds a user name or password: use a header bound to a secret instead.")
    if not _NETLOC.fullmatch(parts.netloc):
        raise EgressRefused("The host of the address is not written plainly: write a name or an IP address.")
    try:
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise EgressRefused("The port of the address is not a number from 1 to 65535.") from None
    if not host or port == 0:
        raise EgressRefused("The address names no host, or port 0: write https://host/path.")
    return Origin(parts.scheme, _checked_host(host.rstrip(".")), port or (443 if parts.scheme == "https" else 80))


_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)\Z")
# The older and the newer rules for international names read these differently, that is, as two hosts.
_AMBIGUOUS = frozenset("ßςẞ\u200c\u200d")


def _checked_host(host: str) -> str:
    lower = host.lower()
    if ":" in lower:
        try:
            return str(ipaddress.IPv6Address(lower))
        except ValueError:
            raise EgressRefused(f"{host} is not an IPv6 address.") from None
    if not lower.isascii():
        if not _AMBIGUOUS.isdisjoint(host):
            raise EgressRefused(f"{host} can be read as two different names: write it in its xn-- form.")
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
