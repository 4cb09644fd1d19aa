"""JSON inside values (SPEC §8): read as tolerantly as the reference does, printed as it prints."""

import json
import re
from typing import Any

from actions.octostache.numbers import double_text

MAX_DEPTH = 64


class NotJson(Exception):
    """The text is not JSON, however kindly read."""


class _Undefined:
    """JavaScript's undefined: prints as nothing."""


UNDEFINED = _Undefined()
_NUMBER = re.compile(r"-?(?:0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)")
_BARE_NAME = re.compile(r"[\w$]+")
_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "\\": "\\", "/": "/", '"': '"', "'": "'"}
_WORDS: dict[str, Any] = {
    "true": True, "false": False, "null": None, "undefined": UNDEFINED,
    "NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf"),
}  # fmt: skip


_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]')


def parse_json(text: str) -> Any:
    """The object or array that a text is; raises NotJson. Strict JSON takes the short way, with the same result."""
    if text.lstrip()[:1] not in {"{", "[", "/"}:
        raise NotJson
    # Half of a surrogate pair is legal JSON but no text; only the slow reader mends it.
    if not re.search(r"\\u[dD][89a-fA-F]", text):
        try:
            data = json.loads(text)
        except (ValueError, RecursionError):
            pass
        else:
            return _checked(data, text)
    return _checked(_Reader(text).document(), "")


def _checked(data: Any, text: str) -> Any:
    if not isinstance(data, dict | list) or _depth(text) > MAX_DEPTH:
        raise NotJson
    return data


def _depth(text: str) -> int:
    """How deep valid JSON is nested."""
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return 0
    depth = deepest = 0
    for bracket in _BRACKETS.findall(text):
        if bracket in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif bracket in "]}":
            depth -= 1
    return deepest


class _Reader:
    def __init__(self, text: str) -> None:
        self.text, self.end, self.at = text, len(text), 0

    def document(self) -> Any:
        value = self.value(0)
        self.blanks()
        if self.at < self.end:
            raise NotJson
        return value

    def blanks(self) -> None:
        text = self.text
        while self.at < self.end:
            if text[self.at].isspace():
                self.at += 1
            elif text.startswith("/*", self.at):
                close = text.find("*/", self.at + 2)
                if close < 0:
                    raise NotJson
                self.at = close + 2
            elif text.startswith("//", self.at):
                close = text.find("\n", self.at)
                self.at = self.end if close < 0 else close + 1
            else:
                return

    def peek(self) -> str:
        if self.at >= self.end:
            raise NotJson
        return self.text[self.at]

    def value(self, depth: int) -> Any:
        self.blanks()
        character = self.peek()
        if depth >= MAX_DEPTH and character in "{[":
            raise NotJson
        if character == "{":
            return self.object(depth)
        if character == "[":
            return self.array(depth)
        if character in "\"'":
            return self.string(character)
        for word, value in _WORDS.items():
            if self.text.startswith(word, self.at):
                after = self.at + len(word)
                if after == self.end or not (self.text[after].isalnum() or self.text[after] in "_$"):
                    self.at = after
                    return value
        return self.number()

    def number(self) -> Any:
        match = _NUMBER.match(self.text, self.at)
        if match is None:
            raise NotJson
        raw = match.group()
        after = match.end()
        if after < self.end and (self.text[after].isalnum() or self.text[after] in "_.$"):
            raise NotJson
        self.at = after
        digits = raw.lstrip("-")
        sign = -1 if raw.startswith("-") else 1
        if digits[:2] in {"0x", "0X"}:
            return sign * int(digits, 16)
        if digits.isdigit():
            if len(digits) > 4_000:
                raise NotJson
            if len(digits) > 1 and digits[0] == "0":
                try:
                    return sign * int(digits, 8)
                except ValueError:
                    raise NotJson from None
            return sign * int(digits)
        return float(raw)

    def string(self, quote: str) -> str:
        parts: list[str] = []
        text = self.text
        start = self.at = self.at + 1
        while True:
            character = self.peek()
            if character == quote:
                parts.append(text[start : self.at])
                self.at += 1
                return "".join(parts)
            if character != "\\":
                self.at += 1
                continue
            parts.append(text[start : self.at])
            self.at += 1
            escape = self.peek()
            self.at += 1
            if escape == "u":
                parts.append(self.unicode())
            elif escape in _ESCAPES:
                parts.append(_ESCAPES[escape])
            else:
                raise NotJson
            start = self.at

    def unicode(self) -> str:
        code = self.hexadecimal()
        if 0xD800 <= code < 0xDC00 and self.text.startswith("\\u", self.at):
            before = self.at
            self.at += 2
            low = self.hexadecimal()
            if 0xDC00 <= low < 0xE000:
                return chr(0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00))
            self.at = before
        return chr(code) if not 0xD800 <= code < 0xE000 else "\ufffd"

    def hexadecimal(self) -> int:
        digits = self.text[self.at : self.at + 4]
        if len(digits) < 4 or not all(digit in "0123456789abcdefABCDEF" for digit in digits):
            raise NotJson
        self.at += 4
        return int(digits, 16)

    def array(self, depth: int) -> list[Any]:
        items: list[Any] = []
        self.at += 1
        while True:
            self.blanks()
            character = self.peek()
            if character == "]":
                self.at += 1
                return items
            if character == ",":
                # A comma without a value before it.
                items.append(UNDEFINED)
                self.at += 1
                continue
            items.append(self.value(depth + 1))
            self.blanks()
            character = self.peek()
            if character == ",":
                self.at += 1
            elif character != "]":
                raise NotJson

    def object(self, depth: int) -> dict[str, Any]:
        members: dict[str, Any] = {}
        self.at += 1
        while True:
            self.blanks()
            character = self.peek()
            if character == "}":
                self.at += 1
                return members
            name = self.name(character)
            self.blanks()
            if self.peek() != ":":
                raise NotJson
            self.at += 1
            members[name] = self.value(depth + 1)
            self.blanks()
            character = self.peek()
            if character == ",":
                self.at += 1
            elif character != "}":
                raise NotJson

    def name(self, character: str) -> str:
        if character in "\"'":
            return self.string(character)
        match = _BARE_NAME.match(self.text, self.at)
        if match is None:
            raise NotJson
        self.at = match.end()
        return match.group()


def text_of(value: Any) -> str:
    """A found value as text: what a token prints."""
    if isinstance(value, str):
        return value
    if value is None or value is UNDEFINED:
        return ""
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return double_text(value, "Infinity")
    return compact(value)


def compact(value: Any) -> str:
    """JSON without blanks, in the order that it was read, non-ASCII kept."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{_quoted(name)}:{compact(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(compact(inner) for inner in value) + "]"
    if isinstance(value, str):
        return _quoted(value)
    if value is None:
        return "null"
    if value is UNDEFINED:
        return "undefined"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        text = double_text(value, "Infinity")
        return text if any(mark in text for mark in ".EIN") else f"{text}.0"
    return str(value)


def _quoted(text: str) -> str:
    quoted = json.dumps(text, ensure_ascii=False)
    for mark in ("\u0085", "\u2028", "\u2029"):
        if mark in quoted:
            quoted = quoted.replace(mark, f"\\u{ord(mark):04x}")
    return quoted
