"""Match and Replace with .NET patterns, translated, under a time limit (SEC-62)."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from time import perf_counter

import regex

from actions.octostache.errors import FilterError, LimitError
from actions.octostache.filters.patterns import translated
from actions.octostache.limits import Cost

_LONGEST_PATTERN = 2_000
# A pattern's repeats multiplied out; beyond this, compiling alone could take minutes.
_MOST_UNROLLED = 100_000


def match(value: str | None, options: Sequence[str], cost: Cost) -> str | None:
    if value is None or len(options) != 1:
        return None
    pattern, _ = compiled(options[0])
    with _time_for(options[0], cost) as seconds:
        return "true" if pattern.search(value, timeout=seconds) is not None else "false"


def replace(value: str | None, options: Sequence[str], cost: Cost) -> str | None:
    if value is None or not options:
        return None
    template = options[1] if len(options) > 1 else ""
    left = cost.limits.output

    def expand(found: "regex.Match[str]") -> str:
        nonlocal left
        text = expanded(template, found, numbers)
        left -= len(text)
        if left < 0:
            raise LimitError(
                f"Replace makes more than {cost.limits.output:,} characters: make the replacement shorter."
            )
        return text

    pattern, numbers = compiled(options[0])
    with _time_for(options[0], cost) as seconds:
        return pattern.sub(expand, value, timeout=seconds)


@contextmanager
def _time_for(pattern: str, cost: Cost) -> Iterator[float]:
    """The seconds that one call may take, taken off those of the whole evaluation."""
    seconds = min(cost.limits.regex_seconds, cost.regex_seconds_left)
    if seconds <= 0:
        raise _too_slow(pattern)
    start = perf_counter()
    try:
        yield seconds
    except TimeoutError:
        raise _too_slow(pattern) from None
    finally:
        cost.regex_seconds_left -= perf_counter() - start


def _too_slow(pattern: str) -> LimitError:
    return LimitError(f"The pattern {pattern[:60]!r} takes too long on this text: make it simpler.")


@lru_cache(maxsize=256)
def compiled(pattern: str) -> tuple["regex.Pattern[str]", dict[int, int]]:
    """The pattern, translated from .NET's flavour, and the group for each of its numbers; raises FilterError."""
    if len(pattern) > _LONGEST_PATTERN or unrolled(pattern) > _MOST_UNROLLED:
        raise FilterError(f"The pattern {pattern[:60]!r} is too large: repeat less, or nest fewer repeats.")
    try:
        text, numbers = translated(pattern)
        return regex.compile(text, flags=regex.VERSION1), numbers
    except (regex.error, ValueError, OverflowError, RecursionError) as error:
        raise FilterError(f"The pattern {pattern[:60]!r} is not a valid regular expression: {error}.") from None


_COUNTED = re.compile(r"\{(\d*)(?:,(\d*))?\}")


def unrolled(pattern: str) -> int:
    """An upper bound for how far counted repeats blow the pattern up: their product."""
    total = max(1, len(pattern))
    for low, high in _COUNTED.findall(pattern):
        total *= max(1, int(low or 0) if len(low) < 7 else 10**7, int(high or 0) if len(high) < 7 else 10**7)
        if total > 10**12:
            break
    return total


_REFERENCE = re.compile(r"\$(?:([0-9]{1,6}(?![0-9]))|\{(\w+)\}|([$&`'_+]))")


def expanded(template: str, found: "regex.Match[str]", numbers: Mapping[int, int]) -> str:
    """.NET replacement text: $1, ${name}, $&, $$ …; an unknown group stays as it is written."""

    def one(reference: re.Match[str]) -> str:
        number, name, mark = reference.groups()
        if mark is not None:
            return _marked(mark, found, numbers)
        if number is None and re.fullmatch(r"[0-9]{1,6}", name):
            number = name
        if number is not None:
            group = numbers.get(int(number)) if int(number) else 0
            return reference.group() if group is None else found.group(group) or ""
        return (found.group(name) or "") if name in found.re.groupindex else reference.group()

    return _REFERENCE.sub(one, template)


def _marked(mark: str, found: "regex.Match[str]", numbers: Mapping[int, int]) -> str:
    if mark == "$":
        return "$"
    if mark == "&":
        return found.group()
    if mark == "`":
        return found.string[: found.start()]
    if mark == "'":
        return found.string[found.end() :]
    if mark == "_":
        return found.string
    return (found.group(numbers[max(numbers)]) or "") if numbers else ""
