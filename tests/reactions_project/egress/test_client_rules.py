"""One set of rules over both clients, against real sockets: what is sent, where, and what becomes of redirects."""

import asyncio
import itertools
from pathlib import Path

import pytest

from reactions_project.egress import policy_from
from reactions_project.egress.aio import AsyncEgress
from reactions_project.egress.policy import EgressRefused, EgressRequest, EgressUnresolved, Policy
from reactions_project.egress.sync import SyncEgress
from tests.fakes.receiver import Answer, Receiver
from tests.reactions_project.egress.conftest import LOOPBACK, Send, names


def test_a_request_arrives_as_it_was_written(send: Send, receiver: Receiver) -> None:
    answer = send(
        EgressRequest(
            "POST", f"{receiver.url}/a%2Fb?c=d%20e", (("X-One", "two words"), ("Content-Type", "x/y")), b"body \xff"
        )
    )
    assert (answer.status, answer.body, answer.peer) == (200, b'{"ok": true}', "127.0.0.1")
    (request,) = receiver.requests
    assert (request.method, request.path, request.body) == ("POST", "/a%2Fb?c=d%20e", b"body \xff")
    assert request.headers["X-One"] == "two words"
    assert request.headers["Host"] == receiver.url.removeprefix("http://")


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("body", [b"", b"body"])
def test_both_clients_put_the_same_bytes_on_the_wire(receiver: Receiver, method: str, body: bytes) -> None:
    request = EgressRequest(
        method,
        f"{receiver.url}//a/../%7eb;c/ä?q=%zz|[1]#fragment",
        (("X-A", "1"), ("x-a", " 2 "), ("X-Empty", ""), ("Cookie", "c=d")),
        body,
    )

    async def send_later() -> None:
        client = AsyncEgress(LOOPBACK)
        await client.send(request)
        await client.aclose()

    asyncio.run(send_later())
    with SyncEgress(LOOPBACK) as client:
        client.send(request)
    first, second = receiver.requests
    assert sorted(first.raw.split(b"\r\n")) == sorted(second.raw.split(b"\r\n"))
    assert first.path == "//a/../%7Eb;c/%C3%A4?q=%25zz%7C%5B1%5D"
    assert [value for name, value in first.headers.pairs if name.lower() == "x-a"] == ["1", "2"]
    assert first.body == body


def test_connections_are_kept_alive_and_cookies_are_not(send: Send, receiver: Receiver) -> None:
    receiver.answers(Answer(headers=(("Set-Cookie", "a=b"), ("Content-Type", "text/plain"))))
    answers = [send(EgressRequest("GET", receiver.url + "/")) for _ in range(3)]
    assert receiver.connections == 1
    assert all("Cookie" not in request.headers for request in receiver.requests)
    assert [answer.timings.connect is None for answer in answers] == [False, True, True]


def test_timings_tell_the_phases_of_a_new_connection(send: Send, receiver: Receiver) -> None:
    url = f"http://monitor.example:{receiver.port}/"
    timings = send(EgressRequest("GET", url), look_up=names(monitor="127.0.0.1")).timings
    assert timings.resolve is not None
    assert timings.connect is not None
    assert timings.tls is None
    assert timings.first_byte is not None
    assert 0 < timings.resolve + timings.connect <= timings.first_byte <= timings.total
    assert list(timings.to_json()) == ["resolve", "connect", "first_byte", "total"]


