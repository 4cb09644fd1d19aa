"""The policy of this server's settings, for everything that the engine sends."""

import socket
from functools import lru_cache
from ipaddress import ip_address

from django.conf import settings

from reactions_project.egress import policy_from
from reactions_project.egress.policy import Policy


@lru_cache(maxsize=4)
def _policy(allow_list: str) -> Policy:
    return policy_from(allow_list, _own_addresses())


def policy() -> Policy:
    return _policy(settings.REACTIONS_ALLOW_PRIVATE_ADDRESSES)


def _own_addresses() -> set[str]:
    """Public addresses of this host's name; its loopback and private ones are refused anyway (SEC-41)."""
    try:
        rows = socket.getaddrinfo(socket.gethostname(), None)
    except OSError:
        return set()
    addresses = {str(row[4][0]).split("%")[0] for row in rows}
    return {address for address in addresses if ip_address(address).is_global}
