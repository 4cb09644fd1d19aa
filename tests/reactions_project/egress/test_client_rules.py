"""One set of rules over both clients, against real sockets."""

import asyncio
import gzip
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reactions_project.egress import policy_from
from reactions_project.egress.aio import AsyncEgress
from reactions_project.egress.policy import (
    EgressConnectionError,
    EgressError,
    EgressProtocolError,
    EgressRefused,
    EgressRequest,
    EgressResponse,
    EgressTimeout,
    EgressTlsError,
    EgressUnresolved,
    Policy,
)
from reactions_project.egress.sync import SyncEgress
from tests.fakes.receiver import Answer, Receiver
from tests.fakes.tls import Authority

LOOPBACK = policy_from("127.0.0.1/32, [::1]/128")
Send = Callable[..., EgressResponse]


@pytest.fixture(params=["aio", "sync"])
def send(request: pytest.FixtureRequest) -> Iterator[Send]:
    """`send(EgressRequest(...), policy=..., addresses={"name": [...]})` through one client after the other; several
    calls in one test share a client."""
    loop = asyncio.new_event_loop()
    clients: dict[int, AsyncEgress | SyncEgress] = {}

    def make(policy: Policy, addresses: dict[str, list[str]]) -> AsyncEgress | SyncEgress:
        def resolve(host: str, port: int) -> list[str]:
            found = addresses.get(host, [host] if host[0].isdigit() or ":" in host else [])
            if not found:
                raise OSError("no such name")
            return found

        async def resolve_later(host: str, port: int) -> list[str]:
            return resolve(host, port)

        if request.param == "sync":
            return SyncEgress(policy, resolve)

        async def build() -> AsyncEgress:
            return AsyncEgress(policy, resolve_later)

        return loop.run_until_complete(build())

    def send(
        message: EgressRequest, policy: Policy = LOOPBACK, addresses: dict[str, list[str]] | None = None
    ) -> EgressResponse:
        client = clients.get(id(policy)) or clients.setdefault(id(policy), make(policy, addresses or {}))
        if isinstance(client, SyncEgress):
            return client.send(message)
        return loop.run_until_complete(client.send(message))

    yield send
    for client in clients.values():
        if isinstance(client, AsyncEgress):
            loop.run_until_complete(client.aclose())
    loop.close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


def test_a_request_arrives_as_it_was_written(send: Send, receiver: Receiver) -> None:
    answer = send(
        EgressRequest(
            "POST", f"{receiver.url}/a%2Fb?c=d%20e", (("X-One", "two words"), ("Content-Type", "x/y")), b"body \xff"
        )
    )
    assert (answer.status, answer.body) == (200, b'{"ok": true}')
    (request,) = receiver.requests
    assert (request.method, request.path, request.body) == ("POST", "/a%2Fb?c=d%20e", b"body \xff")
    assert request.headers["X-One"] == "two words"
    assert request.headers["Host"] == receiver.url.removeprefix("http://")
    assert answer.timings.total > 0


def test_connections_are_kept_alive_and_cookies_are_not(send: Send, receiver: Receiver) -> None:
    receiver.answers(Answer(headers=(("Set-Cookie", "a=b"), ("Content-Type", "text/plain"))))
    for _ in range(3):
        send(EgressRequest("GET", receiver.url + "/"))
    assert receiver.connections == 1
    assert all("Cookie" not in request.headers for request in receiver.requests)


