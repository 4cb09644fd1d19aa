"""Dates: reading many shapes, printing .NET formats, the clock, and adding hours and days. The zone is UTC."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

from dateutil import parser as dateutil_parser

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_DOTTED = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{1,4})\Z", re.ASCII)
_BARE_NUMBER = re.compile(r"\s*[+-]?[\d.,]*\s*\Z")


@dataclass(frozen=True)
class Moment:
    """A date and time; `ticks` is the seventh digit of the fraction, which datetime has not. `is_utc` prints Z."""

    at: datetime
    ticks: int = 0
    is_utc: bool = False

    @property
    def offset(self) -> timedelta | None:
        return self.at.utcoffset()


def parse_date(text: str) -> Moment | None:
    """As .NET reads dates with culture en-US; None for what it would not read."""
    stripped = text.strip()
    if not stripped or len(stripped) > 100:
        return None
    if dotted := _DOTTED.match(stripped):
        return _month_day_year(*dotted.groups())
    if _BARE_NUMBER.match(stripped):
        return None
    ticks = 0
    fraction = re.search(r":\d{1,2}\.(\d{7})\d*", stripped)
    if fraction:
        ticks = int(fraction.group(1)[6])
    at = _read(stripped)
    if at is None:
        return None
    if not _plausible(stripped):
        return None
    is_utc = bool(re.search(r"\d\s*(Z|GMT)\Z", stripped, re.IGNORECASE))
    if at.tzinfo is not None:
        offset = at.utcoffset() or timedelta()
        at = at.replace(tzinfo=timezone(offset))
    return Moment(at, ticks, is_utc)


def _read(text: str) -> datetime | None:
    """What is not said is today's for a time alone; a date without a year is of this one, without a day the first."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    first = today.replace(month=1, day=1)
    other = first.replace(year=first.year - 1, month=2, day=2)
    try:
        at, again = (dateutil_parser.parse(text, default=default) for default in (first, other))
    except (ValueError, OverflowError, TypeError, AttributeError):
        return None
    if at.year != again.year and at.month != again.month and at.day != again.day:
        return at.replace(year=today.year, month=today.month, day=today.day)
    return at


def _month_day_year(month: str, day: str, year: str) -> Moment | None:
    number = int(year)
    if len(year) <= 2:
        number += 2000 if number < 50 else 1900
    try:
        # Without a zone, like every date that names none.
        return Moment(datetime(number, int(month), int(day)))  # noqa: DTZ001
    except ValueError:
        return None


def _plausible(text: str) -> bool:
    """dateutil guesses from single words and numbers; .NET wants a date or a time that can be told as such."""
    has_time = re.search(r"\d:\d", text) or re.search(r"\d\s*[AaPp][Mm]\b", text)
    has_date = re.search(r"\d\s*[-/.]\s*\d", text) or re.search(
        r"(?i)\b(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\b", text
    )
    return bool(re.search(r"\d", text)) and bool(has_time or has_date)


def now(value: str | None, options: Sequence[str], *, utc: bool) -> str | None:
    """NowDate and NowDateUtc: no input, at most a format."""
    if value is not None or len(options) > 1:
        return None
    at = datetime.now(UTC)
    moment = Moment(at, is_utc=True) if utc else Moment(at.replace(tzinfo=None))
    return format_date(moment, options[0] if options else "o")


def _add(unit: str) -> Callable[[str, Sequence[str]], str | None]:
    def apply(value: str, options: Sequence[str]) -> str | None:
        if len(options) != 1 or not re.match(r"\s*[+-]?[\d,]*+\.?\d*+(?:[eE][+-]?\d+)?\s*\Z", options[0]):
            return None
        moment = parse_date(value)
        try:
            amount = float(options[0].replace(",", ""))
            if moment is None:
                return None
            return format_date(Moment(moment.at + timedelta(**{unit: amount}), moment.ticks, moment.is_utc), "o")
        except (ValueError, OverflowError):
            return None

    return apply


FILTERS = {"addhours": _add("hours"), "adddays": _add("days")}

_STANDARD = {
    "d": "M/d/yyyy", "D": "dddd, MMMM d, yyyy", "t": "h:mm\u202ftt", "T": "h:mm:ss\u202ftt",
    "f": "dddd, MMMM d, yyyy h:mm\u202ftt", "F": "dddd, MMMM d, yyyy h:mm:ss\u202ftt",
    "g": "M/d/yyyy h:mm\u202ftt", "G": "M/d/yyyy h:mm:ss\u202ftt",
    "M": "MMMM d", "m": "MMMM d", "Y": "MMMM yyyy", "y": "MMMM yyyy",
    "s": "yyyy-MM-ddTHH:mm:ss", "u": "yyyy-MM-dd HH:mm:ssZ",
    "o": "yyyy-MM-ddTHH:mm:ss.fffffffK", "O": "yyyy-MM-ddTHH:mm:ss.fffffffK",
    "R": "ddd, dd MMM yyyy HH:mm:ss GMT", "r": "ddd, dd MMM yyyy HH:mm:ss GMT",
}  # fmt: skip


