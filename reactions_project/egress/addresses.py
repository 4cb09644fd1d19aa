"""Which IP addresses are inside, however they are written, and the operator's list of exceptions (SEC-41)."""

import ipaddress
import re
from dataclasses import dataclass

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class AllowedNetwork:
    """One entry of the operator's allow-list; without a port every port of the network is allowed."""

    network: IPNetwork
    port: int | None = None

    def covers(self, address: IPAddress, port: int) -> bool:
        return (
            address.version == self.network.version
            and address in self.network
            and (self.port is None or self.port == port)
        )


_ENTRY = re.compile(r"(?:\[(?P<v6>[^\]]+)\]|(?P<plain>[^/\[\]]+?))(?:/(?P<bits>\d+))?(?::(?P<port>\d+))?")


def parse_allow_list(text: str) -> tuple[AllowedNetwork, ...]:
    """`127.0.0.1/32:9000, 10.0.0.0/8, [fd00::]/8:443`; raises ValueError naming the entry."""
    return tuple(_entry(part.strip()) for part in text.split(",") if part.strip())


def _entry(text: str) -> AllowedNetwork:
    match = _ENTRY.fullmatch(text)
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
            f"The allow-list entry {text!r} is not a network: write 10.0.0.0/8, 127.0.0.1/32:9000 or [fd00::]/8."
        ) from None
    return AllowedNetwork(network, port)


_NAT64 = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48"))
_COMPATIBLE = ipaddress.IPv6Network("::/96")
# What `ipaddress` of some supported Python versions takes for global, or does not know yet.
_INTERNAL: tuple[IPNetwork, ...] = (
    ipaddress.IPv4Network("100.64.0.0/10"),  # CGNAT
    ipaddress.IPv4Network("192.0.0.0/24"),  # protocol assignments
    ipaddress.IPv4Network("192.88.99.0/24"),  # 6to4 relays
    ipaddress.IPv6Network("fec0::/10"),  # site-local
    ipaddress.IPv6Network("2001::/23"),  # protocol assignments, Teredo among them
    ipaddress.IPv6Network("2002::/16"),  # 6to4
    ipaddress.IPv6Network("3fff::/20"),  # documentation
    ipaddress.IPv6Network("5f00::/16"),  # segment identifiers
    *_NAT64,
)


def plain(ip: IPAddress) -> IPAddress:
    """The address that the system connects to: of a mapped one, the IPv4 address in it."""
    return ip.ipv4_mapped or ip if isinstance(ip, ipaddress.IPv6Address) else ip


def unwrapped(ip: IPAddress) -> IPAddress:
    """The IPv4 address inside a mapped, compatible, 6to4, NAT64 or Teredo one."""
    if isinstance(ip, ipaddress.IPv4Address):
        return ip
    if ip.teredo is not None:
        return ip.teredo[1]
    if any(ip in network for network in _NAT64) or (ip in _COMPATIBLE and int(ip) > 1):
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or ip


def is_internal(ip: IPAddress) -> bool:
    """Wrapped forms count as internal whatever is in them: no honest target is addressed by one."""
    return (
        not ip.is_global
        or ip.is_private
        or ip.is_multicast
        or ip.is_reserved
        or ip.is_link_local
        or ip.is_unspecified
        or ip.is_loopback
        or any(ip in network for network in _INTERNAL if network.version == ip.version)
    )
