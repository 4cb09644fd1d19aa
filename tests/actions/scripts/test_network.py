"""The proxy that is the way out of runs with network, asked directly."""

import asyncio
from pathlib import Path

import pytest

from actions.scripts.network import proxy


def exchange(tmp_path: Path, request: bytes, allowed: bool = True) -> tuple[bytes, list[bytes]]:
    """What the client gets, and what arrived at a server that answers "pong"."""
    arrived: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        arrived.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"pong")
        writer.close()

    async def ask() -> bytes:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with proxy(tmp_path / "p", lambda _address, _port: allowed):
            reader, writer = await asyncio.open_unix_connection(tmp_path / "p")
            writer.write(request.replace(b"PORT", str(port).encode()))
            answer = await asyncio.wait_for(reader.read(), 20)
            writer.close()
        server.close()
        return answer

    return asyncio.run(ask()), arrived


def test_a_plain_request_is_handed_on_without_what_was_meant_for_the_proxy(tmp_path: Path) -> None:
    request = (
        b"GET http://user@127.0.0.1:PORT/a?b HTTP/1.1\r\nHost: x\r\nProxy-Authorization: secret\r\n"
        b"Connection: keep-alive\r\n\r\n"
    )
    answer, arrived = exchange(tmp_path, request)
    assert answer == b"pong"
    assert arrived == [b"GET /a?b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"]


def test_a_tunnel_carries_anything(tmp_path: Path) -> None:
    answer, arrived = exchange(tmp_path, b"CONNECT 127.0.0.1:PORT HTTP/1.1\r\n\r\nping\r\n\r\n")
    assert answer == b"HTTP/1.1 200 Connection established\r\n\r\npong"
    assert arrived == [b"ping\r\n\r\n"]


@pytest.mark.parametrize(
    ("request_line", "sentence"),
    [
        (b"CONNECT 127.0.0.1:PORT HTTP/1.1", b"Scripts may not connect to 127.0.0.1 port "),
        (b"GET http://127.0.0.1:PORT/ HTTP/1.1", b"Scripts may not connect to 127.0.0.1 port "),
        (b"CONNECT no-such-host.invalid:443 HTTP/1.1", b"The host no-such-host.invalid cannot be found"),
        (b"GET /relative HTTP/1.1", b"The proxy hands on http:// addresses"),
        (b"GET file:///etc/passwd HTTP/1.1", b"The proxy hands on http:// addresses"),
        (b"CONNECT host:99999 HTTP/1.1", b"There is no port 99999."),
        (b"CONNECT a b HTTP/1.1", b"The proxy did not understand"),
        (b"nonsense", b"The proxy did not understand"),
    ],
)
def test_sec_53_everything_else_is_refused_with_a_sentence(
    tmp_path: Path, request_line: bytes, sentence: bytes
) -> None:
    answer, arrived = exchange(tmp_path, request_line + b"\r\n\r\n", allowed=False)
    assert answer.startswith(b"HTTP/1.1 403 Forbidden\r\n")
    assert sentence in answer
    assert arrived == []


def test_a_header_without_end_is_dropped(tmp_path: Path) -> None:
    answer, arrived = exchange(tmp_path, b"GET http://127.0.0.1:PORT/ HTTP/1.1\r\n" + b"a: b\r\n" * 5000)
    assert (answer, arrived) == (b"", [])
