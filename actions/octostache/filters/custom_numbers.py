"""Custom numeric formats of .NET: `0`, `#`, `.`, `,`, `%`, quotes and sections (SPEC §11 Numbers)."""

import re
from decimal import ROUND_HALF_UP, Context, Decimal

# The largest double has 309 digits before the point, the smallest 1,074 behind it.
EXACT = Context(prec=2_000)
_MOST_DIGITS = 60


def quantized(number: Decimal, places: int) -> Decimal:
    """Rounded half away from zero."""
    return number.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP, EXACT)


def fixed(number: Decimal, places: int) -> str:
    return format(quantized(number, places), "f")


def format_custom(number: Decimal, pattern: str) -> str | None:
    """Up to three sections, for positive, negative and zero; None for a pattern of too many digits."""
    sections = _sections(pattern)
    if len(sections) > 1:
        if number < 0 and sections[1]:
            return _section(abs(number), sections[1])
        if number == 0 and len(sections) > 2:
            return _section(number, sections[2])
    text = _section(abs(number), sections[0])
    if text is None or number >= 0:
        return text
    # A sign as long as anything is left of the value after rounding, even where no digit is printed.
    return f"-{text}" if _rounds_to_something(abs(number), _pieces(sections[0])) else text


def _sections(pattern: str) -> list[str]:
    found, current, at = [], "", 0
    while at < len(pattern):
        character = pattern[at]
        if character in "'\"":
            close = pattern.find(character, at + 1)
            close = len(pattern) if close < 0 else close
            current += pattern[at : close + 1]
            at = close + 1
            continue
        if character == "\\":
            current += pattern[at : at + 2]
            at += 2
            continue
        if character == ";":
            found.append(current)
            current = ""
        else:
            current += character
        at += 1
    return [*found, current]


def _pieces(section: str) -> list[tuple[str, str]]:
    """("digit" | "literal" | "point" | "comma" | "percent" …, text) in order."""
    pieces: list[tuple[str, str]] = []
    at = 0
    while at < len(section):
        character = section[at]
        if character in "'\"":
            close = section.find(character, at + 1)
            close = len(section) if close < 0 else close
            pieces.append(("literal", section[at + 1 : close]))
            at = close + 1
        elif character == "\\":
            pieces.append(("literal", section[at + 1 : at + 2]))
            at += 2
        else:
            exponent = re.match(r"[eE][+-]?0+", section[at:])
            if exponent:
                pieces.append(("exponent", exponent.group()))
                at += exponent.end()
                continue
            kind = {"0": "digit", "#": "digit", ".": "point", ",": "comma", "%": "percent", "‰": "permille"}
            pieces.append((kind.get(character, "literal"), character))
            at += 1
    return pieces


def _section(number: Decimal, section: str) -> str | None:
    pieces = _pieces(section)
    digits = [index for index, (kind, _) in enumerate(pieces) if kind == "digit"]
    if len(digits) > _MOST_DIGITS:
        return None
    if not digits:
        return "".join(text for kind, text in pieces if kind in {"literal", "percent", "permille"})
    point = next((index for index, (kind, _) in enumerate(pieces) if kind == "point"), len(pieces))
    whole = [index for index in digits if index < point]
    fraction = [index for index in digits if index > point]
    # Commas between digits group; commas right before the point divide by a thousand each.
    edge = whole[-1] if whole else -1
    scaling = sum(1 for index, (kind, _) in enumerate(pieces) if kind == "comma" and edge < index < point)
    grouping = any(kind == "comma" and whole and whole[0] < index < whole[-1] for index, (kind, _) in enumerate(pieces))
    number = number.scaleb(-3 * scaling, EXACT)
    for kind, _ in pieces:
        number *= 100 if kind == "percent" else 1000 if kind == "permille" else 1
    exponent = next((text for kind, text in pieces if kind == "exponent"), "")
    power = 0
    if exponent and number:
        power = number.adjusted() - (len(whole) - 1)
        number = number.scaleb(-power, EXACT)
    return _filled(number, pieces, point, whole, fraction, grouping, power)


def _rounds_to_something(number: Decimal, pieces: list[tuple[str, str]]) -> bool:
    if any(kind == "exponent" for kind, _ in pieces):
        return number != 0
    kinds = [kind for kind, _ in pieces]
    places = kinds[kinds.index("point") :].count("digit") if "point" in kinds else 0
    scale = 2 * kinds.count("percent") + 3 * kinds.count("permille")
    return quantized(number.scaleb(scale, EXACT), places) != 0


def _filled(
    number: Decimal,
    pieces: list[tuple[str, str]],
    point: int,
    whole: list[int],
    fraction: list[int],
    grouping: bool,
    power: int,
) -> str:
    text = fixed(number, len(fraction))
    left, _, right = text.partition(".")
    left = left.lstrip("0")
    needed = next((len(whole) - at for at, index in enumerate(whole) if pieces[index][1] == "0"), 0)
    left = left.rjust(needed, "0")
    keep = next((len(fraction) - at for at, index in enumerate(reversed(fraction)) if pieces[index][1] == "0"), 0)
    while len(right) > keep and right.endswith("0"):
        right = right[:-1]
    parts: list[str] = []
    taken = 0
    for index, (kind, piece) in enumerate(pieces):
        if kind == "digit" and index < point:
            position = whole.index(index)
            remaining = len(whole) - position - 1
            upto = len(left) - remaining
            if upto > taken:
                parts.append(_with_commas(left, taken, upto, grouping))
                taken = upto
        elif kind == "digit":
            position = fraction.index(index)
            parts.append(right[position : position + 1])
        elif kind == "point":
            if index == point and right:
                parts.append(".")
        elif kind == "exponent":
            parts.append(_exponent_text(piece, power))
        elif kind != "comma":
            parts.append(piece)
    return "".join(parts)


def _with_commas(digits: str, start: int, end: int, grouping: bool) -> str:
    if not grouping:
        return digits[start:end]
    found = []
    for at in range(start, end):
        if at and (len(digits) - at) % 3 == 0:
            found.append(",")
        found.append(digits[at])
    return "".join(found)


def _exponent_text(piece: str, power: int) -> str:
    sign = "-" if power < 0 else "+" if "+" in piece else ""
    return f"{piece[0]}{sign}{abs(power):0{piece.count('0')}d}"
