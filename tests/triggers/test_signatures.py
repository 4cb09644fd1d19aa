"""Signatures (SEC-32): who does not hold the secret is refused, whatever the headers look like."""

import base64
import hmac
import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triggers.signatures import STANDARD_WEBHOOKS, Hmac, SharedSecret, SignatureRejected, check, schemes, sign, verify

SHARED = Path(os.environ.get("REACTIONS_SHARED", Path(__file__).resolve().parents[3] / "shared"))
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
BODY = b'{"package": "Acme.Web"}'
OLD, NEW = "whsec_" + base64.b64encode(b"o" * 24).decode(), "whsec_" + base64.b64encode(b"n" * 24).decode()


def signed(*secrets: str, at: datetime = NOW, body: bytes = BODY) -> dict[str, str]:
    return sign("msg_1", at, body, secrets)


def github(body: bytes = BODY, secret: str = "s3cret") -> dict[str, str]:
    return {"X-Hub-Signature-256": "sha256=" + hmac.new(secret.encode(), body, "sha256").hexdigest()}


def test_what_we_sign_is_what_the_standard_says() -> None:
    digest = hmac.new(b"n" * 24, b"msg_1.%d." % NOW.timestamp() + BODY, "sha256").digest()
    assert signed(NEW) == {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(NOW.timestamp())),
        "webhook-signature": "v1," + base64.b64encode(digest).decode(),
    }


def test_sec_32_a_standard_webhook_is_accepted_with_either_secret_during_rotation() -> None:
    for secrets in ([NEW], [NEW, OLD], [OLD, NEW]):
        assert verify("standard_webhooks", signed(NEW), BODY, secrets, NOW)
    assert verify("standard_webhooks", signed(OLD), BODY, [NEW, OLD], NOW)
    assert verify("standard_webhooks", signed(OLD, NEW), BODY, [NEW], NOW)
    assert not verify("standard_webhooks", signed(OLD), BODY, [NEW], NOW)


def test_sec_32_a_broken_former_secret_does_not_stop_the_present_one() -> None:
    assert verify("standard_webhooks", signed(NEW), BODY, [NEW, "whsec_not base64!"], NOW)
    with pytest.raises(SignatureRejected, match="not whsec_ and base64"):
        check("standard_webhooks", signed(NEW), BODY, ["whsec_not base64!"], NOW)


@pytest.mark.parametrize(("seconds", "accepted"), [(0, True), (300, True), (-300, True), (301, False), (-301, False)])
def test_sec_32_the_time_may_be_five_minutes_off(seconds: int, accepted: bool) -> None:
    assert verify("standard_webhooks", signed(NEW), BODY, [NEW], NOW + timedelta(seconds=seconds)) is accepted


def test_sec_32_a_changed_body_id_or_time_is_refused() -> None:
    headers = signed(NEW)
    assert not verify("standard_webhooks", headers, BODY + b" ", [NEW], NOW)
    assert not verify("standard_webhooks", headers | {"webhook-id": "msg_2"}, BODY, [NEW], NOW)
    later = str(int(NOW.timestamp()) + 1)
    assert not verify("standard_webhooks", headers | {"webhook-timestamp": later}, BODY, [NEW], NOW)


