"""The size of the header block, and which headers may be stored (SEC-31, SEC-34)."""

import re
from collections.abc import Iterable, Mapping

from triggers.limits.base import DEFAULT_LIMITS, Limits, PayloadRejected, storable


def check_headers(headers: Mapping[str, str], limits: Limits = DEFAULT_LIMITS) -> None:
    """Raise PayloadRejected (431, RFC 6585) when the header block is too large as it came over the wire."""
    size = sum(len(name) + len(value) + len(": \r\n") for name, value in headers.items())
    if size > limits.header_bytes:
        raise PayloadRejected(431, f"The headers are larger than {limits.header_bytes:,} bytes: send fewer or shorter.")


_SECRET_PARTS = frozenset(
    {"authorization", "auth", "cookie", "cookie2", "token", "secret", "password", "passwd", "credential", "credentials"}
)


def safe_headers(headers: Mapping[str, str], also: Iterable[str] = ()) -> dict[str, str]:
    """The headers that may be stored: none that carries, or may carry, a key (SEC-34).

    `also` names the trigger's own secret headers. Unknown senders name theirs as they like, so the parts of a name
    decide: X-Gitlab-Token, X-JFrog-Event-Auth, Ocp-Apim-Subscription-Key. An idempotency key is no secret.
    """
    hidden = {name.lower() for name in also}
    return {
        name: storable(value)
        for name, value in headers.items()
        if name.lower() not in hidden and not _may_hold_secret(name)
    }


def _may_hold_secret(name: str) -> bool:
    parts = re.split(r"[-_]", name.lower())
    if "idempotency" in parts:
        return False
    return any(part in _SECRET_PARTS or part.endswith(("key", "keys", "token", "secret")) for part in parts)
