"""The Format filter: .NET numeric formats on decimals, and dates (SPEC §11 Format)."""

import math
import re
from collections.abc import Sequence
from datetime import UTC
from decimal import ROUND_HALF_UP, Context, Decimal, localcontext

from actions.octostache.filters.dates import Moment, format_date, parse_date
from actions.octostache.numbers import double_text, parse_double

_DECIMAL = re.compile(r"\s*([+-]?)(\d[\d,]*+\.?\d*+|\.\d++)\s*\Z", re.ASCII)
_STANDARD = re.compile(r"([A-Za-z])(\d{0,3})\Z")
# The largest double has 309 digits before the point, the smallest 1,074 behind it.
_CONTEXT = Context(prec=2_000)
# .NET's decimal ends before this.
_DECIMAL_END = Decimal(2**96)
_MOST_DIGITS = 60
# Characters of an input that is still taken for a number.
_LONGEST = 400


def format_value(value: str, options: Sequence[str]) -> str | None:
    # Enough digits for any number of any kind, whatever the process has set.
    with localcontext(_CONTEXT):
        return _formatted(value, options)


def _formatted(value: str, options: Sequence[str]) -> str | None:
    if len(options) == 1:
        number = _decimal(value)
        if number is not None:
            return format_number(number, options[0], "decimal")
        moment = parse_date(value)
        return None if moment is None else format_date(_with_zone(moment), options[0], with_offset=True)
    if len(options) != 2:
        return None
    kind, pattern = options[0].lower(), options[1]
    if kind in {"int", "int32"}:
        number = _integer(value)
        return None if number is None else format_number(number, pattern, "int")
    if kind == "double":
        return _format_double(value, pattern)
    if kind == "decimal":
        number = _decimal(value)
        return None if number is None else format_number(number, pattern, "decimal")
    if kind in {"date", "datetime", "datetimeoffset"}:
        moment = parse_date(value)
        if moment is None:
            return None
        if kind == "datetimeoffset":
            return format_date(_with_zone(moment), pattern, with_offset=True)
        return format_date(_in_server_zone(moment), pattern)
    return None


def _format_double(value: str, pattern: str) -> str | None:
    amount = parse_double(value) if len(value) <= _LONGEST else None
    if amount is None:
        return None
    if not math.isfinite(amount):
        return double_text(amount)
    if _STANDARD.match(pattern) or not pattern:
        return format_number(Decimal(amount), pattern, "double")
    # Custom formats see fifteen digits of a double.
    return _custom(Context(prec=15).create_decimal(Decimal(amount)), pattern)


def _with_zone(moment: Moment) -> Moment:
    return moment if moment.at.tzinfo is not None else Moment(moment.at.replace(tzinfo=UTC), moment.ticks)


def _in_server_zone(moment: Moment) -> Moment:
    if moment.at.tzinfo is None:
        return moment
    return Moment(moment.at.astimezone(UTC), moment.ticks, is_utc=False)


def _decimal(text: str) -> Decimal | None:
    match = _DECIMAL.match(text) if len(text) <= _LONGEST else None
    if match is None:
        return None
    number = Decimal(match[1] + match[2].replace(",", ""))
    return number if abs(number) < _DECIMAL_END else None


def _integer(text: str) -> Decimal | None:
    if not re.match(r"\s*[+-]?\d{1,12}\s*\Z", text, re.ASCII):
        return None
    value = int(text)
    return Decimal(value) if -(2**31) <= value < 2**31 else None


def format_number(number: Decimal, pattern: str, kind: str) -> str | None:
    """A standard format (a letter and digits) or a custom one; None when the type does not take it."""
    match = _STANDARD.match(pattern)
    if match is None:
        return _custom(number, pattern) if pattern else _general(number, kind)
    letter, digits = match[1], int(match[2]) if match[2] else None
    return _standard(number, letter, digits, kind)


