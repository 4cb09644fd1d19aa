"""Whatever a target does, both clients end in time, with bounded memory, and say the same (SEC-42)."""

import gzip
import socket
import time
import zlib
from collections.abc import Iterator

import pytest

from reactions_project.egress.policy import (
    EgressConnectionError,
    EgressError,
    EgressProtocolError,
    EgressRequest,
    EgressTimeout,
)
from tests.fakes.receiver import Answer, Receiver
from tests.reactions_project.egress.conftest import Send, names

KEPT = 262_144


@pytest.mark.parametrize(
    "answer",
    [
        Answer(hang=True),
        Answer(body=b"x" * 1_000, drip=0.1),
        Answer(body=b"x" * 1_000, drip=0.1, drip_head=True),
        Answer(302, b"x" * 1_000, (("Location", "/next"),), drip=0.1),
        Answer(500, gzip.compress(bytes(range(256))), (("Content-Encoding", "gzip"),), drip=0.1),
    ],
    ids=["silence", "slow body", "slow head", "slow body of a redirect", "slow compressed body"],
)
def test_sec_42_the_deadline_is_for_the_whole_exchange(send: Send, receiver: Receiver, answer: Answer) -> None:
    receiver.answers(answer)
    with pytest.raises(EgressTimeout, match=r"within 0\.5 s"):
        send(EgressRequest("GET", receiver.url + "/", deadline=0.5))
    assert send(EgressRequest("GET", receiver.url + "/")).body == b'{"ok": true}'


def test_sec_42_the_deadline_counts_redirects_together(send: Send, receiver: Receiver) -> None:
    receiver.respond = lambda request: Answer(302, b"", (("Location", "/next"),), delay=0.3)
    with pytest.raises(EgressTimeout):
        send(EgressRequest("GET", receiver.url + "/", deadline=0.7, max_redirects=3))


def test_sec_42_the_deadline_counts_the_lookup_of_the_name(send: Send, receiver: Receiver) -> None:
    def look_up(host: str, port: int) -> list[str]:
        time.sleep(1.5)
        return ["127.0.0.1"]

    with pytest.raises(EgressTimeout):
        send(EgressRequest("GET", f"http://slow.example:{receiver.port}/", deadline=0.3), look_up=look_up)
    assert receiver.connections == 0


@pytest.fixture
def mute_port() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_sec_42_the_deadline_counts_the_tls_handshake(send: Send, mute_port: int) -> None:
    with pytest.raises(EgressTimeout):
        send(EgressRequest("GET", f"https://127.0.0.1:{mute_port}/", deadline=0.5))


@pytest.mark.parametrize("location", [(), (("Location", "/next"),)], ids=["answer", "redirect"])
def test_sec_42_at_most_256_kib_are_kept_also_of_what_unpacks(send: Send, receiver: Receiver, location: tuple) -> None:
    status = 302 if location else 200
    zipped = (("Content-Encoding", "gzip"), *location)
    receiver.answers(
        Answer(status, b"y" * (KEPT + 1), location),
        Answer(status, gzip.compress(b"y" * 50_000_000), zipped),
        Answer(status, gzip.compress(b"y" * KEPT), zipped),
    )
    answers = [send(EgressRequest("GET", receiver.url + "/")) for _ in range(3)]
    assert [answer.body == b"y" * KEPT for answer in answers] == [True, True, True]
    assert [answer.truncated for answer in answers] == [True, True, False]


