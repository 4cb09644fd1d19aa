"""The way out for a script whose action may use the network (SEC-53).

Such a run keeps its private network namespace: neither this machine's loopback nor its database is anywhere in it. Its
only way out is an HTTP proxy behind a socket, run by the worker, which looks names up itself, checks every address
and connects to the address it checked (SEC-41). So scripts reach what HTTP clients reach, and nothing else.
"""

import asyncio
import contextlib
import ipaddress
import re
import socket
from collections.abc import AsyncIterator
from pathlib import Path

from actions.scripts.base import IPAddress, MayConnect

PORT = 3128
MOST_AT_ONCE = 32
_CONNECT_SECONDS = 10
_LONGEST_HEAD = 16 * 1024
_CHUNK = 64 * 1024
_REQUEST = re.compile(rb"([A-Z]+) (\S+) HTTP/1\.[01]")
_TARGET = re.compile(r"\[?(?P<host>[0-9A-Za-z.:_%-]+?)\]?(?::(?P<port>[0-9]{1,5}))?")


class RefusedError(Exception):
    """Carries the sentence for the script."""


def proxy_environment() -> dict[str, str]:
    address = f"http://127.0.0.1:{PORT}"
    names = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")
    return {**dict.fromkeys(names, address), "no_proxy": "localhost,127.0.0.1", "NO_PROXY": "localhost,127.0.0.1"}


@contextlib.asynccontextmanager
async def proxy(path: Path, may_connect: MayConnect) -> AsyncIterator[None]:
    busy: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(busy) >= MOST_AT_ONCE:
            writer.close()
            return
        task = asyncio.create_task(_serve(reader, writer, may_connect))
        busy.add(task)
        task.add_done_callback(busy.discard)

    server = await asyncio.start_unix_server(accept, path, limit=_LONGEST_HEAD)
    try:
        yield
    finally:
        server.close()
        for task in list(busy):
            task.cancel()
        await asyncio.gather(*busy, return_exceptions=True)
        path.unlink(missing_ok=True)


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, may_connect: MayConnect) -> None:
    try:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            method, target, rest = _split_head(head)
            if method == "CONNECT":
                host, port = _split_target(target, 443)
                far_reader, far_writer = await _open(host, port, may_connect)
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                host, port, path = _split_url(target)
                far_reader, far_writer = await _open(host, port, may_connect)
                far_writer.write(f"{method} {path} HTTP/1.1\r\n".encode("latin-1") + rest)
        except RefusedError as refusal:
            body = f"{refusal}\n".encode()
            writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n")
            writer.write(f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
            await writer.drain()
            return
        try:
            await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer))
        finally:
            far_writer.close()
    except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        return
    finally:
        writer.close()


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while data := await source.read(_CHUNK):
        target.write(data)
        await target.drain()
    if target.can_write_eof():
        target.write_eof()


async def _open(host: str, port: int, may_connect: MayConnect) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise RefusedError(f"The host {host} cannot be found: check its name.") from None
    addresses: list[IPAddress] = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
    if not addresses or not all(may_connect(address, port) for address in addresses):
        raise RefusedError(f"Scripts may not connect to {host} port {port}: ask the operator to allow its address.")
    for address in addresses:
        with contextlib.suppress(OSError, TimeoutError):
            return await asyncio.wait_for(asyncio.open_connection(str(address), port), _CONNECT_SECONDS)
    raise RefusedError(f"The host {host} does not answer on port {port}.")


def _split_head(head: bytes) -> tuple[str, str, bytes]:
    """Method, target, and the header fields to hand on: one request per connection, nothing meant for a proxy."""
    first, _, fields = head.partition(b"\r\n")
    match = _REQUEST.fullmatch(first)
    if match is None:
        raise RefusedError("The proxy did not understand the request: use HTTP or HTTPS.")
    kept = [
        line
        for line in fields.rstrip(b"\r\n").split(b"\r\n")
        if line and not line.lower().startswith((b"proxy-", b"connection:", b"keep-alive:"))
    ]
    return match[1].decode(), match[2].decode("latin-1"), b"\r\n".join([*kept, b"Connection: close", b"", b""])


def _split_target(target: str, default: int) -> tuple[str, int]:
    match = _TARGET.fullmatch(target)
    if match is None:
        raise RefusedError(f'The proxy did not understand "{target[:200]}": give a host and a port.')
    port = int(match["port"] or default)
    if not 0 < port < 65536:
        raise RefusedError(f"There is no port {port}.")
    return match["host"], port


def _split_url(url: str) -> tuple[str, int, str]:
    if not url.lower().startswith("http://"):
        raise RefusedError("The proxy hands on http:// addresses and tunnels for everything else.")
    authority, slash, path = url[len("http://") :].partition("/")
    host, port = _split_target(authority.rpartition("@")[2], 80)
    return host, port, slash + path if slash else "/"
