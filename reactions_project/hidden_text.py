"""Finds what a reader of hostile text would not see: control, bidi and invisible characters (SEC-70). Pure.

Also reads the colour codes that programs write to terminals, which pages turn into classes.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

# Controls besides tab and newline, soft hyphen, bidi marks and overrides, zero-width and separator characters,
# interlinear marks, tags, lone surrogates. Joiners (U+200C, U+200D) stay: Persian, Hindi and emoji need them.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b\u200e\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
_CONTROL_NAMES = {
    0x00: "NULL",
    0x07: "BELL",
    0x08: "BACKSPACE",
    0x0B: "LINE TABULATION",
    0x0C: "FORM FEED",
    0x0D: "CARRIAGE RETURN",
    0x1B: "ESCAPE",
    0x7F: "DELETE",
}
_COLOUR_CODE = re.compile("\x1b\\[([0-9;]{0,40})m")
_STYLES = {
    1: "bold", 2: "faint", 3: "italic", 4: "underline",
    31: "red", 32: "green", 33: "yellow", 34: "blue", 35: "magenta", 36: "cyan", 90: "faint",
    91: "red", 92: "green", 93: "yellow", 94: "blue", 95: "magenta", 96: "cyan",
}  # fmt: skip


@dataclass(frozen=True)
class Piece:
    """A stretch of plain text, or one hidden character as its code and name."""

    kind: Literal["plain", "hidden"]
    text: str
    name: str = ""


def pieces(text: str) -> Iterator[Piece]:
    """The text in order; joining the plain pieces and the codes gives something that can be read safely."""
    text = text.replace("\r\n", "\n")
    at = 0
    for found in _HIDDEN.finditer(text):
        if found.start() > at:
            yield Piece("plain", text[at : found.start()])
        code = ord(found[0])
        name = _CONTROL_NAMES[code] if code in _CONTROL_NAMES else unicodedata.name(found[0], "control character")
        yield Piece("hidden", f"U+{code:04X}", name.lower())
        at = found.end()
    if at < len(text):
        yield Piece("plain", text[at:])


def readable(text: str) -> str:
    """The same as one string, for places that hold no markup: titles, options, file names."""
    return "".join(piece.text if piece.kind == "plain" else f"⟨{piece.text}⟩" for piece in pieces(text))


def styled(text: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """Terminal text as (styles, text); codes other than colour stay in the text, where `pieces` shows them."""
    styles: list[str] = []
    at = 0
    for code in _COLOUR_CODE.finditer(text):
        if code.start() > at:
            yield tuple(styles), text[at : code.start()]
        styles = _after(styles, code[1])
        at = code.end()
    if at < len(text):
        yield tuple(styles), text[at:]


def _after(styles: list[str], codes: str) -> list[str]:
    numbers = [int(number or 0) for number in codes.split(";")]
    kept = list(styles)
    for number in numbers:
        if number in (38, 48):
            # An indexed or RGB colour: its numbers are not codes, and our own colours say enough.
            break
        if number in (0, 39):
            kept = []
        elif number in _STYLES and _STYLES[number] not in kept:
            kept.append(_STYLES[number])
    return kept
