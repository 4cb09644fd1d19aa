"""The one way out (SEC-40): a pure policy, and two clients under it. Nobody else sends."""

from collections.abc import Iterable
from ipaddress import ip_address

from reactions_project.egress.policy import Policy, parse_allow_list


def policy_from(allow_list: str, own_addresses: Iterable[str] = ()) -> Policy:
    """The policy of an operator's settings; raises ValueError naming a bad entry."""
    return Policy(allowed=parse_allow_list(allow_list), own=frozenset(ip_address(address) for address in own_addresses))