def test_sec_32_a_signed_text_cannot_be_cut_apart_elsewhere() -> None:
    seconds = int(NOW.timestamp())
    old = NOW - timedelta(days=1)
    headers = sign("msg_1", old, b"a.%d.b" % seconds, [NEW])
    forged = headers | {"webhook-id": f"msg_1.{int(old.timestamp())}.a", "webhook-timestamp": str(seconds)}
    with pytest.raises(SignatureRejected, match="full stop"):
        check("standard_webhooks", forged, b"b", [NEW], NOW)


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-signature": ""},
        {"webhook-signature": "v1"},
        {"webhook-signature": "v1,"},
        {"webhook-signature": "v1,????"},
        {"webhook-signature": "v1,\udcff"},
        {"webhook-signature": "v2,abc v1a,def"},
        {"webhook-signature": "v1,abc " * 1000},
        {"webhook-signature": "v1,a " * 21},
        {"webhook-id": ""},
        {"webhook-timestamp": ""},
        {"webhook-timestamp": "soon"},
        {"webhook-timestamp": "-1"},
        {"webhook-timestamp": "1e9"},
        {"webhook-timestamp": "Infinity"},
        {"webhook-timestamp": " 1772366400"},
        {"webhook-timestamp": "١٧٧٢٣٦٦٤٠٠"},
        {"webhook-timestamp": "9" * 400},
    ],
)
def test_sec_32_a_malformed_header_is_a_refusal_and_nothing_else(change: dict[str, str]) -> None:
    with pytest.raises(SignatureRejected) as caught:
        check("standard_webhooks", signed(NEW) | change, BODY, [NEW], NOW)
    assert str(caught.value).endswith(".")


def test_sec_32_header_names_have_no_case() -> None:
    headers = {name.title(): value for name, value in signed(NEW).items()}
    assert verify("standard_webhooks", headers, BODY, [NEW], NOW)


def test_sec_32_github_signs_the_raw_bytes() -> None:
    body = b'\xef\xbb\xbf{"ref":  "x"}'
    assert verify("github", github(body), body, ["s3cret"], NOW)
    assert verify("github", github(body), body, ["new", "s3cret"], NOW)
    assert not verify("github", github(body), body[3:], ["s3cret"], NOW)
    assert not verify("github", github(body), body, ["other"], NOW)
    assert not verify("github", {}, body, ["s3cret"], NOW)
    assert not verify("github", {"X-Hub-Signature": github(body)["X-Hub-Signature-256"]}, body, ["s3cret"], NOW)
    bare = github(body)["X-Hub-Signature-256"].removeprefix("sha256=")
    assert not verify("github", {"X-Hub-Signature-256": bare}, body, ["s3cret"], NOW)
    assert not verify("github", {"X-Hub-Signature-256": "sha1=" + bare}, body, ["s3cret"], NOW)


def test_sec_32_without_a_secret_nothing_is_accepted() -> None:
    empty = {"X-Hub-Signature-256": "sha256=" + hmac.new(b"", BODY, "sha256").hexdigest()}
    for secrets in ([], [""]):
        with pytest.raises(SignatureRejected, match="no signing secret"):
            check("github", empty, BODY, secrets, NOW)
    assert not verify("gitlab", {"X-Gitlab-Token": ""}, BODY, [""], NOW)
    assert not verify("standard_webhooks", signed(NEW), BODY, ["whsec_"], NOW)


def test_sec_32_an_unknown_scheme_refuses() -> None:
    with pytest.raises(SignatureRejected, match="no signature scheme"):
        check("nonsense", github(), BODY, ["s3cret"], NOW)


def test_a_shared_secret_is_compared_whole() -> None:
    assert verify("gitlab", {"x-gitlab-token": "gl-token"}, BODY, ["old", "gl-token"], NOW)
    for value in ("gl-token ", "gl-toke", "GL-TOKEN", "gl-token\0"):
        assert not verify("gitlab", {"X-Gitlab-Token": value}, BODY, ["gl-token"], NOW)


@pytest.mark.parametrize("encoding", ["hex", "base64"])
@pytest.mark.parametrize("algorithm", ["sha256", "sha512", "sha1"])
def test_a_trigger_may_describe_its_own_hmac(algorithm: Any, encoding: Any) -> None:
    scheme = Hmac("own", "Own", "X-Signature", prefix="sig:", algorithm=algorithm, encoding=encoding)
    value = scheme.sign(BODY, ["s3cret"])
    scheme.check({"x-signature": value}, BODY, ["s3cret"], NOW)
    with pytest.raises(SignatureRejected):
        scheme.check({"x-signature": value}, BODY + b"x", ["s3cret"], NOW)


def test_hex_may_be_written_in_capitals() -> None:
    scheme = Hmac("own", "Own", "X-Signature")
    scheme.check({"X-Signature": scheme.sign(BODY, ["s"]).upper()}, BODY, ["s"], NOW)