def test_sec_40_the_environments_proxies_and_passwords_are_not_used(
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


def test_sec_40_redirects_are_not_followed_unless_asked_and_at_most_three(send: Send, receiver: Receiver) -> None:
    receiver.respond = lambda request: Answer.redirect("/again")
    assert send(EgressRequest("GET", receiver.url + "/")).status == 302
    assert len(receiver.requests) == 1
    answer = send(EgressRequest("GET", receiver.url + "/", max_redirects=9))
    assert (answer.status, answer.url) == (302, receiver.url + "/again")
    assert len(receiver.requests) == 1 + 1 + 3


@pytest.mark.parametrize(
    "location",
    [
        "http://169.254.169.254/latest/", "http://inside.example/", "ftp://127.0.0.1/", "http://user:word@127.0.0.1/",
        "http://[", "http://127.1/", "/with blank", "http://127.0.0.1:22/",
    ],
)  # fmt: skip
def test_sec_40_each_hop_is_checked(send: Send, receiver: Receiver, location: str) -> None:
    policy = policy_from(f"127.0.0.1/32:{receiver.port}")
    receiver.answers(Answer.redirect(location))
    with pytest.raises(EgressRefused):
        send(
            EgressRequest("GET", receiver.url + "/", max_redirects=3), policy=policy, look_up=names(inside="127.0.0.1")
        )
    assert len(receiver.requests) == 1


def test_sec_40_another_origin_gets_no_credentials_and_no_own_headers(send: Send, receiver: Receiver) -> None:
    headers = (("Authorization", "Bearer s"), ("X-Key", "s"), ("Cookie", "s=s"), ("Accept", "a/b"))
    with Receiver() as other:
        receiver.answers(Answer.redirect("/same", 307), Answer.redirect(other.url + "/other", 307))
        send(EgressRequest("POST", receiver.url + "/", headers, b"body", max_redirects=2))
        (there,) = other.requests
    assert receiver.requests[1].headers["Authorization"] == "Bearer s"
    assert {"authorization", "x-key", "cookie"}.isdisjoint(there.headers)
    assert there.headers["Accept"] == "a/b"


def test_sec_23_a_redirect_takes_no_secret_to_a_host_that_it_does_not_name(send: Send, receiver: Receiver) -> None:
    look_up = names(api="127.0.0.1", other="127.0.0.1")
    receiver.answers(Answer.redirect(f"http://other.example:{receiver.port}/", 307))
    with pytest.raises(EgressRefused, match=r"may not be sent to other\.example"):
        send(
            EgressRequest(
                "POST",
                f"http://api.example:{receiver.port}/",
                body=b"secret",
                max_redirects=1,
                allowed_hosts=("api.example",),
            ),
            look_up=look_up,
        )
    assert len(receiver.requests) == 1


def test_sec_41_a_numeric_inner_address_is_refused_before_connecting(send: Send, receiver: Receiver) -> None:
    with pytest.raises(EgressRefused, match="not a public address"):
        send(EgressRequest("GET", receiver.url + "/"), policy=Policy())
    assert receiver.connections == 0


def test_sec_41_a_name_that_points_inside_is_refused_though_others_of_its_addresses_are_public(
    send: Send, receiver: Receiver
) -> None:
    with pytest.raises(EgressRefused):
        send(
            EgressRequest("GET", f"http://rebind.example:{receiver.port}/"),
            policy=policy_from(f"9.9.9.9/32:{receiver.port}"),
            look_up=names(rebind="9.9.9.9 127.0.0.1"),
        )
    assert receiver.connections == 0


def test_sec_41_a_name_is_looked_up_once_and_what_was_checked_is_connected(send: Send, receiver: Receiver) -> None:
    answers = itertools.chain([["127.0.0.1"]], itertools.repeat(["10.0.0.1"]))
    answer = send(
        EgressRequest("GET", f"http://rebind.example:{receiver.port}/"), look_up=lambda host, port: next(answers)
    )
    assert (answer.status, answer.peer) == (200, "127.0.0.1")
    assert receiver.requests[0].headers["Host"] == f"rebind.example:{receiver.port}"
    assert next(answers) == ["10.0.0.1"]


def test_sec_41_a_name_that_turns_inside_later_is_refused_on_the_next_connection(
    send: Send, receiver: Receiver
) -> None:
    policy = policy_from(f"127.0.0.1/32:{receiver.port}")
    addresses = iter([["127.0.0.1"], ["10.0.0.1"]])

    def look_up(host: str, port: int) -> list[str]:
        return next(addresses)

    receiver.answers(Answer(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"))
    assert send(EgressRequest("GET", f"http://rebind.example:{receiver.port}/"), policy, look_up).status == 200
    with pytest.raises(EgressRefused):
        # Another port, so that no cache of the first lookup is asked.
        send(EgressRequest("GET", "http://rebind.example:8080/"), policy, look_up)


def test_sec_41_ipv6_is_connected_and_checked_alike(send: Send) -> None:
    with Receiver(host="::1") as receiver:
        answer = send(EgressRequest("GET", receiver.url + "/"))
        assert (answer.status, answer.peer) == (200, "::1")
        assert receiver.requests[0].headers["Host"] == f"[::1]:{receiver.port}"
        with pytest.raises(EgressRefused):
            send(EgressRequest("GET", receiver.url + "/"), policy=Policy())
        assert receiver.connections == 1


def test_sec_41_this_server_is_not_called_through_its_own_public_address(send: Send) -> None:
    policy = policy_from("", own_addresses=["93.184.216.34"])
    for host in ("93.184.216.34", "own.example"):
        with pytest.raises(EgressRefused, match="this server itself"):
            send(EgressRequest("GET", f"http://{host}/"), policy=policy, look_up=names(own="93.184.216.34"))


def test_sec_43_headers_and_methods_are_checked_before_anything_is_sent(send: Send, receiver: Receiver) -> None:
    for header in (("Host", "evil.example"), ("X", "a\r\nEvil: b"), ("Transfer-Encoding", "chunked")):
        with pytest.raises(EgressRefused):
            send(EgressRequest("POST", receiver.url + "/", (header,)))
    for method in ("GET / HTTP/1.1\r\nEvil: b", "CONNECT", "TRACE", ""):
        with pytest.raises(EgressRefused):
            send(EgressRequest(method, receiver.url + "/"))
    assert receiver.connections == 0


def test_a_name_that_nobody_knows_is_worth_another_try(send: Send) -> None:
    with pytest.raises(EgressUnresolved) as unknown:
        send(EgressRequest("GET", "http://no.example/"))
    assert unknown.value.retryable
