"""Signatures of inbound requests and of our own outgoing ones (SEC-32). Pure: headers, raw bytes, secrets and the time
go in; nothing is stored, so remembering deliveries against replay is the ledger's part.

    Scheme            one row of the table below, or one that a trigger describes
      Hmac            a keyed digest of the body, perhaps with an id and a time
      SharedSecret    the secret itself in a header, for senders that do not sign

A malformed header, a broken secret and a wrong signature are all SignatureRejected, and nothing else is raised.
"""

import base64
import binascii
import hmac
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, Protocol

from reactions_project.registry import Registry

TOLERANCE_SECONDS = 300
_MOST_SIGNATURES = 20
_LONGEST_HEADER = 4_096


class SignatureRejected(ValueError):
    """Nothing proves that the sender holds the secret. The message is for logs: the answer is the same 401 as ever."""


class Scheme(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def label(self) -> str: ...

    def check(self, headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: datetime) -> None:
        """Raise SignatureRejected unless one of the secrets made this request's signature."""


@dataclass(frozen=True)
class Hmac:
    """`signed` lists what the digest covers: id, timestamp, body and literal texts between.

    `prefix` marks the signatures of ours in a header that may hold several, parted by `separator`. The timestamp comes
    from a header of its own or, as `t=…`, from the signature's.
    """

    name: str
    label: str
    header: str
    prefix: str = ""
    separator: str = ""
    algorithm: Literal["sha256", "sha512", "sha1"] = "sha256"
    encoding: Literal["hex", "base64"] = "hex"
    signed: tuple[str, ...] = ("{body}",)
    id_header: str = ""
    timestamp_header: str = ""
    timestamp_prefix: str = ""
    key: Literal["text", "whsec"] = "text"

    def check(self, headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: datetime) -> None:
        found = _lower(headers)
        presented = self._presented(_required(found, self.header))
        message_id = _required(found, self.id_header) if self.id_header else ""
        if "." in message_id:
            # Else id, time and body could be cut apart at another full stop and still add up to the signed text.
            raise SignatureRejected(f"The {self.id_header} header holds a full stop: choose ids without.")
        timestamp = self._timestamp(found, now)
        text = self._text(message_id, timestamp, body)
        # Every pair is compared: the time tells neither which secret nor which signature was right.
        matches = [
            hmac.compare_digest(expected, one)
            for expected in [self._digest(key, text).encode() for key in self._keys(secrets)]
            for one in presented
        ]
        if not any(matches):
            raise SignatureRejected(f"The {self.header} header is not the signature of this body: check the secret.")

    def _presented(self, value: str) -> list[bytes]:
        parts = value.split(self.separator) if self.separator else [value]
        if len(parts) > _MOST_SIGNATURES:
            raise SignatureRejected(f"The {self.header} header has more than {_MOST_SIGNATURES} parts: send fewer.")
        mine = [part.strip().removeprefix(self.prefix) for part in parts if part.strip().startswith(self.prefix)]
        if not any(mine):
            raise SignatureRejected(
                f"The {self.header} header has no signature of the form {self.prefix}…: sign the body."
            )
        # .NET senders write hex in capitals.
        return [(one.lower() if self.encoding == "hex" else one).encode("utf-8", "replace") for one in mine]

    def _timestamp(self, headers: Mapping[str, str], now: datetime) -> str:
        if self.timestamp_header:
            timestamp = _required(headers, self.timestamp_header)
        elif self.timestamp_prefix:
            parts = [part.strip() for part in _required(headers, self.header).split(self.separator)]
            timestamps = [part for part in parts if part.startswith(self.timestamp_prefix)]
            if len(timestamps) != 1:
                raise SignatureRejected(
                    f"The {self.header} header needs one {self.timestamp_prefix}… part: send the time."
                )
            timestamp = timestamps[0].removeprefix(self.timestamp_prefix)
        else:
            return ""
        if not re.fullmatch(r"[0-9]{1,12}", timestamp):
            raise SignatureRejected("The signature's timestamp is not a number of seconds since 1970: send that.")
        if abs(now.timestamp() - int(timestamp)) > TOLERANCE_SECONDS:
            raise SignatureRejected(
                f"The signature's timestamp is more than {TOLERANCE_SECONDS} s away: check both clocks, or send again."
            )
        return timestamp

    def _text(self, message_id: str, timestamp: str, body: bytes) -> bytes:
        values = {"{id}": message_id.encode("utf-8", "replace"), "{timestamp}": timestamp.encode(), "{body}": body}
        return b"".join(values.get(part, part.encode()) for part in self.signed)

    def _keys(self, secrets: Sequence[str]) -> list[bytes]:
        return _decoded(secrets) if self.key == "whsec" else _usable(secrets)

    def _digest(self, key: bytes, text: bytes) -> str:
        digest = hmac.digest(key, text, self.algorithm)
        return digest.hex() if self.encoding == "hex" else base64.b64encode(digest).decode()

    def sign(
        self, body: bytes, secrets: Sequence[str], *, message_id: str = "", timestamp: datetime | None = None
    ) -> str:
        """The signature header's value, one signature for each secret where the scheme can hold several."""
        seconds = str(int(timestamp.timestamp())) if timestamp else ""
        text = self._text(message_id, seconds, body)
        mine = [self.prefix + self._digest(key, text) for key in self._keys(secrets)]
        timed = [self.timestamp_prefix + seconds] if self.timestamp_prefix else []
        return self.separator.join([*timed, *mine]) if self.separator else mine[0]


@dataclass(frozen=True)
class SharedSecret:
    """The secret itself in a header: proof of who sends, none of what."""

    name: str
    label: str
    header: str

    def check(self, headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: datetime) -> None:
        presented = _required(_lower(headers), self.header).encode("utf-8", "replace")
        matches = [hmac.compare_digest(secret, presented) for secret in _usable(secrets)]
        if not any(matches):
            raise SignatureRejected(f"The {self.header} header does not hold the secret: check it at the sender.")


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _required(headers: Mapping[str, str], name: str) -> str:
    value = headers.get(name.lower(), "")
    if not value:
        raise SignatureRejected(f"The request has no {name} header: configure signing at the sender.")
    if len(value) > _LONGEST_HEADER:
        raise SignatureRejected(
            f"The {name} header is longer than {_LONGEST_HEADER:,} characters: send the signature only."
        )
    return value


def _usable(secrets: Sequence[str]) -> list[bytes]:
    keys = [secret.encode("utf-8", "replace") for secret in secrets if secret]
    if not keys:
        raise SignatureRejected("The trigger has no signing secret: choose one.")
    return keys


def _decoded(secrets: Sequence[str]) -> list[bytes]:
    """The keys of `whsec_…` secrets. One that cannot be read must not stop the other during a rotation."""
    keys = []
    for secret in secrets:
        text = secret.removeprefix("whsec_")
        with suppress(binascii.Error, ValueError):
            keys.append(base64.b64decode(text + "=" * (-len(text) % 4), validate=True))
    if not any(keys):
        raise SignatureRejected("The signing secret is not whsec_ and base64: copy it again from the sender.")
    return [key for key in keys if key]


schemes: Registry[Scheme] = Registry("signature scheme")

STANDARD_WEBHOOKS = Hmac(
    "standard_webhooks",
    "Standard Webhooks",
    header="webhook-signature",
    prefix="v1,",
    separator=" ",
    encoding="base64",
    signed=("{id}", ".", "{timestamp}", ".", "{body}"),
    id_header="webhook-id",
    timestamp_header="webhook-timestamp",
    key="whsec",
)
_SLACK_SIGNED = ("v0:", "{timestamp}", ":", "{body}")
_STRIPE_SIGNED = ("{timestamp}", ".", "{body}")

for _scheme in (
    STANDARD_WEBHOOKS,
    replace(
        STANDARD_WEBHOOKS,
        name="svix",
        label="Svix",
        header="svix-signature",
        id_header="svix-id",
        timestamp_header="svix-timestamp",
    ),
    Hmac("github", "GitHub", "X-Hub-Signature-256", prefix="sha256="),
    Hmac("bitbucket", "Bitbucket", "X-Hub-Signature", prefix="sha256="),
    Hmac(
        "slack",
        "Slack",
        "X-Slack-Signature",
        prefix="v0=",
        signed=_SLACK_SIGNED,
        timestamp_header="X-Slack-Request-Timestamp",
    ),
    Hmac(
        "stripe",
        "Stripe",
        "Stripe-Signature",
        prefix="v1=",
        separator=",",
        signed=_STRIPE_SIGNED,
        timestamp_prefix="t=",
    ),
    Hmac("circleci", "CircleCI", "circleci-signature", prefix="v1=", separator=","),
    Hmac("pagerduty", "PagerDuty", "X-PagerDuty-Signature", prefix="v1=", separator=","),
    Hmac("sentry", "Sentry", "Sentry-Hook-Signature"),
    # SHA-1 is what Nexus sends; whoever chooses this row accepts that.
    Hmac("nexus", "Sonatype Nexus (SHA-1)", "X-Nexus-Webhook-Signature", algorithm="sha1"),
    Hmac("artifactory", "Artifactory, signed payload", "X-JFrog-Event-Auth"),
    SharedSecret("artifactory_secret", "Artifactory, plain secret", "X-JFrog-Event-Auth"),
    SharedSecret("gitlab", "GitLab", "X-Gitlab-Token"),
):
    schemes.add(_scheme)


def check(scheme: str, headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: datetime) -> None:
    """Raise SignatureRejected unless the request is signed under the scheme with one of the secrets (two while one
    replaces the other). `body` is what came over the wire, before any decoding."""
    if scheme not in schemes:
        raise SignatureRejected(f'There is no signature scheme "{scheme}": choose another for the trigger.')
    schemes.get(scheme).check(headers, body, secrets, now)


def verify(scheme: str, headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: datetime) -> bool:
    """Whether `check` accepts the request."""
    try:
        check(scheme, headers, body, secrets, now)
    except SignatureRejected:
        return False
    return True


def sign(message_id: str, timestamp: datetime, body: bytes, secrets: Sequence[str]) -> dict[str, str]:
    """The Standard Webhooks headers of an outgoing request; the id stays the same when it is sent again."""
    value = STANDARD_WEBHOOKS.sign(body, secrets, message_id=message_id, timestamp=timestamp)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(timestamp.timestamp())),
        "webhook-signature": value,
    }
