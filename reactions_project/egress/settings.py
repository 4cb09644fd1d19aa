"""The policy of this server's settings, for everything that the engine sends."""

from functools import lru_cache
from ipaddress import ip_address

from django.conf import settings

from reactions_project.egress import policy_from
from reactions_project.egress.own import own_addresses
from reactions_project.egress.policy import Policy


@lru_cache(maxsize=4)
def _policy(allow_list: str) -> Policy:
    # Loopback and private addresses are refused anyway, and say how to allow them.
    return policy_from(allow_list, {address for address in own_addresses() if ip_address(address).is_global})


def policy() -> Policy:
    return _policy(settings.REACTIONS_ALLOW_PRIVATE_ADDRESSES)
