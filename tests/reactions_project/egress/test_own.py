"""The addresses of this host as Linux tells them."""

from reactions_project.egress.own import in_fib_trie, in_if_inet6, own_addresses

_TRIE = """\
Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 203.0.113.0/24 2 0 2
        |-- 203.0.113.0
           /24 link UNICAST
        |-- 203.0.113.7
           /32 host LOCAL
        |-- 203.0.113.255
           /32 link BROADCAST
"""


def test_local_addresses_are_read_and_those_of_the_network_are_not() -> None:
    assert in_fib_trie(_TRIE) == {"203.0.113.7"}
    assert in_fib_trie("") == set()


def test_ipv6_addresses_are_read() -> None:
    text = (
        "26064700000000000000000000001111 02 40 00 80     eth0\n00000000000000000000000000000001 01 80 10 80       lo\n"
    )
    assert in_if_inet6(text) == {"2606:4700::1111", "::1"}


def test_sec_41_this_host_knows_its_interfaces() -> None:
    assert "127.0.0.1" in own_addresses()
