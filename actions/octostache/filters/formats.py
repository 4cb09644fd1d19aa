"""The Format filter: .NET numeric formats on decimals, and dates (SPEC §11 Format)."""

import math
import re
from collections.abc import Sequence
from datetime import UTC
from decimal import ROUND_HALF_UP, Context, Decimal, localcontext

from actions.octostache.filters.custom_numbers import EXACT, fixed, format_custom, quantized
from actions.octostache.filters.dates import Moment, format_date, parse_date
from actions.octostache.numbers import double_text, parse_double

# A sign stands before the number or behind it.
_DECIMAL = re.compile(r"\s*([+-])?(\d[\d,]*+\.?\d*+|\.\d++)\s*((?(1)|[+-]?))\s*\Z", re.ASCII)
_STANDARD = re.compile(r"([A-Za-z])(\d{0,3})\Z")
# .NET's decimal ends before this.
_DECIMAL_END = Decimal(2**96)
# Characters of an input that is still taken for a number.
_LONGEST = 400


def format_value(value: str, options: Sequence[str]) -> str | None:
    # Enough digits for any number of any kind, whatever the process has set.
    with localcontext(EXACT):
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
    return format_custom(Context(prec=15).create_decimal(Decimal(amount)), pattern)


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
    number = Decimal((match[1] or match[3]) + match[2].replace(",", ""))
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
        return format_custom(number, pattern) if pattern else _general(number, kind)
    letter, digits = match[1], int(match[2]) if match[2] else None
    return _standard(number, letter, digits, kind)


def _standard(number: Decimal, letter: str, digits: int | None, kind: str) -> str | None:
    upper = letter.upper()
    if upper == "C":
        text = _grouped(abs(number), 2 if digits is None else digits)
        return f"-${text}" if _is_negative(number, 2 if digits is None else digits) else f"${text}"
    if upper in "NF":
        places = 3 if digits is None else digits
        text = _grouped(abs(number), places) if upper == "N" else fixed(abs(number), places)
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


def _is_negative(number: Decimal, places: int) -> bool:
    return quantized(number, places) < 0


def _grouped(number: Decimal, places: int) -> str:
    return format(quantized(number, places), ",f")


def _exponent(number: Decimal, places: int, letter: str, least: int = 3) -> str:
    if number == 0:
        return f"{fixed(Decimal(0), places)}{letter}+{'0' * least}"
    power = number.adjusted()
    mantissa = quantized(number.scaleb(-power, EXACT), places)
    if abs(mantissa) >= 10:
        power += 1
        mantissa = quantized(number.scaleb(-power, EXACT), places)
    return f"{mantissa:f}{letter}{'-' if power < 0 else '+'}{abs(power):0{least}d}"


def _significant(number: Decimal, digits: int, letter: str) -> str:
    rounded = Context(prec=max(1, digits), rounding=ROUND_HALF_UP).create_decimal(number)
    if rounded == 0:
        return "0"
    power = rounded.adjusted()
    if -5 <= power < digits:
        text = format(rounded, "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    mantissa = format(rounded.scaleb(-power, EXACT), "f")
    mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
    return f"{mantissa}{'E' if letter.isupper() else 'e'}{'-' if power < 0 else '+'}{abs(power):02d}"
