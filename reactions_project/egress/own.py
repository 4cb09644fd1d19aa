"""The addresses of this host, which nobody may call through it (SEC-41)."""

import socket
from pathlib import Path

_IPV4 = Path("/proc/net/fib_trie")
_IPV6 = Path("/proc/net/if_inet6")


def own_addresses() -> set[str]:
    """Of every interface where Linux tells, and of the host's name: the name alone is often 127.0.1.1."""
    return _named() | in_fib_trie(_text(_IPV4)) | in_if_inet6(_text(_IPV6))


def in_fib_trie(text: str) -> set[str]:
    """An address stands in one line, that it is local in the next."""
    found = set()
    address = ""
    for line in text.splitlines():
        words = line.split()
        if words[:1] == ["|--"]:
            address = words[1]
        elif words == ["/32", "host", "LOCAL"]:
            found.add(address)
    return found


def in_if_inet6(text: str) -> set[str]:
    """A line begins with the address in 32 hexadecimal digits."""
    digits = [line.split()[0] for line in text.splitlines() if line.strip()]
    return {socket.inet_ntop(socket.AF_INET6, bytes.fromhex(one)) for one in digits}


def _named() -> set[str]:
    try:
        rows = socket.getaddrinfo(socket.gethostname(), None)
    except OSError:
        return set()
    return {str(row[4][0]).split("%")[0] for row in rows}


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
