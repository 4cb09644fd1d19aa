"""TLS of both clients: always verified, with the authority and the certificate that a request names."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from reactions_project.egress.policy import EgressError, EgressRequest, EgressTlsError, Policy
from reactions_project.egress.tls import ssl_context
from tests.fakes.receiver import Receiver
from tests.fakes.tls import Authority
from tests.reactions_project.egress.conftest import Send, names

look_up = names(secure="127.0.0.1", other="127.0.0.1")


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def secure(authority: Authority) -> Iterator[Receiver]:
    with Receiver(tls=authority.server_context("secure.example")) as receiver:
        yield receiver


@pytest.fixture
def mutual(authority: Authority) -> Iterator[Receiver]:
    with Receiver(tls=authority.server_context("secure.example", wants_client=True)) as receiver:
        yield receiver


def test_sec_40_tls_is_verified_against_the_named_authority(
    send: Send, secure: Receiver, authority: Authority, tmp_path: Path
) -> None:
    url = f"https://secure.example:{secure.port}/"
    (tmp_path / "stranger").mkdir()
    for bundle in (None, Authority(tmp_path / "stranger").bundle):
        with pytest.raises(EgressTlsError) as refused:
            send(EgressRequest("GET", url, ca_bundle=bundle), look_up=look_up)
        assert not refused.value.retryable
    answer = send(EgressRequest("GET", url, ca_bundle=authority.bundle), look_up=look_up)
    assert (answer.status, answer.peer) == (200, "127.0.0.1")
    assert answer.timings.tls is not None
    assert len(secure.requests) == 1


def test_sec_40_tls_is_verified_against_the_name_not_the_address(
    send: Send, secure: Receiver, authority: Authority
) -> None:
    for host in ("other.example", "127.0.0.1"):
        with pytest.raises(EgressTlsError):
            send(EgressRequest("GET", f"https://{host}:{secure.port}/", ca_bundle=authority.bundle), look_up=look_up)
    assert secure.requests == []


def test_a_client_certificate_is_presented_and_its_connections_serve_no_other(
    send: Send, mutual: Receiver, authority: Authority
) -> None:
    url = f"https://secure.example:{mutual.port}/"
    bare = EgressRequest("GET", url, ca_bundle=authority.bundle)
    known = EgressRequest("GET", url, ca_bundle=authority.bundle, client_certificate=authority.issue("client.example"))
    for _ in range(2):
        assert send(known, look_up=look_up).status == 200
    assert len(mutual.requests) == 2
    with pytest.raises(EgressError):
        send(bare, look_up=look_up)
    assert len(mutual.requests) == 2


def test_sec_40_a_client_certificate_is_not_shown_to_another_origin() -> None:
    request = EgressRequest("GET", "https://a.example/", max_redirects=1, client_certificate=b"pem")
    following = Policy().redirected(request, 302, "https://b.example/", 0)
    assert following is not None
    assert following.client_certificate is None


def test_a_server_that_speaks_no_tls_is_a_tls_error(send: Send) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer_in_plain() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                connection.recv(65_536)

        speaking = threading.Thread(target=answer_in_plain)
        speaking.start()
        with pytest.raises(EgressTlsError):
            send(EgressRequest("GET", f"https://127.0.0.1:{listener.getsockname()[1]}/"))
        speaking.join()


def test_a_certificate_that_is_no_pem_is_one_plain_sentence(send: Send) -> None:
    for request in (
        EgressRequest("GET", "https://127.0.0.1:1/", client_certificate=b"not pem"),
        EgressRequest("GET", "https://127.0.0.1:1/", ca_bundle=b"not pem \xff"),
    ):
        with pytest.raises(EgressTlsError, match="store it as PEM"):
            send(request)


def test_a_key_with_a_passphrase_is_refused_and_nobody_is_asked_for_it(authority: Authority) -> None:
    chain = authority.issue("client.example")
    key = serialization.load_pem_private_key(chain[chain.index(b"-----BEGIN PRIVATE") :], None)
    locked = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"sesame"),
    )
    with pytest.raises(EgressTlsError, match="without a passphrase"):
        ssl_context(chain[: chain.index(b"-----BEGIN PRIVATE")] + locked, None)