def test_sec_40_the_environments_proxies_are_not_used(
    send: Send, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login a password b\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    assert send(EgressRequest("GET", receiver.url + "/")).status == 200
    assert "Authorization" not in receiver.requests[0].headers


def test_sec_40_redirects_are_not_followed_unless_asked_and_each_hop_is_checked(send: Send, receiver: Receiver) -> None:
    receiver.answers(Answer(302, headers=(("Location", "/next"),)))
    assert send(EgressRequest("GET", receiver.url + "/")).status == 302
    receiver.answers(Answer(302, headers=(("Location", "/next"),)))
    assert send(EgressRequest("GET", receiver.url + "/", max_redirects=1)).url.endswith("/next")
    receiver.answers(Answer(302, headers=(("Location", "http://169.254.169.254/latest/"),)))
    with pytest.raises(EgressRefused):
        send(EgressRequest("GET", receiver.url + "/", max_redirects=3))
    receiver.answers(*[Answer(302, headers=(("Location", "/again"),))] * 9)
    before = len(receiver.requests)
    assert send(EgressRequest("GET", receiver.url + "/", max_redirects=9)).status == 302
    assert len(receiver.requests) - before == 4


def test_sec_41_a_numeric_inner_address_is_refused_before_connecting(send: Send, receiver: Receiver) -> None:
    with pytest.raises(EgressRefused, match="not a public address"):
        send(EgressRequest("GET", receiver.url + "/"), policy=Policy())
    assert receiver.connections == 0


def test_sec_41_a_name_that_points_inside_is_refused_though_others_of_its_addresses_are_public(
    send: Send, receiver: Receiver
) -> None:
    policy = policy_from(f"9.9.9.9/32:{receiver.port}")
    with pytest.raises(EgressRefused):
        send(
            EgressRequest("GET", f"http://rebind.example:{receiver.port}/"),
            policy=policy,
            addresses={"rebind.example": ["9.9.9.9", "127.0.0.1"]},
        )
    assert receiver.connections == 0


def test_sec_41_the_address_that_was_checked_is_the_one_connected(send: Send, receiver: Receiver) -> None:
    answer = send(
        EgressRequest("GET", f"http://monitor.example:{receiver.port}/"), addresses={"monitor.example": ["127.0.0.1"]}
    )
    assert answer.status == 200
    assert receiver.requests[0].headers["Host"] == f"monitor.example:{receiver.port}"


def test_sec_42_the_deadline_is_for_the_whole_exchange_even_when_bytes_drip(send: Send, receiver: Receiver) -> None:
    receiver.answers(Answer(body=b"x" * 1000, drip=0.1))
    started = time.monotonic()
    with pytest.raises(EgressTimeout):
        send(EgressRequest("GET", receiver.url + "/", deadline=0.6))
    assert time.monotonic() - started < 5
    receiver.answers(Answer(hang=True))
    with pytest.raises(EgressTimeout):
        send(EgressRequest("GET", receiver.url + "/", deadline=0.5))


def test_sec_42_at_most_256_kib_are_kept_also_of_what_is_compressed(send: Send, receiver: Receiver) -> None:
    receiver.answers(
        Answer(body=b"y" * 400_000),
        Answer(body=gzip.compress(b"z" * 50_000_000), headers=(("Content-Encoding", "gzip"),)),
        Answer(body=gzip.compress(b"small"), headers=(("Content-Encoding", "gzip"),)),
        Answer(body=b"no gzip at all", headers=(("Content-Encoding", "gzip"),)),
    )
    for letter in (b"y", b"z"):
        answer = send(EgressRequest("GET", receiver.url + "/"))
        assert (answer.body, answer.truncated) == (letter * 262_144, True)
    assert send(EgressRequest("GET", receiver.url + "/")).body == b"small"
    with pytest.raises(EgressProtocolError, match="compressed"):
        send(EgressRequest("GET", receiver.url + "/"))


def test_sec_42_a_header_block_over_64_kib_is_refused(send: Send, receiver: Receiver) -> None:
    receiver.answers(Answer(headers=tuple((f"X-{n}", "v" * 1000) for n in range(90))))
    with pytest.raises(EgressError):
        send(EgressRequest("GET", receiver.url + "/"))


def test_sec_43_headers_are_checked_before_anything_is_sent(send: Send, receiver: Receiver) -> None:
    with pytest.raises(EgressRefused):
        send(EgressRequest("GET", receiver.url + "/", (("Host", "evil.example"),)))
    with pytest.raises(EgressRefused):
        send(EgressRequest("GET", receiver.url + "/", (("X", "a\r\nEvil: b"),)))
    assert receiver.connections == 0


def test_a_broken_answer_a_closed_port_and_an_unknown_name_are_told_apart(send: Send, receiver: Receiver) -> None:
    receiver.answers(Answer(body=b"x" * 1000, cut=500), Answer(raw=b"this is not HTTP\r\n\r\n"))
    for _ in range(2):
        with pytest.raises(EgressError) as broken:
            send(EgressRequest("GET", receiver.url + "/"))
        assert broken.value.kind in {"connection", "protocol"}
    port = receiver.port
    receiver.__exit__()
    with pytest.raises(EgressConnectionError) as refused:
        send(EgressRequest("GET", f"http://127.0.0.1:{port}/", deadline=3))
    assert refused.value.retryable
    with pytest.raises(EgressUnresolved):
        send(EgressRequest("GET", f"http://no.example:{port}/", deadline=3))


def test_a_chunked_answer_is_read(send: Send, receiver: Receiver) -> None:
    receiver.answers(Answer(body=b"chunky", chunked=True))
    assert send(EgressRequest("GET", receiver.url + "/")).body == b"chunky"


def test_sec_40_tls_is_verified_against_the_name_and_the_named_authority(send: Send, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with Receiver(tls=authority.server_context("secure.example")) as receiver:
        url = f"https://secure.example:{receiver.port}/"
        names = {"secure.example": ["127.0.0.1"], "other.example": ["127.0.0.1"]}
        with pytest.raises(EgressTlsError):
            send(EgressRequest("GET", url, deadline=5), addresses=names)
        assert send(EgressRequest("GET", url, ca_bundle=authority.bundle), addresses=names).status == 200
        with pytest.raises(EgressTlsError):
            send(
                EgressRequest("GET", f"https://other.example:{receiver.port}/", ca_bundle=authority.bundle, deadline=5)
            )


def test_a_client_certificate_is_presented(send: Send, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with Receiver(tls=authority.server_context("mutual.example", wants_client=True)) as receiver:
        names = {"mutual.example": ["127.0.0.1"]}
        url = f"https://mutual.example:{receiver.port}/"
        with pytest.raises(EgressError):
            send(EgressRequest("GET", url, ca_bundle=authority.bundle, deadline=5), addresses=names)
        request = EgressRequest(
            "GET", url, ca_bundle=authority.bundle, client_certificate=authority.issue("client.example")
        )
        assert send(request, addresses=names).status == 200


def test_a_certificate_that_is_no_pem_is_one_plain_sentence(send: Send) -> None:
    with pytest.raises(EgressTlsError, match="store it as PEM"):
        send(EgressRequest("GET", "https://127.0.0.1:1/", client_certificate=b"not pem"))