def test_an_endless_answer_is_left_after_what_is_kept(send: Send, receiver: Receiver) -> None:
    receiver.answers(Answer(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 9999999999\r\n\r\n" + b"y" * 1_000_000))
    answer = send(EgressRequest("GET", receiver.url + "/"))
    assert (len(answer.body), answer.truncated) == (KEPT, True)
    assert send(EgressRequest("GET", receiver.url + "/")).body == b'{"ok": true}'


def _raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize(
    ("encoding", "body", "kept", "truncated"),
    [
        ("gzip", gzip.compress(b"small"), b"small", False),
        ("GZIP", gzip.compress(b"one, ") + gzip.compress(b"two"), b"one, two", False),
        ("gzip", gzip.compress(b"padded") + b"\0\0\0", b"padded", False),
        ("gzip", gzip.compress(b"incomplete" * 9)[:-4], b"incomplete" * 9, True),
        ("deflate", zlib.compress(b"wrapped"), b"wrapped", False),
        ("deflate", _raw_deflate(b"bare"), b"bare", False),
        ("br", b"as it came", b"as it came", False),
        ("gzip", b"", b"", False),
    ],
    ids=["gzip", "members", "padded", "incomplete", "zlib", "bare deflate", "not asked for", "empty"],
)
def test_compressed_bodies_are_unpacked(
    send: Send, receiver: Receiver, encoding: str, body: bytes, kept: bytes, truncated: bool
) -> None:
    receiver.answers(Answer(body=body, headers=(("Content-Encoding", encoding),)))
    answer = send(EgressRequest("GET", receiver.url + "/"))
    assert (answer.body, answer.truncated) == (kept, truncated)


def test_chunks_are_put_together(send: Send, receiver: Receiver) -> None:
    receiver.answers(Answer(body=b"chunky", chunked=True))
    assert send(EgressRequest("GET", receiver.url + "/")).body == b"chunky"


_HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"


@pytest.mark.parametrize(
    ("headers", "is_taken"),
    [
        (tuple((f"X-{n}", "v" * 600) for n in range(80)), True),
        (tuple((f"X-{n}", "v" * 1_000) for n in range(70)), False),
        ((("X", "v" * 60_000),), True),
        ((("X", "v" * 66_000),), False),
        (tuple((f"X-{n}", "v") for n in range(150)), False),
    ],
    ids=["48 KiB", "68 KiB", "one of 60 kB", "one of 66 kB", "150 small ones"],
)
def test_sec_42_a_header_block_over_64_kib_is_refused(
    send: Send, receiver: Receiver, headers: tuple[tuple[str, str], ...], is_taken: bool
) -> None:
    receiver.answers(Answer(headers=headers))
    if is_taken:
        assert send(EgressRequest("GET", receiver.url + "/")).status == 200
        return
    with pytest.raises(EgressProtocolError) as refused:
        send(EgressRequest("GET", receiver.url + "/"))
    assert not refused.value.retryable


def test_sec_42_a_header_block_is_not_read_beyond_64_kib(send: Send, receiver: Receiver) -> None:
    # Never complete: a client that waits for the end sees the connection break instead.
    receiver.answers(
        Answer(raw=b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: %s\r\n" % (n, b"v" * 2_000) for n in range(90)))
    )
    with pytest.raises(EgressProtocolError, match="larger than 64 KiB"):
        send(EgressRequest("GET", receiver.url + "/"))


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(cut=0), EgressConnectionError),
        (Answer(cut=30), EgressConnectionError),
        (Answer(body=b"x" * 1_000, cut=500), EgressConnectionError),
        (Answer(raw=b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"), EgressConnectionError),
        (Answer(raw=b"this is not HTTP\r\n\r\n"), EgressProtocolError),
        (Answer(raw=b"HTTP/1.1 abc\r\n\r\n"), EgressProtocolError),
        (Answer(raw=b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"), EgressProtocolError),
        (Answer(body=b"no gzip at all", headers=(("Content-Encoding", "gzip"),)), EgressProtocolError),
    ],
    ids=["closed", "cut head", "cut body", "cut chunk", "no HTTP", "no status", "upgrade", "no gzip"],
)
def test_broken_answers_are_told_apart_and_say_whether_another_try_may_help(
    send: Send, receiver: Receiver, answer: Answer, error: type[EgressError]
) -> None:
    # POST, since a GET whose kept-alive connection was closed may be sent once more at once.
    receiver.answers(answer)
    with pytest.raises(error) as broken:
        send(EgressRequest("POST", receiver.url + "/", body=b"x"))
    assert broken.value.retryable is (error is EgressConnectionError)
    assert "\n" not in str(broken.value)
    assert send(EgressRequest("GET", receiver.url + "/")).body == b'{"ok": true}'


def test_interim_answers_are_skipped(send: Send, receiver: Receiver) -> None:
    receiver.answers(
        Answer(raw=b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n" + _HEAD + b"\r\nok")
    )
    answer = send(EgressRequest("GET", receiver.url + "/"))
    assert (answer.status, answer.body) == (200, b"ok")


def test_a_closed_port_is_a_connection_that_may_come_back(send: Send) -> None:
    with Receiver() as receiver:
        port = receiver.port
    for host in ("127.0.0.1", "down.example"):
        with pytest.raises(EgressConnectionError) as refused:
            send(EgressRequest("GET", f"http://{host}:{port}/", deadline=3), look_up=names(down="127.0.0.1"))
        assert refused.value.retryable
