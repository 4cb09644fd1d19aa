"""JSON from strangers, read strictly and within limits (SEC-31): one reading for webhooks and the management API.

What other readers of the same text could take differently is refused rather than guessed: duplicate keys, NaN, numbers
that overflow, NUL, lone surrogates. A leading UTF-8 byte order mark is accepted, since real senders begin with one.
"""

import json
import math
import re
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class JsonLimits:
    """`nodes` counts values: every object, array, text, number, true, false and null, but not the keys."""

    size_bytes: int = 1_048_576
    depth: int = 64
    nodes: int = 10_000
    digits: int = 4_300


DEFAULT_LIMITS = JsonLimits()


class JsonRejected(ValueError):
    """The body is not taken. `status` is 413 (too large) or 400; the message says what to do."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# Possessive, and an unterminated text matches to the end, so that hostile quotes cannot make the scan quadratic.
_TEXT = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)
_EMPTY = re.compile(rb"\[[ \t\r\n]*+\]|\{[ \t\r\n]*+\}")
_BRACKET = re.compile(rb"[\[\]{}]")
_SURROGATE = re.compile("[\ud800-\udfff]")


def parse_json(body: bytes, limits: JsonLimits = DEFAULT_LIMITS) -> Any:
    """The value that the body holds; raises JsonRejected and nothing else."""
    if len(body) > limits.size_bytes:
        raise JsonRejected(413, f"The body is larger than {limits.size_bytes:,} bytes: send less.")
    body = body.removeprefix(_BYTE_ORDER_MARK)
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise JsonRejected(400, f"The body is not UTF-8 at byte {error.start}: send JSON in UTF-8.") from None
    if not text.strip(" \t\r\n"):
        raise JsonRejected(400, "The body is empty: send a JSON document.")
    _check_shape(body, limits)
    value = _parsed(text, limits)
    if "\\u" in text or "\0" in text:
        _check_texts(value)
    return value


def _check_shape(body: bytes, limits: JsonLimits) -> None:
    """Count values and depth on the bytes, before the recursive parser sees them."""
    bare = _TEXT.sub(b"0", body)
    opened = bare.count(b"[") + bare.count(b"{")
    # Every bracket opens a value; the empty ones are only looked for when they can make a difference.
    if opened > limits.nodes or 1 + bare.count(b",") + opened - len(_EMPTY.findall(bare)) > limits.nodes:
        raise JsonRejected(400, f"The JSON has more than {limits.nodes:,} values: send less.")
    if opened <= limits.depth:
        return
    depth = 0
    for bracket in _BRACKET.finditer(bare):
        depth += 1 if bracket[0] in b"[{" else -1
        if depth > limits.depth:
            raise JsonRejected(400, f"The JSON is nested deeper than {limits.depth} levels: send a flatter document.")
        if depth < 0:
            return  # Not JSON: the parser says where.


def _parsed(text: str, limits: JsonLimits) -> Any:
    def whole(digits: str) -> int:
        if len(digits) > limits.digits:
            raise JsonRejected(400, f"A number has more than {limits.digits:,} digits: send it as text.")
        return int(digits)

    try:
        return json.loads(
            text, object_pairs_hook=_object, parse_int=whole, parse_float=_number, parse_constant=_constant
        )
    except json.JSONDecodeError as error:
        where = f"{error.msg.removesuffix(' at')} at line {error.lineno} column {error.colno}"
        raise JsonRejected(400, f"The body is not JSON: {where}. Correct it and send it again.") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        repeated = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise JsonRejected(400, f"The key {_shown(repeated)} appears twice in one object: send each key once.")
    return found


def _number(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise JsonRejected(400, f"The number {_shown(digits)} is too large: send it as text.")
    return number


def _constant(name: str) -> Any:
    raise JsonRejected(400, f"{name} is not JSON: send null or a text instead.")


def _check_texts(value: Any) -> None:
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            waiting.extend(one.keys())
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)
        elif isinstance(one, str):
            if "\0" in one:
                raise JsonRejected(400, "A text holds the character NUL (\\u0000): remove it.")
            if _SURROGATE.search(one):
                raise JsonRejected(
                    400, "A text holds half of a surrogate pair (\\ud800 to \\udfff): send the whole pair."
                )


def _shown(text: str) -> str:
    short = text if len(text) <= 40 else text[:40] + "…"
    return json.dumps(_SURROGATE.sub("\ufffd", short), ensure_ascii=False)
