"""Masks secret values in text before anybody stores or sees it (SEC-22). Best effort: text that a program altered
in a way not listed in `forms` passes through.

Values of three characters or fewer are left alone, as in Octopus: masking them would shred ordinary output.
"""

import base64
import json
import re
import urllib.parse
from collections.abc import Iterable, Iterator

MASK = "*****"
SHORTEST = 4
_LINE_BREAK = re.compile(r"\r\n|\r|\n")


def forms(value: str) -> set[str]:
    """Every spelling of `value` that is masked: itself, its lines, and those base64, URL and JSON encoded."""
    spellings: set[str] = set()
    for plain in {value, value.strip(), *(line.strip() for line in _LINE_BREAK.split(value))}:
        if len(plain) < SHORTEST:
            continue
        spellings.add(plain)
        spellings.update(_base64_forms(plain))
        spellings.add(urllib.parse.quote(plain, safe=""))
        spellings.add(urllib.parse.quote(plain))
        spellings.add(urllib.parse.quote_plus(plain))
        spellings.add(json.dumps(plain)[1:-1])
        spellings.add(json.dumps(plain, ensure_ascii=False)[1:-1])
    lower_case_escapes = {re.sub(r"%[0-9A-F]{2}", lambda match: match[0].lower(), text) for text in spellings}
    normalised = {text.replace("\r\n", "\n") for text in spellings}
    return {text for text in spellings | lower_case_escapes | normalised if len(text) >= SHORTEST}


def _base64_forms(plain: str) -> Iterator[str]:
    """A value inside a longer encoded text starts at one of three alignments; the characters at either edge mix with
    its neighbours, so only those that depend on the value alone are looked for."""
    octets = plain.encode("utf-8", "surrogatepass")
    for lead in range(3):
        encoded = base64.b64encode(b"\0" * lead + octets).rstrip(b"=").decode("ascii")
        first = (lead * 8 + 5) // 6
        last = (lead + len(octets)) * 8 // 6
        own = encoded[first:last]
        if len(own) >= SHORTEST:
            yield own
            yield own.replace("+", "-").replace("/", "_")
    yield base64.b64encode(octets).decode("ascii")
    yield base64.urlsafe_b64encode(octets).decode("ascii")


class Masker:
    """Knows the secrets of one run. More may be added while output is already flowing."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._needles: dict[str, int] = {}
        self.version = 0
        for secret in secrets:
            self.add(secret)

    def add(self, secret: str) -> None:
        for needle in forms(secret):
            self._needles.setdefault(needle, _period(needle))
        self.version += 1

    @property
    def longest(self) -> int:
        return max(map(len, self._needles), default=0)

    def mask(self, text: str) -> str:
        if not self._needles:
            return text
        return _cover(text, self.spans(text))

    def spans(self, text: str) -> list[tuple[int, int]]:
        """The parts of `text` to hide: sorted, and disjoint because overlapping finds become one."""
        found: list[tuple[int, int]] = []
        for needle, period in self._needles.items():
            found.extend(_occurrences(text, needle, period))
        found.sort()
        merged: list[tuple[int, int]] = []
        for start, end in found:
            if merged and start < merged[-1][1]:
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
            else:
                merged.append((start, end))
        return merged

    def unfinished(self, text: str) -> int:
        """Where at the end of `text` a secret may have begun whose rest is still to come; its length if nowhere."""
        earliest = len(text)
        for needle in self._needles:
            position = max(0, len(text) - len(needle) + 1)
            while (position := text.find(needle[0], position, earliest)) >= 0:
                if needle.startswith(text[position:]):
                    earliest = position
                    break
                position += 1
        return earliest


class StreamMasker:
    """Masks text that arrives in pieces. Holds back only what could be the beginning of a secret."""

    def __init__(self, masker: Masker) -> None:
        self._masker = masker
        self._held = ""

    def feed(self, text: str) -> str:
        text = self._held + text
        cut = self._masker.unfinished(text)
        spans = self._masker.spans(text)
        for start, end in spans:
            if start < cut < end:
                cut = start
        self._held = text[cut:]
        return _cover(text[:cut], [span for span in spans if span[1] <= cut])

    def flush(self) -> str:
        held, self._held = self._held, ""
        return self._masker.mask(held)


def _cover(text: str, spans: list[tuple[int, int]]) -> str:
    if not spans:
        return text
    pieces: list[str] = []
    position = 0
    for start, end in spans:
        pieces += (text[position:start], MASK)
        position = end
    pieces.append(text[position:])
    return "".join(pieces)


def _occurrences(text: str, needle: str, period: int) -> Iterator[tuple[int, int]]:
    """Non-overlapping searches would leave the tail of "ababab" visible when "abab" is secret. A needle can overlap
    itself only by its period, so the run is followed character by character: linear in the text."""
    start = text.find(needle)
    while start >= 0:
        end = start + len(needle)
        if period < len(needle):
            reach = end
            while reach < len(text) and text[reach] == text[reach - period]:
                reach += 1
            end += (reach - end) // period * period
        yield start, end
        start = text.find(needle, end)


def _period(needle: str) -> int:
    """The smallest shift by which `needle` overlaps itself (Knuth, Morris and Pratt's failure function)."""
    borders = [0] * len(needle)
    length = 0
    for index in range(1, len(needle)):
        while length and needle[index] != needle[length]:
            length = borders[length - 1]
        if needle[index] == needle[length]:
            length += 1
        borders[index] = length
    return len(needle) - length