def format_date(moment: Moment, pattern: str, *, with_offset: bool = False) -> str | None:
    """A .NET date format, standard or custom; None for one that is not known. `with_offset` is a DateTimeOffset."""
    if not pattern:
        pattern = "M/d/yyyy h:mm:ss\u202ftt zzz" if with_offset else "G"
    if len(pattern) == 1:
        if pattern not in _STANDARD:
            return None
        if pattern in "uRr" and (with_offset or moment.is_utc) and moment.at.tzinfo is not None:
            moment = Moment(moment.at.astimezone(UTC), moment.ticks, moment.is_utc)
        if pattern in "uRr":
            return "".join(
                _custom(moment, piece, with_offset) or "" if at % 2 == 0 else piece
                for at, piece in enumerate(re.split(r"(GMT|Z|T)", _STANDARD[pattern]))
            )
        if pattern == "s":
            return _custom(moment, "yyyy-MM-dd'T'HH:mm:ss", with_offset)
        return _custom(moment, _STANDARD[pattern].replace("ddT", "dd'T'"), with_offset)
    return _custom(moment, pattern, with_offset)


def _custom(moment: Moment, pattern: str, with_offset: bool) -> str | None:
    parts: list[str] = []
    at = 0
    while at < len(pattern):
        character = pattern[at]
        if character in "'\"":
            close = pattern.find(character, at + 1)
            if close < 0:
                return None
            parts.append(pattern[at + 1 : close])
            at = close + 1
        elif character == "\\":
            if at + 1 >= len(pattern):
                return None
            parts.append(pattern[at + 1])
            at += 2
        elif character == "%":
            if at + 1 >= len(pattern) or pattern[at + 1] == "%":
                return None
            at += 1
        elif character in "yMdHhmsfFtzKg":
            run = 1
            while character != "K" and at + run < len(pattern) and pattern[at + run] == character:
                run += 1
            text = _specifier(moment, character, run, with_offset)
            if text is None:
                return None
            if character == "F" and not text and parts and parts[-1].endswith("."):
                parts[-1] = parts[-1][:-1]
            parts.append(text)
            at += run
        else:
            parts.append(character)
            at += 1
    return "".join(parts)


def _specifier(moment: Moment, letter: str, count: int, with_offset: bool) -> str | None:
    at = moment.at
    if letter == "y":
        return str(at.year % 100) if count == 1 else f"{at.year % 100:02d}" if count == 2 else f"{at.year:0{count}d}"
    if letter == "M":
        name = _MONTHS[at.month - 1]
        return str(at.month) if count == 1 else f"{at.month:02d}" if count == 2 else name[:3] if count == 3 else name
    if letter == "d":
        name = _DAYS[at.weekday()]
        return str(at.day) if count == 1 else f"{at.day:02d}" if count == 2 else name[:3] if count == 3 else name
    if letter in "Hhms":
        number = {"H": at.hour, "h": at.hour % 12 or 12, "m": at.minute, "s": at.second}[letter]
        return str(number) if count == 1 else f"{number:02d}"
    if letter in "fF":
        if count > 7:
            return None
        digits = f"{at.microsecond:06d}{moment.ticks}"[:count]
        return digits if letter == "f" else digits.rstrip("0")
    if letter == "t":
        half = "AM" if at.hour < 12 else "PM"
        return half[0] if count == 1 else half
    if letter == "g":
        return "A.D."
    return _offset(moment, letter, count, with_offset)


def _offset(moment: Moment, letter: str, count: int, with_offset: bool) -> str:
    if letter == "K" and not with_offset:
        if moment.is_utc:
            return "Z"
        if moment.offset is None:
            return ""
    seconds = int((moment.offset or timedelta()).total_seconds())
    sign = "-" if seconds < 0 else "+"
    hours, minutes = divmod(abs(seconds) // 60, 60)
    if letter == "z" and count == 1:
        return f"{sign}{hours}"
    if letter == "z" and count == 2:
        return f"{sign}{hours:02d}"
    return f"{sign}{hours:02d}:{minutes:02d}"