@pytest.mark.parametrize("name", [name for name, _ in schemes.choices()])
def test_every_scheme_accepts_its_own_and_refuses_anothers(name: str) -> None:
    scheme = schemes.get(name)
    if isinstance(scheme, SharedSecret):
        good, bad = {scheme.header: NEW}, {scheme.header: OLD}
    else:
        assert isinstance(scheme, Hmac)
        extra = {scheme.id_header: "msg_1", scheme.timestamp_header: str(int(NOW.timestamp()))}
        good = extra | {scheme.header: scheme.sign(BODY, [NEW], message_id="msg_1", timestamp=NOW)}
        bad = extra | {scheme.header: scheme.sign(BODY, [OLD], message_id="msg_1", timestamp=NOW)}
    assert verify(name, good, BODY, [NEW], NOW)
    assert not verify(name, bad, BODY, [NEW], NOW)
    assert not verify(name, {}, BODY, [NEW], NOW)


def recorded() -> list[Any]:
    path = SHARED / "payloads" / "signatures.json"
    if not path.exists():
        return []
    recipes = json.loads(path.read_text())["recipes"]
    return [pytest.param(r, v, id=f"{r['id']}-{n}") for r in recipes for n, v in enumerate(r["vectors"])]


NAMES = {"standard-webhooks": "standard_webhooks"}
# Keys in Authorization and certificates are not signatures of a body under a shared secret.
NOT_OURS = {"basic-auth"}


@pytest.mark.shared
@pytest.mark.parametrize(("recipe", "vector"), recorded() or [pytest.param(None, None, id="absent")])
def test_published_signatures_agree(recipe: dict[str, Any] | None, vector: dict[str, Any] | None) -> None:
    if recipe is None or vector is None:
        pytest.skip("There is no shared list of signatures: set REACTIONS_SHARED to its folder.")
    if recipe["id"] in NOT_OURS:
        pytest.skip(f"{recipe['id']} is no signature of a body.")
    name = NAMES.get(recipe["id"], recipe["id"])
    scheme = schemes.get(name)
    file = vector.get("body_file")
    body = (SHARED / "payloads" / file).read_bytes() if file else vector.get("body", "").encode()
    now = datetime.fromtimestamp(int(vector.get("clock_must_be") or vector.get("timestamp") or 0), UTC)
    assert verify(name, headers_of(scheme, vector), body, [vector["secret"]], now) is vector["valid"]


def headers_of(scheme: Any, vector: Mapping[str, str]) -> dict[str, str]:
    headers = {scheme.header: vector["value"]}
    if getattr(scheme, "id_header", ""):
        headers[scheme.id_header] = vector["id"]
    if getattr(scheme, "timestamp_header", ""):
        headers[scheme.timestamp_header] = vector["timestamp"]
    return headers


HEADER_NAMES = sorted(
    {
        value
        for scheme in schemes
        for value in (scheme.header, getattr(scheme, "id_header", ""), getattr(scheme, "timestamp_header", ""))  # type: ignore[attr-defined]
        if value
    }
)


@given(
    st.sampled_from([name for name, _ in schemes.choices()]),
    st.dictionaries(
        st.sampled_from(HEADER_NAMES),
        st.text(max_size=30) | st.sampled_from(["v1,", "sha256=", f"t={int(NOW.timestamp())},v1=0", "1772366400"]),
    ),
    st.binary(max_size=20),
    st.lists(st.text(max_size=10), max_size=2),
)
def test_sec_32_any_headers_and_secrets_are_a_plain_no(
    name: str, headers: dict[str, str], body: bytes, secrets: list[str]
) -> None:
    accepted = verify(name, headers, body, secrets, NOW)
    assert not accepted or isinstance(schemes.get(name), SharedSecret)


def test_standard_webhooks_is_the_scheme_of_that_name() -> None:
    assert schemes.get("standard_webhooks") is STANDARD_WEBHOOKS
