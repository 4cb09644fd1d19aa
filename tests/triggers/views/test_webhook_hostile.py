"""Bytes that no client library would send, over real sockets: never a 500, never half an event."""

import json
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from triggers.models import Event

Send = Callable[..., tuple[int, bytes]]


@pytest.fixture
def send(live_server: Any, webhook: Any, key: str) -> Send:
    """`send(b"POST …")` writes the bytes, half-closes and gives status and body of the answer."""

    def exchange(request: bytes, body: bytes = b"") -> tuple[int, bytes]:
        address = urlsplit(live_server.url)
        with socket.create_connection((address.hostname, address.port), timeout=20) as connection:
            connection.sendall(request.replace(b"\n", b"\r\n").replace(b"<key>", key.encode()) + b"\r\n\r\n" + body)
            connection.shutdown(socket.SHUT_WR)
            answer = b""
            try:
                while part := connection.recv(65_536):
                    answer += part
            except ConnectionResetError:
                pass
        head, _, rest = answer.partition(b"\r\n\r\n")
        return int(head.split(b" ", 2)[1]), rest

    return exchange


pytestmark = pytest.mark.django_db(transaction=True)
START = b"POST /triggers/packages HTTP/1.1\nHost: localhost\nConnection: close\nContent-Type: application/json\n"
KEY = b"X-Api-Key: <key>\n"


def problem(answer: tuple[int, bytes], status: int) -> dict[str, Any]:
    assert answer[0] == status, answer
    found: dict[str, Any] = json.loads(answer[1])
    assert found["status"] == status
    assert not Event.objects.exists()
    return found


def test_the_same_bytes_without_mischief_are_taken(send):
    status, body = send(START + KEY + b"Content-Length: 2", b"{}")
    assert status == 202, body
    assert Event.objects.count() == 1


@pytest.mark.parametrize(
    "header",
    [
        b"X-Api-Key: \xff\xfe\xfd",
        b"X-Api-Key: \xc3\x28",
        b"X-Api-Key: rxt_\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9_" + b"\xe9" * 43,
        b"X-Api-Key: rxt_0000000000_" + b"A" * 43,
        b"X-Api-Key: " + b"k" * 9_000,
        b"Authorization: Bearer",
        b"Authorization: Bearer \xed\xa0\x80",
        b"Authorization: \xff",
        b"X-Octopus-ApiKey: %00",
        b"X-NuGet-ApiKey:",
    ],
)
def test_sec_13_malformed_keys_are_the_same_401(send, header):
    assert problem(send(START + header + b"\nContent-Length: 2", b"{}"), 401)["title"] == "Unauthorized"


@pytest.mark.parametrize(
    "query",
    [
        b"apikey=%ff%fe",
        b"apikey=%00",
        b"apikey=%ed%a0%80",
        b"apikey=%",
        b"apikey=" + b"A" * 9_000,
        b"&".join(b"a%d=1" % n for n in range(5_000)),
        b"apikey",
        b"\xff\xfe=1",
        b"apikey[]=1&apikey=2",
    ],
)
def test_sec_13_malformed_queries_without_a_key_are_the_same_401(send, query):
    request = START.replace(b"/packages", b"/packages?" + query) + b"Content-Length: 2"
    assert problem(send(request, b"{}"), 401)["title"] == "Unauthorized"


@pytest.mark.parametrize(
    "query", [b"a=%ff", b"a=%00", b"a=%ed%a0%80", b"a=%", b"a=1&a=2", b"a=" + b"A" * 9_000, b"&".join([b"a"] * 200)]
)
def test_sec_31_malformed_queries_with_a_key_say_what_to_send_instead(send, query):
    request = START.replace(b"/packages", b"/packages?" + query) + KEY + b"Content-Length: 2"
    assert "query" in problem(send(request, b"{}"), 400)["detail"]


@pytest.mark.parametrize(
    ("lengths", "status"),
    [
        (b"Content-Length: two", 400),
        (b"Content-Length: -1", 400),
        (b"Content-Length: 2_0", 400),
        (b"Content-Length: \xb2", 400),
        (b"Content-Length: 0x2", 400),
        (b"Content-Length: 99999999999999999999999999999999", 400),
        (b"Content-Length: 9999999999", 413),
        (b"Content-Length: 1048577", 413),
        (b"Content-Length: 20", 400),
        (b"Transfer-Encoding: chunked", 411),
        (b"Transfer-Encoding: chunked\nContent-Length: 2", 400),
        (b"Transfer-Encoding: gzip, chunked", 411),
        (b"Transfer-Encoding: \xff", 411),
    ],
)
def test_sec_30_a_length_that_is_wrong_is_refused_before_the_body_is_parsed(send, lengths, status):
    problem(send(START + KEY + lengths, b"{}"), status)


def test_of_two_lengths_nothing_is_made_that_the_sender_did_not_send(send):
    status, _ = send(START + KEY + b"Content-Length: 2\nContent-Length: 4", b'{}{"')
    assert status in {202, 400}
    assert all(event.payload == {} for event in Event.objects.all())


def test_a_missing_body_is_refused(send):
    assert "empty" in problem(send(START + KEY + b"Content-Length: 0"), 400)["detail"]
    assert "cut" not in problem(send(START + KEY + b"X-Nothing: 1"), 400)["detail"]


@pytest.mark.parametrize(
    "content_type",
    [
        b"\xff",
        b"application/json; charset=\xff",
        b"application/json; charset=" + b"x" * 500,
        b"; ; ;",
        b'application/json; a="',
        b"application/json; charset*=utf-8''%ff",
        b"multipart/form-data; boundary=" + b"-" * 200,
    ],
)
def test_sec_31_strange_content_types_are_answered(send, content_type):
    request = START.replace(b"application/json", content_type) + KEY + b"Content-Length: 2"
    status, _ = send(request, b"{}")
    assert status in {202, 415}


def test_odd_bytes_in_other_headers_are_stored_as_text(send):
    headers = b"X-Odd: caf\xe9 \xff\xfe\nUser-Agent: \xe2\x98\x83\nX-Tab: a\tb\nwebhook-id: \xff\n"
    status, body = send(START + KEY + headers + b"Content-Length: 2", b"{}")
    assert status == 202, body
    event = Event.objects.get()
    assert event.headers["x-odd"] == "caf\xe9 \xff\xfe"
    assert event.delivery_id == "\xff"


@pytest.mark.parametrize(
    "path", [b"/triggers/%ff%fe", b"/triggers/%00", b"/triggers/\xff", b"/triggers/a%0d%0aX-Evil:%201", b"/triggers//"]
)
def test_sec_13_strange_routes_are_the_same_401(send, path):
    request = START.replace(b"/triggers/packages", path) + KEY + b"Content-Length: 2"
    assert problem(send(request, b"{}"), 401)["title"] == "Unauthorized"


def test_a_route_with_a_slash_behind_it_is_the_same_route(send):
    request = START.replace(b"/packages", b"/packages/") + KEY + b"Content-Length: 2"
    assert send(request, b"{}")[0] == 202


def test_sec_33_of_deliveries_with_one_id_at_once_one_makes_an_event(live_server, webhook, key):
    def post(_: int) -> tuple[int, str]:
        answer = requests.post(
            f"{live_server.url}/triggers/packages", json={}, headers={"X-Api-Key": key, "Webhook-Id": "one"}, timeout=30
        )
        return answer.status_code, answer.json()["id"]

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(post, range(16)))
    assert sorted(status for status, _ in answers) == [200] * 15 + [202]
    assert len({event for _, event in answers}) == 1
    assert Event.objects.get().duplicates == 15
