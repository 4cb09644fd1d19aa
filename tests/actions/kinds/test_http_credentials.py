"""Authentication, signatures and certificates of a request come from bound secrets and are seen nowhere."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from actions.kinds.base import ConfigError, UnrunnableError
from actions.kinds.http import HttpKind
from reactions_project.egress.policy import EgressResponse, Timings
from tests.actions.kinds.contexts import RUN, context

SECRET = "correct horse battery staple"
NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)


def prepared(config: dict[str, Any], secrets: dict[str, str] | None = None, **more: Any) -> Any:
    return HttpKind().prepare(context(config, secrets={"Token": SECRET} if secrets is None else secrets, **more))


def headers(sent: Any) -> dict[str, str]:
    return dict(sent.request.headers)


def test_basic_authentication_is_a_templated_name_and_a_bound_password() -> None:
    auth = {"kind": "basic", "username": "ci-#{Octopus.Project.Name}", "password": "Token"}
    sent = prepared({"auth": auth}, variables={"Octopus.Project.Name": "Zürich"})
    scheme, token = headers(sent)["Authorization"].split(" ")
    assert (scheme, base64.b64decode(token).decode()) == ("Basic", f"ci-Zürich:{SECRET}")


@pytest.mark.parametrize(
    ("auth", "name", "value"),
    [
        ({"kind": "bearer", "token": "Token"}, "Authorization", f"Bearer {SECRET}"),
        ({"kind": "bearer", "token": "TOKEN"}, "Authorization", f"Bearer {SECRET}"),
        ({"kind": "header", "name": "Api-Key", "value": "Token"}, "Api-Key", SECRET),
    ],
)
def test_bearer_and_header_authentication(auth: dict[str, str], name: str, value: str) -> None:
    assert headers(prepared({"auth": auth}))[name] == value


def test_the_line_break_at_the_end_of_a_pasted_secret_is_nobodys_intention() -> None:
    sent = prepared({"auth": {"kind": "bearer", "token": "Token"}}, {"Token": "abcdef\n"})
    assert headers(sent)["Authorization"] == "Bearer abcdef"


@pytest.mark.parametrize("password", [SECRET, "abc", "pässword", "x" * 50])
def test_sec_22_no_part_of_the_encoded_pair_is_shown(password: str) -> None:
    sent = prepared({"auth": {"kind": "basic", "username": "ci", "password": "Token"}}, {"Token": password})
    assert dict(sent.shown["headers"])["Authorization"] == "Basic *****"
    echo = headers(sent)["Authorization"]
    answer = EgressResponse(200, "OK", (("X-Echo", echo),), echo.encode(), False, "", Timings(0.1))
    outcome = HttpKind().conclude(context({}, secrets={"Token": password}), sent, answer)
    assert outcome.response is not None
    assert (outcome.response["headers"], outcome.response["body"]) == ([["X-Echo", "Basic *****"]], "Basic *****")


def test_sec_23_a_secret_that_authenticates_goes_only_to_its_hosts() -> None:
    auth = {"kind": "bearer", "token": "token"}
    limited = {"allowed_hosts": {"Token": ("api.example.com",)}}
    assert prepared({"auth": auth}, **limited).request.allowed_hosts == ("api.example.com",)
    assert prepared({}, **limited).request.allowed_hosts is None


@pytest.mark.parametrize(
    "config",
    [
        {"auth": {"kind": "bearer", "token": "Other"}},
        {"signing": {"secret": "Other"}},
        {"tls": {"ca": "Other"}},
        {"auth": {"kind": "basic", "username": "ci", "password": "Other"}},
    ],
)
def test_a_secret_that_is_not_bound_fails_before_anything_is_sent(config: dict[str, Any]) -> None:
    with pytest.raises(UnrunnableError, match="names Other, under which this action has no secret"):
        prepared(config)


KEY = base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()


def test_a_signature_follows_standard_webhooks_and_its_id_is_the_runs() -> None:
    body = {"kind": "json", "json": {"notes": "#{Notes}"}}
    config = {"signing": {"secret": "Signing"}, "body": body}
    sent = prepared(config, {"Signing": f"whsec_{KEY}"}, variables={"Notes": 'say "hi" 🐙'}, at=NOW)
    found = headers(sent)
    assert (found["webhook-id"], found["webhook-timestamp"]) == (str(RUN), str(int(NOW.timestamp())))
    signed = f"{RUN}.{int(NOW.timestamp())}.".encode() + sent.request.body
    digest = hmac.new(base64.b64decode(KEY), signed, hashlib.sha256).digest()
    assert found["webhook-signature"] == "v1," + base64.b64encode(digest).decode()


def test_a_later_try_has_the_same_id_and_a_signature_of_its_own_time() -> None:
    first, second = (
        headers(prepared({"signing": {"secret": "S"}}, {"S": KEY}, at=at)) for at in (NOW, NOW.replace(hour=10))
    )
    assert first["webhook-id"] == second["webhook-id"]
    assert first["webhook-signature"] != second["webhook-signature"]


def test_a_secret_that_is_no_key_says_how_to_store_one() -> None:
    with pytest.raises(UnrunnableError, match="cannot sign: store whsec_ and the key in Base64"):
        prepared({"signing": {"secret": "S"}}, {"S": "whsec_not base64!"})


def test_certificate_key_and_authority_go_to_the_client_and_nowhere_else() -> None:
    pem = {"Cert": "-----CERT-----", "Key": "-----KEY-----", "Ca": "-----CA-----"}
    sent = prepared({"tls": {"certificate": "Cert", "key": "Key", "ca": "Ca"}}, pem)
    assert sent.request.client_certificate == b"-----CERT-----\n-----KEY-----"
    assert sent.request.ca_bundle == b"-----CA-----"
    assert "-----" not in json.dumps(sent.shown)


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"auth": {"kind": "digest"}}, "auth"),
        ({"auth": "basic"}, "auth"),
        ({"auth": {"kind": "bearer"}}, "auth"),
        ({"auth": {"kind": "bearer", "token": 5}}, "auth"),
        ({"auth": {"kind": "bearer", "token": "A", "extra": "B"}}, "auth"),
        ({"auth": {"kind": "basic", "username": "#{if", "password": "A"}}, "auth"),
        ({"auth": {"kind": "header", "name": "Bad name", "value": "A"}}, "auth"),
        ({"auth": {"kind": "header", "name": "Host", "value": "A"}}, "auth"),
        ({"auth": {"kind": "bearer", "token": "A"}, "headers": {"authorization": "x"}}, "auth"),
        ({"signing": {"key": "A"}}, "signing"),
        ({"signing": "A"}, "signing"),
        ({"tls": {"key": "A"}}, "tls"),
        ({"tls": {"certificates": "A"}}, "tls"),
        ({"tls": [1]}, "tls"),
    ],
)
def test_what_cannot_work_is_refused_when_it_is_saved(config: dict[str, Any], field: str) -> None:
    with pytest.raises(ConfigError) as refused:
        HttpKind().validate({"url": "https://monitor.example.com/"} | config)
    assert set(refused.value.errors) == {field}


def test_an_authors_own_user_agent_replaces_ours() -> None:
    sent = prepared({"headers": {"user-agent": "Mine", "IDEMPOTENCY-KEY": "own"}})
    names = [name.lower() for name, _ in sent.request.headers]
    assert names.count("user-agent") == names.count("idempotency-key") == 1
    assert headers(sent)["user-agent"] == "Mine"


@pytest.mark.parametrize("value", ["..", "."])
@pytest.mark.parametrize("template", ["projects/#{Name}/x", "projects/#{Name}", "projects/#{Name | UriEscape}?a=1"])
def test_sec_61_an_event_never_climbs_the_path(template: str, value: str) -> None:
    with pytest.raises(UnrunnableError, match="only the author may climb"):
        prepared({"url": f"https://monitor.example.com/{template}"}, variables={"Name": value})


def test_sec_61_encoded_dots_of_an_event_are_encoded_once_more() -> None:
    sent = prepared({"url": "https://monitor.example.com/#{Name}/x"}, variables={"Name": "%2e%2e"})
    assert sent.request.url.endswith("/%252e%252e/x")


def test_an_author_may_climb_and_dots_inside_a_name_are_no_climbing() -> None:
    assert prepared({"url": "https://monitor.example.com/a/../b"}).request.url.endswith("/a/../b")
    sent = prepared({"url": "https://monitor.example.com/#{Name}"}, variables={"Name": "v1..2.3"})
    assert sent.request.url.endswith("/v1..2.3")


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        (" 7 ", 7.0),
        ("Mon, 23 Nov 2026 09:32:00 GMT", 120.0),
        ("Mon, 23 Nov 2026 09:00:00 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        ("", None),
        ("Mon, 99 Nov 2026 09:32:00 GMT", None),
        ("²", None),
    ],
)
def test_sec_44_retry_after_is_read_as_seconds_or_date(value: str, seconds: float | None) -> None:
    now = context({}, at=NOW)
    answer = EgressResponse(503, "", (("Retry-After", value),), b"", False, "", Timings(0.1))
    outcome = HttpKind().conclude(now, HttpKind().prepare(now), answer)
    assert outcome.retry_after == seconds
