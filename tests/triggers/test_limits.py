"""What one inbound request may look like (SEC-31), and what of it may be stored (SEC-34)."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reactions_project.strict_json import JsonLimits
from triggers.limits import (
    Limits,
    PayloadRejected,
    check_headers,
    key_in_query,
    media_type_of,
    parse_body,
    parse_json,
    parse_query,
    safe_headers,
)

SHARED = Path(os.environ.get("REACTIONS_SHARED", Path(__file__).resolve().parents[3] / "shared"))
FORM = "application/x-www-form-urlencoded"


def refused(status: int, *arguments: Any) -> str:
    with pytest.raises(PayloadRejected) as caught:
        parse_body(*arguments)
    assert caught.value.status == status
    assert str(caught.value).endswith(".")
    return str(caught.value)


def status_of(read: Callable[..., Any], *arguments: Any) -> int:
    try:
        value = read(*arguments)
    except PayloadRejected as error:
        str(error).encode()
        return error.status
    json.dumps(getattr(value, "payload", value), ensure_ascii=False, allow_nan=False).encode()
    return 200


@pytest.mark.parametrize(
    ("header", "media_type"),
    [
        ("application/json", "json"),
        ("Application/JSON; charset=UTF-8", "json"),
        ('application/json;charset="utf-8"', "json"),
        ("application/vnd.myget.webhooks.v1+json", "json"),
        ("application/cloudevents+json; charset=utf8", "json"),
        ("text/json", "json"),
        ("application/x-www-form-urlencoded", "form"),
        ("text/plain; charset=UTF-8", "text"),
    ],
)
def test_the_content_types_that_are_read(header: str, media_type: str) -> None:
    assert media_type_of(header) == media_type


@pytest.mark.parametrize(
    "header",
    [
        "multipart/form-data; boundary=x",
        "application/xml",
        "text/html",
        "application/octet-stream",
        "image/svg+xml",
        "application/+json",
        "application/jsonx",
        "json",
        "application/json; charset=utf-16",
        "text/plain; charset=iso-8859-1",
        "application/json; charset=",
        "\x00",
    ],
)
def test_sec_31_other_content_types_and_charsets_are_415(header: str) -> None:
    with pytest.raises(PayloadRejected) as caught:
        media_type_of(header)
    assert caught.value.status == 415
    assert "send" in str(caught.value)


def test_sec_31_a_content_encoding_is_refused() -> None:
    assert parse_body("application/json", "identity", b"{}").payload == {}
    for encoding in ("gzip", "deflate, gzip", "br"):
        assert "uncompressed" in refused(415, "application/json", encoding, b"{}")


def test_sec_31_a_body_over_the_limit_is_413_whatever_its_type() -> None:
    limits = Limits(body=JsonLimits(size_bytes=10))
    for content_type in ("application/json", FORM, "text/plain", None):
        refused(413, content_type, None, b"x" * 11, limits)


def test_json_without_a_content_type_is_taken_when_it_looks_like_json() -> None:
    assert parse_body(None, None, b'\xef\xbb\xbf {"a": 1}').payload == {"a": 1}
    assert parse_body("", None, b"[1]").payload == [1]
    assert "Content-Type: application/json" in refused(415, None, None, b"hello")


def test_a_request_without_a_body_has_no_payload() -> None:
    assert parse_body(None, None, b"").payload is None
    assert parse_body("text/plain", None, b"").payload is None
    assert parse_body(FORM, None, b"").payload == {}
    assert "empty" in refused(400, "application/json", None, b"")


def test_text_is_taken_when_it_is_json_as_amazon_sns_sends_it() -> None:
    parsed = parse_body("text/plain; charset=UTF-8", None, b'{"Type": "Notification"}')
    assert (parsed.payload, parsed.media_type) == ({"Type": "Notification"}, "text")
    assert "not JSON" in refused(415, "text/plain", None, b"hello")
    refused(400, "text/plain", None, b"{broken")


def test_a_form_with_a_payload_field_holds_a_json_document() -> None:
    body = urlencode({"payload": '{"ref": "refs/heads/main", "n": 1}'}).encode()
    assert parse_body(FORM, None, body).payload == {"ref": "refs/heads/main", "n": 1}
    refused(400, FORM, None, b"payload=%7Bbroken")
    refused(400, FORM, None, b"payload=" + quote('{"a":1,"a":2}').encode())


def test_any_other_form_is_its_fields() -> None:
    body = b"command=%2Fdeploy&text=core+web&tag=a&tag=b&tag=c&empty=&flag&payload=x"
    assert parse_body(FORM, None, body).payload == {
        "command": "/deploy",
        "text": "core web",
        "tag": ["a", "b", "c"],
        "empty": "",
        "flag": "",
        "payload": "x",
    }


@pytest.mark.parametrize("body", [b"a=%ff", b"a=%00", b"a=%zz", b"a=%", b"\xff=1", b"&a=1" * 1_000])
def test_sec_31_a_broken_form_is_400(body: bytes) -> None:
    refused(400, FORM, None, body)


@pytest.mark.shared
def test_real_webhook_bodies_are_read() -> None:
    index = SHARED / "payloads" / "index.json"
    if not index.exists():
        pytest.skip(f"There is no {index}: set REACTIONS_SHARED to the folder of shared payloads.")
    for entry in json.loads(index.read_bytes())["payloads"]:
        body = (index.parent / entry["file"]).read_bytes()
        parsed = parse_body(entry["content_type"], None, body)
        assert isinstance(parsed.payload, dict | list), entry["file"]
        if parsed.media_type != "form":
            assert parsed.payload == json.loads(body.decode("utf-8-sig")), entry["file"]


def test_a_query_string_becomes_names_and_values() -> None:
    assert parse_query("feed=acme&name=Core+Web&empty=&flag&x=%C3%A9") == {
        "feed": "acme",
        "name": "Core Web",
        "empty": "",
        "flag": "",
        "x": "é",
    }
    assert parse_query(b"") == {}
    assert parse_query("x=\xc3\xa9") == {"x": "é"}  # as WSGI hands over raw bytes


@pytest.mark.parametrize("name", ["apikey", "ApiKey", "api_key", "API-KEY", "x-api-key", "%61pikey"])
def test_sec_11_the_key_never_stays_among_the_query_parameters(name: str) -> None:
    query = f"a=1&{name}=s3cret&b=2"
    assert parse_query(query) == {"a": "1", "b": "2"}
    assert key_in_query(query) == "s3cret"


def test_sec_11_two_different_keys_are_no_key() -> None:
    assert key_in_query("apikey=a&api_key=b") is None
    assert key_in_query("apikey=a&apikey=a") == "a"
    assert key_in_query("a=1") is None
    assert parse_query("apikey=a&api_key=b") == {}


def test_a_parameter_named_key_is_the_key_where_nothing_else_is() -> None:
    assert key_in_query("a=1&key=b") == key_in_query("a=1&KEY=b") == "b"
    assert key_in_query("apikey=a&key=b") == "a"
    assert key_in_query("key=a&key=b") is None
    assert parse_query("apikey=a&key=b") == {"key": "b"}


@pytest.mark.parametrize(
    "query",
    ["a=1&a=2", "a=%zz", "a=%ff", "a=%00", "x=" + "y" * 9_000, "&".join(f"a{n}=1" for n in range(101))],
)
def test_sec_31_a_query_string_out_of_bounds_is_400(query: str) -> None:
    with pytest.raises(PayloadRejected) as caught:
        parse_query(query)
    assert caught.value.status == 400


def test_sec_31_headers_over_sixteen_kib_are_431() -> None:
    check_headers({"A": "x" * (16_384 - 5)})
    with pytest.raises(PayloadRejected) as caught:
        check_headers({"A": "x" * (16_384 - 4)})
    assert caught.value.status == 431
    with pytest.raises(PayloadRejected):
        check_headers({f"X-{n}": "" for n in range(3_000)})


@pytest.mark.parametrize(
    "name",
    [
        "Authorization",
        "PROXY-AUTHORIZATION",
        "Cookie",
        "Set-Cookie",
        "X-Api-Key",
        "X-ApiKey",
        "X-Octopus-ApiKey",
        "X-Gitlab-Token",
        "X-JFrog-Event-Auth",
        "Ocp-Apim-Subscription-Key",
        "X_Api_Key",
        "X-Webhook-Secret",
        "X-AuthToken",
        "My-Own-Header",
    ],
)
def test_sec_34_headers_that_may_carry_a_key_are_not_stored(name: str) -> None:
    assert safe_headers({name: "s3cret", "User-Agent": "MyGet"}, also=["my-own-header"]) == {"User-Agent": "MyGet"}


def test_sec_34_other_headers_stay() -> None:
    headers = {
        "Content-Type": "application/json",
        "X-GitHub-Event": "push",
        "X-GitHub-Delivery": "7f6c",
        "Idempotency-Key": "abc",
        "webhook-id": "msg_1",
        "X-Hub-Signature-256": "sha256=00",
    }
    assert safe_headers(headers) == headers


def test_stored_headers_are_text_that_any_database_takes() -> None:
    assert safe_headers({"X-Odd": "a\0b\udcff"}) == {"X-Odd": "a\ufffdb?"}


@given(
    st.none() | st.text(max_size=40) | st.sampled_from(["application/json", "text/plain", FORM, "multipart/form-data"]),
    st.none() | st.sampled_from(["gzip", ""]),
    st.binary(max_size=100) | st.text(alphabet='[]{}":,\\u0d81%&=+ae', max_size=60).map(str.encode),
)
def test_any_request_is_a_payload_or_a_refusal(content_type: str | None, encoding: str | None, body: bytes) -> None:
    assert status_of(parse_body, content_type, encoding, body) in {200, 400, 413, 415}


@given(st.binary(max_size=200))
def test_parse_json_raises_nothing_but_refusals(body: bytes) -> None:
    assert status_of(parse_json, body) in {200, 400}


@given(st.text(max_size=60), st.dictionaries(st.text(max_size=20), st.text(max_size=20), max_size=5))
def test_any_query_and_headers_are_read_or_refused(query: str, headers: dict[str, str]) -> None:
    assert status_of(parse_query, query) in {200, 400}
    assert status_of(key_in_query, query) in {200, 400}
    assert status_of(safe_headers, headers) == 200
