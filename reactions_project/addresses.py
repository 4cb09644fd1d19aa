"""Whose address a request comes from: X-Forwarded-For counts only where a configured proxy wrote it (SEC-14)."""

import ipaddress
from functools import lru_cache

from django.conf import settings
from django.http import HttpRequest

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def client_address(request: HttpRequest) -> str:
    """The address that counts as one client; for IPv6 its /64, of which one client has all."""
    return address_behind(request.META.get("REMOTE_ADDR", ""), request.META.get("HTTP_X_FORWARDED_FOR", ""))


def address_behind(peer: str, forwarded_for: str) -> str:
    """The same from the address that is connected to us and the header that proxies write."""
    address = _parsed(peer)
    proxies = _networks(tuple(settings.REACTIONS_TRUSTED_PROXIES))
    # From the right: each proxy adds the one that it saw, and the first that is no proxy of ours is the client.
    hops = [hop.strip() for hop in forwarded_for.split(",") if hop.strip()]
    while address is not None and hops and any(address in network for network in proxies):
        forwarded = _parsed(hops.pop())
        if forwarded is None:
            break
        address = forwarded
    if address is None:
        return "unknown"
    if address.version == 6:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


def _parsed(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text.strip().strip("[]"))
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


@lru_cache(maxsize=4)
def _networks(texts: tuple[str, ...]) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(text, strict=False) for text in texts)
