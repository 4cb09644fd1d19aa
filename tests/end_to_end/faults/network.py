"""Two hosts with networks of their own: a namespace each, joined to this machine by a cable that can be pulled."""

import contextlib
import secrets
import socket
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

# RFC 2544: for tests between devices, routed nowhere.
_NETWORK = "198.18"


@dataclass(frozen=True)
class Namespace:
    """`gateway` is this machine as the host sees it."""

    name: str
    cable: str
    gateway: str

    @property
    def prefix(self) -> tuple[str, ...]:
        return ("ip", "netns", "exec", self.name)

    def pull_cable(self) -> None:
        _ip("link", "set", self.cable, "down")

    def plug_in(self) -> None:
        _ip("link", "set", self.cable, "up")


def may_make_namespaces() -> bool:
    name = f"rx{secrets.token_hex(3)}"
    try:
        _ip("netns", "add", name)
    except (OSError, subprocess.CalledProcessError):
        return False
    _ip("netns", "del", name)
    return True


@contextlib.contextmanager
def namespaces(count: int) -> Iterator[list[Namespace]]:
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(_namespace()) for _ in range(count)]


@contextlib.contextmanager
def _namespace() -> Iterator[Namespace]:
    mark = secrets.token_bytes(2)
    name, cable, plug = (f"{kind}{mark.hex()}" for kind in ("rxn", "rxv", "rxp"))
    base = mark[1] & 0b11111100
    gateway, inside = (f"{_NETWORK}.{mark[0]}.{base + last}" for last in (1, 2))
    made = Namespace(name, cable, gateway)
    _ip("netns", "add", name)
    try:
        _ip("link", "add", cable, "type", "veth", "peer", "name", plug, "netns", name)
        _ip("addr", "add", f"{gateway}/30", "dev", cable)
        _ip("link", "set", cable, "up")
        for words in (
            ("addr", "add", f"{inside}/30", "dev", plug),
            ("link", "set", plug, "up"),
            ("link", "set", "lo", "up"),
            ("route", "add", "default", "via", gateway),
        ):
            _ip("-n", name, *words)
        yield made
    finally:
        _ip("netns", "del", name)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=10)


@contextlib.contextmanager
def forwarded(url: str, address: str) -> Iterator[str]:
    """The same URL by that address of this machine: a database that listens on loopback only, reachable from outside."""
    parts = urlsplit(url)
    there = (parts.hostname or "127.0.0.1", parts.port or 5432)
    listener = socket.create_server((address, 0))
    pairs: list[socket.socket] = []

    def accept() -> None:
        while True:
            try:
                near, _ = listener.accept()
                far = socket.create_connection(there)
            except OSError:
                return
            pairs.extend((near, far))
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=_pump, args=(source, sink), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        user = parts.netloc.rpartition("@")[0]
        port = listener.getsockname()[1]
        yield parts._replace(netloc=f"{user}@{address}:{port}" if user else f"{address}:{port}").geturl()
    finally:
        for one in (listener, *pairs):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65_536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
