"""Service messages: what a script tells us on its standard output.

`##octopus[NAME attr='BASE64' ...]`, attribute values in base64 of UTF-8, in single or double quotes. Text around a
message is ordinary output, a message may be broken over lines, and anything malformed stays what it is: text.
Unlike Octopus' own parser, which forgets the rest of a line, several messages on one line are all understood.
"""

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

PREFIX = "##octopus["
LONGEST = 512 * 1024
_CRUMB = 4096
_BREAKS = re.compile(r"[\r\n]+")
_ATTRIBUTE = r"""\s++[A-Za-z][\w.-]*+\s*+=\s*+(?:'[^'\]]*+'|"[^"\]]*+")"""
_WHOLE = re.compile(rf"\s*+(?P<name>[A-Za-z][\w.-]*+)(?P<attributes>(?:{_ATTRIBUTE})*+)\s*+/?")
_EACH = re.compile(r"""([A-Za-z][\w.-]*)\s*=\s*(?:'([^']*)'|"([^"]*)")""")
_BEGUN = re.compile(
    rf"""\s*+(?:[A-Za-z][\w.-]*+(?:{_ATTRIBUTE})*+(?:\s++(?:[A-Za-z][\w.-]*+\s*+(?:=\s*+(?:['"][^'"\]]*+)?)?)?)?/?)?"""
)


@dataclass(frozen=True, slots=True)
class ServiceMessage:
    name: str
    attributes: dict[str, str] = field(default_factory=dict)
    raw: str = ""

    def get(self, name: str, default: str = "") -> str:
        return self.attributes.get(name.lower(), default)


class MessageParser:
    """Splits decoded output into text and messages, piece by piece. Text is passed on as soon as it cannot turn into
    a message any more, so that a prompt without a line end is not held back."""

    def __init__(self) -> None:
        self._held = ""
        self._look_again_at = 0

    def feed(self, text: str) -> Iterator[str | ServiceMessage]:
        self._held += text
        # A message that comes in crumbs is looked at again when it has doubled, or else its cost would be quadratic.
        if len(self._held) < self._look_again_at and "]" not in text:
            return
        self._look_again_at = 0
        yield from self._parse(at_end=False)

    def flush(self) -> Iterator[str | ServiceMessage]:
        yield from self._parse(at_end=True)

    def _parse(self, at_end: bool) -> Iterator[str | ServiceMessage]:
        text, self._held = self._held, ""
        while text:
            start = text.find(PREFIX)
            if start < 0:
                keep = 0 if at_end else _prefix_at_end(text)
                if len(text) > keep:
                    yield text[: len(text) - keep]
                self._held = text[len(text) - keep :]
                return
            if start:
                yield text[:start]
            body = start + len(PREFIX)
            end = text.find("]", body)
            if end < 0 and not at_end and self._may_continue(text[body:]):
                self._held = text[start:]
                self._look_again_at = 2 * len(self._held) if len(self._held) > _CRUMB else 0
                return
            message = parse_body(text[body:end]) if end >= 0 else None
            if message is None:
                yield text[start:body]
                text = text[body:]
            else:
                yield message
                text = text[end + 1 :]

    def _may_continue(self, body: str) -> bool:
        return len(body) <= LONGEST and _BEGUN.fullmatch(_BREAKS.sub("", body)) is not None


def parse_body(body: str) -> ServiceMessage | None:
    """The part between the brackets, or None when it is not a message."""
    if len(body) > LONGEST:
        return None
    match = _WHOLE.fullmatch(_BREAKS.sub("", body))
    if match is None:
        return None
    attributes: dict[str, str] = {}
    for name, single, double in _EACH.findall(match["attributes"]):
        value = _decode(single or double)
        if value is None:
            return None
        attributes[name.lower()] = value
    return ServiceMessage(match["name"], attributes, f"{PREFIX}{body}]")


def _decode(value: str) -> str | None:
    try:
        return base64.b64decode(value.strip(), validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return None


def _prefix_at_end(text: str) -> int:
    for length in range(len(PREFIX) - 1, 0, -1):
        if text.endswith(PREFIX[:length]):
            return length
    return 0
