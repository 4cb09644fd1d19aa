"""Numbers as .NET prints and reads them (SPEC §12, §15), culture en-US, never the process' locale."""

import math
import re
from decimal import Decimal

_DOUBLE = re.compile(r"\s*([+-]?)(\d[\d,]*+\.?\d*+|\.\d++)(?:[eE]([+-]?\d+))?\s*\Z", re.ASCII)


def double_text(value: float, infinity: str = "∞") -> str:
    """The shortest digits that read back the same; an exponent from 1E+17 up and from 1E-05 down."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return infinity if value > 0 else f"-{infinity}"
    sign, digits, exponent = Decimal(repr(value)).as_tuple()
    assert isinstance(exponent, int)
    text = "".join(map(str, digits)).lstrip("0")
    if not text:
        return "-0" if math.copysign(1, value) < 0 else "0"
    stripped = text.rstrip("0")
    exponent += len(text) - len(stripped)
    power = len(stripped) + exponent - 1
    minus = "-" if sign else ""
    if -5 < power < 17:
        if exponent >= 0:
            return minus + stripped + "0" * exponent
        if power >= 0:
            return f"{minus}{stripped[: power + 1]}.{stripped[power + 1 :]}"
        return f"{minus}0.{'0' * (-power - 1)}{stripped}"
    mantissa = stripped[0] + (f".{stripped[1:]}" if len(stripped) > 1 else "")
    return f"{minus}{mantissa}E{'+' if power >= 0 else '-'}{abs(power):02d}"


def parse_double(text: str) -> float | None:
    """Sign, thousands commas, exponent and outer blanks; None for anything else."""
    if text.strip() == "NaN":
        return math.nan
    match = _DOUBLE.match(text)
    if match is None:
        return None
    sign, digits, exponent = match.groups()
    try:
        return float(f"{sign}{digits.replace(',', '')}e{exponent or 0}")
    except (ValueError, OverflowError):
        return None
