"""Reading a query string strictly, and taking the key out of it (SEC-11)."""

import re
from urllib.parse import unquote_to_bytes

from triggers.limits.base import DEFAULT_LIMITS, Limits, PayloadRejected, shown

# Names under which a key may stand in the query string (SEC-11), compared without case.
KEY_PARAMETERS = frozenset({"apikey", "api_key", "api-key", "x-api-key"})
# Too common a name to be kept from every payload: the key only where there is none under the names above.
_LAST_RESORT = "key"


def parse_query(query_string: str | bytes, limits: Limits = DEFAULT_LIMITS) -> dict[str, str]:
    """The query parameters, without the key; raises PayloadRejected.

    A name may come once only: two readers could take different ones of the two values.
    """
    found: dict[str, str] = {}
    for name, value in _query_pairs(query_string, limits):
        if name.lower() in KEY_PARAMETERS:
            continue
        if name in found:
            raise PayloadRejected(400, f"The query parameter {shown(name)} comes twice: send it once.")
        found[name] = value
    return found


def key_in_query(query_string: str | bytes, limits: Limits = DEFAULT_LIMITS) -> str | None:
    """The key in the query string; None when there is none, or more than one, which nobody could tell apart."""
    pairs = _query_pairs(query_string, limits)
    keys = {value for name, value in pairs if name.lower() in KEY_PARAMETERS}
    keys = keys or {value for name, value in pairs if name.lower() == _LAST_RESORT}
    return keys.pop() if len(keys) == 1 else None


def _query_pairs(query_string: str | bytes, limits: Limits) -> list[tuple[str, str]]:
    raw = _bytes(query_string) if isinstance(query_string, str) else query_string
    if len(raw) > limits.query_bytes:
        raise PayloadRejected(
            400, f"The query string is longer than {limits.query_bytes:,} bytes: send a body instead."
        )
    return pairs_of(raw, limits.query_fields, "query string")


def _bytes(query_string: str) -> bytes:
    """WSGI hands over one character per byte; anything else is text that was never on the wire."""
    try:
        return query_string.encode("latin-1")
    except UnicodeEncodeError:
        return query_string.encode("utf-8", "replace")


_BROKEN_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")


def pairs_of(raw: bytes, most: int, noun: str) -> list[tuple[str, str]]:
    """The decoded fields of a query string or form; raises PayloadRejected."""
    if _BROKEN_ESCAPE.search(raw):
        raise PayloadRejected(400, f"The {noun} has a % that is not followed by two hex digits: send it as %25.")
    if raw.count(b"&") >= most:
        raise PayloadRejected(400, f"The {noun} has more than {most:,} fields: send fewer.")
    pairs = (one.partition(b"=") for one in raw.split(b"&") if one)
    return [(_decoded(name, noun), _decoded(value, noun)) for name, _, value in pairs]


def _decoded(raw: bytes, noun: str) -> str:
    try:
        text = unquote_to_bytes(raw.replace(b"+", b" ")).decode("utf-8")
    except UnicodeDecodeError:
        raise PayloadRejected(400, f"The {noun} is not UTF-8: percent-encode UTF-8 bytes.") from None
    if "\0" in text:
        raise PayloadRejected(400, f"The {noun} holds the character NUL (%00): remove it.")
    return text