def _standard(number: Decimal, letter: str, digits: int | None, kind: str) -> str | None:
    upper = letter.upper()
    if upper == "C":
        text = _grouped(abs(number), 2 if digits is None else digits)
        return f"-${text}" if _is_negative(number, 2 if digits is None else digits) else f"${text}"
    if upper in "NF":
        places = 3 if digits is None else digits
        text = _grouped(abs(number), places) if upper == "N" else _fixed(abs(number), places)
        return f"-{text}" if _is_negative(number, places) else text
    if upper == "P":
        places = 3 if digits is None else digits
        text = _grouped(abs(number) * 100, places)
        return f"-{text}%" if _is_negative(number * 100, places) else f"{text}%"
    if upper == "E":
        return _exponent(number, 6 if digits is None else digits, letter)
    if upper == "G":
        return _general(number, kind) if not digits else _significant(number, digits, letter)
    if upper == "R":
        return _general(number, kind) if kind != "int" else str(int(number))
    if kind != "int":
        return None
    if upper == "D":
        value = int(number)
        return ("-" if value < 0 else "") + str(abs(value)).zfill(digits or 0)
    if upper == "X":
        value = int(number) & 0xFFFFFFFF
        return format(value, letter).zfill(digits or 0)
    if upper == "B":
        return format(int(number) & 0xFFFFFFFF, "b").zfill(digits or 0)
    return None


def _general(number: Decimal, kind: str) -> str:
    if kind == "double":
        return double_text(float(number))
    return format(number, "f")


def _quantized(number: Decimal, places: int) -> Decimal:
    return number.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP, _CONTEXT)


def _is_negative(number: Decimal, places: int) -> bool:
    return _quantized(number, places) < 0


def _fixed(number: Decimal, places: int) -> str:
    return format(_quantized(number, places), "f")


def _grouped(number: Decimal, places: int) -> str:
    return format(_quantized(number, places), ",f")


def _exponent(number: Decimal, places: int, letter: str, least: int = 3) -> str:
    if number == 0:
        return f"{_fixed(Decimal(0), places)}{letter}+{'0' * least}"
    power = number.adjusted()
    mantissa = _quantized(number.scaleb(-power, _CONTEXT), places)
    if abs(mantissa) >= 10:
        power += 1
        mantissa = _quantized(number.scaleb(-power, _CONTEXT), places)
    return f"{mantissa:f}{letter}{'-' if power < 0 else '+'}{abs(power):0{least}d}"


def _significant(number: Decimal, digits: int, letter: str) -> str:
    rounded = Context(prec=max(1, digits), rounding=ROUND_HALF_UP).create_decimal(number)
    if rounded == 0:
        return "0"
    power = rounded.adjusted()
    if -5 <= power < digits:
        text = format(rounded, "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    mantissa = format(rounded.scaleb(-power, _CONTEXT), "f")
    mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
    return f"{mantissa}{'E' if letter.isupper() else 'e'}{'-' if power < 0 else '+'}{abs(power):02d}"


def _custom(number: Decimal, pattern: str) -> str | None:
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
    number = number.scaleb(-3 * scaling, _CONTEXT)
    for kind, _ in pieces:
        number *= 100 if kind == "percent" else 1000 if kind == "permille" else 1
    exponent = next((text for kind, text in pieces if kind == "exponent"), "")
    power = 0
    if exponent and number:
        power = number.adjusted() - (len(whole) - 1)
        number = number.scaleb(-power, _CONTEXT)
    return _filled(number, pieces, point, whole, fraction, grouping, power)


def _rounds_to_something(number: Decimal, pieces: list[tuple[str, str]]) -> bool:
    if any(kind == "exponent" for kind, _ in pieces):
        return number != 0
    kinds = [kind for kind, _ in pieces]
    places = kinds[kinds.index("point") :].count("digit") if "point" in kinds else 0
    scale = 2 * kinds.count("percent") + 3 * kinds.count("permille")
    return _quantized(number.scaleb(scale, _CONTEXT), places) != 0


def _filled(
    number: Decimal,
    pieces: list[tuple[str, str]],
    point: int,
    whole: list[int],
    fraction: list[int],
    grouping: bool,
    power: int,
) -> str:
    text = _fixed(number, len(fraction))
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
