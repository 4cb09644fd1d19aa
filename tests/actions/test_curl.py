"""The line does what the request did: curl itself sends it to a receiver that keeps every byte."""

import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from actions.curl import curl_line
from tests.fakes.receiver import Receiver

needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed: apt install curl.")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


def request(method: str = "POST", path: str = "/", body: str = "", *headers: tuple[str, str]) -> dict[str, Any]:
    return {"method": method, "url": path, "headers": [list(pair) for pair in headers], "body": body}


HOSTILE = 'it\'s "quoted" $(touch /tmp/x) `id` \\ \n!x 🐙 @file'


@needs_curl
@pytest.mark.parametrize(
    ("method", "path", "body", "headers"),
    [
        ("POST", "/mark?a=%20b", '{"notes": "it\'s"}', [("Content-Type", "application/json"), ("X-A", "1")]),
        ("GET", "/a/../b/[1]/{x}", "", [("Accept", "text/plain")]),
        ("PUT", "/", HOSTILE, []),
        ("DELETE", "/windows/7", "", [("Empty", "")]),
        ("POST", "/", "", []),
        ("PATCH", "/", "@/etc/hostname", [("Content-Type", "text/plain")]),
        ("HEAD", "/", "", []),
    ],
)
def test_the_line_sends_what_was_sent(
    receiver: Receiver, method: str, path: str, body: str, headers: list[tuple[str, str]]
) -> None:
    line = curl_line(request(method, f"{receiver.url}{path}", body, *headers))
    done = subprocess.run(["sh", "-c", f"{line} -s --max-time 10"], capture_output=True, timeout=20)
    assert done.returncode == 0, done.stderr
    (sent,) = receiver.requests
    assert (sent.method, sent.path, sent.body.decode()) == (method, path, body)
    for name, value in headers:
        assert sent.headers[name] == value
    if not any(name == "Content-Type" for name, _ in headers):
        assert "Content-Type" not in sent.headers


def test_masked_secrets_stay_masked() -> None:
    assert "'Api-Key: *****'" in curl_line(request("GET", "https://example.com/", "", ("Api-Key", "*****")))


@pytest.mark.parametrize("headers", [None, {"A": "1"}, [["A", "1"], "odd", ["A"], 5], "odd", 7])
def test_whatever_was_stored_makes_a_line(headers: Any) -> None:
    line = curl_line({"url": "https://example.com/", "headers": headers})
    assert line.startswith("curl --globoff --path-as-is")
    assert ("-H 'A: 1'" in line) == (headers not in (None, "odd", 7))
