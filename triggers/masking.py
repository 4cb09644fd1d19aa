"""Taking a request's own key out of what it carries: senders repeat the address that they deliver to, query string
and all, in headers and in bodies (SEC-11). Pure."""

from collections.abc import Mapping
from typing import Any

MASK = "*****"
# Long enough to be nobody else's: the kind, the prefix and a part of the secret. Quotations may end within a key.
_TELLING = 24


def without_key(key: str, values: Mapping[str, str]) -> dict[str, str]:
    """The values, without those that hold the key."""
    return {name: value for name, value in values.items() if key not in value and key not in name}


def masked(key: str, value: Any) -> Any:
    """The JSON value with the key masked wherever a text holds it. A JSON value from strict_json is never deep."""
    if isinstance(value, str):
        return value.replace(key, MASK)
    if isinstance(value, dict):
        return {masked(key, name): masked(key, inner) for name, inner in value.items()}
    return [masked(key, inner) for inner in value] if isinstance(value, list) else value


def may_hold_key(key: str, body: bytes) -> bool:
    """Whether `masked` could find the key in what this body says: in plain sight or, rarely, behind escapes."""
    return key.encode("latin-1", "replace") in body or b"\\u" in body or b"%" in body


def quotes_key(key: str, message: str) -> bool:
    return key[:_TELLING] in message if key else False
