"""What the real web server hands over of a delivery: its own parser comes before all of ours."""

import contextlib
import json
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from tests.end_to_end.server import Server

pytestmark = pytest.mark.end_to_end


def webhook_of(server: Server) -> dict[str, Any]:
    return next(one for one in server.made["triggers"] if one["kind"] == "webhook")


def exchange(server: Server, head: str, *parts: bytes, query: str = "", breaks_off: bool = False) -> tuple[int, bytes]:
    """Send a head with our key, then the parts; the status and the body of the answer, 0 where there was none."""
    webhook = webhook_of(server)
    key = "" if query else f"X-Api-Key: {webhook['key']}\n"
    start = f"POST {urlsplit(webhook['url']).path}{query} HTTP/1.1\nHost: 127.0.0.1\nConnection: close\n{key}"
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        answer = b""
        try:
            connection.sendall(f"{start}{head}\n\n".replace("\n", "\r\n").encode("latin-1"))
            for part in parts:
                connection.sendall(part)
            if breaks_off:
                connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # An answer that came before all was sent.
        try:
            while part := connection.recv(65_536):
                answer += part
        except ConnectionResetError:
            pass
    head_of_answer, _, body = answer.partition(b"\r\n\r\n")
    return int(head_of_answer.split(b" ", 2)[1]) if answer else 0, body


JSON = "Content-Type: application/json\n"
CHUNKED = f"{JSON}Transfer-Encoding: chunked"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def payload_of(server: Server, body: bytes) -> Any:
    return server.api("GET", f"/api/events/{json.loads(body)['id']}/")["payload"]


def test_a_chunked_body_is_taken(server: Server):
    status, body = exchange(server, CHUNKED, chunk(b'{"a": '), chunk(b"1}"), b"0\r\n\r\n")
    assert status == 202, body
    assert payload_of(server, body) == {"a": 1}


def test_sec_31_a_chunked_body_over_the_limit_is_413(server: Server):
    # The last chunk is never sent: the answer comes before the end.
    status, _ = exchange(server, CHUNKED, *[chunk(b"x" * 65_536)] * 17)
    assert status == 413


def test_sec_31_a_body_that_announces_too_much_is_413_before_it_is_sent(server: Server):
    assert exchange(server, f"{JSON}Content-Length: 1048577")[0] == 413


@pytest.mark.parametrize("parts", [[chunk(b'{"a": 1')], [b"9\r\n{}1"], [chunk(b"12"), b"zz\r\n"], [chunk(b"12")]])
def test_half_a_chunked_body_is_nothing(server: Server, parts: list[bytes]):
    events = {event["id"] for event in server.all("/api/events/")}
    # The server may hang up on who hangs up.
    assert exchange(server, CHUNKED, *parts, breaks_off=True)[0] in {0, 400, 411}
    assert {event["id"] for event in server.all("/api/events/")} == events


def test_two_lengths_are_refused(server: Server):
    assert exchange(server, f"{JSON}Content-Length: 2\nContent-Length: 4", b'{}{"')[0] == 400


@pytest.mark.parametrize(
    "query", ["?apikey=%ff%00", "?apikey=\xff", "?" + "a" * 60_000, "?apikey=rxt_0000000000_" + "A" * 43, "?%"]
)
def test_sec_13_odd_queries_without_a_key_are_the_same_401(server: Server, query: str):
    expected = exchange(server, f"{JSON}Content-Length: 2", b"{}", query="?apikey=nonsense")
    assert expected[0] == 401
    answer = exchange(server, f"{JSON}Content-Length: 2", b"{}", query=query)
    # What the server's own parser refuses never reaches us.
    assert answer == expected or answer == (400, b"")


def test_sec_11_the_key_reaches_no_log_of_the_server(server: Server):
    webhook = webhook_of(server)
    log = Path(server.data) / "serve.log"
    before = log.read_text().count(webhook["key"])  # The line to paste, printed at the start.
    with requests.Session() as session:
        for body in ("{}", "{", '{"a": 1, "a": 2}'):
            session.post(webhook["url"], data=body, headers={"Content-Type": "application/json"},
                         params={"apikey": webhook["key"]}, timeout=10)  # fmt: skip
        session.post(f"{webhook['url']}x", json={}, params={"apikey": webhook["key"]}, timeout=10)
        session.get(webhook["url"], params={"apikey": webhook["key"]}, timeout=10)
    said = log.read_text()
    assert "Refused 400" in said
    assert "Refused 401" in said
    assert said.count(webhook["key"]) == before
    assert said.count(webhook["key"].split("_", 2)[2]) == before


def test_sec_33_of_deliveries_with_one_id_at_two_processes_one_makes_an_event(server: Server):
    webhook = webhook_of(server)
    body = {"Identifier": "the same for all", "PayloadType": "PingWebHookEventPayloadV1", "Payload": {}}

    def post(_: int) -> tuple[int, str]:
        answer = requests.post(webhook["url"], json=body, headers={"X-Api-Key": webhook["key"]}, timeout=30)
        return answer.status_code, answer.json()["id"]

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(post, range(24)))
    assert sorted(status for status, _ in answers) == [200] * 23 + [202]
    assert len({event for _, event in answers}) == 1
    assert server.api("GET", f"/api/events/{answers[0][1]}/")["duplicates"] == 23


def test_slow_senders_with_the_key_delay_nobody(server: Server):
    webhook = webhook_of(server)
    head = f"POST {urlsplit(webhook['url']).path} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Api-Key: {webhook['key']}\r\n"
    head += "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
    with contextlib.ExitStack() as stack:
        for _ in range(50):
            slow = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=20))
            slow.sendall(head.encode())
        # Longer than anything needs, shorter than the deadline of a body.
        answer = requests.post(webhook["url"], json={}, headers={"X-Api-Key": webhook["key"]}, timeout=15)
    assert answer.status_code == 202
