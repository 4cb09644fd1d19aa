"""Regular expressions that people write: a safe part of the language, and a bound on the time they take (SEC-62).

Matching has a time limit, compiling has none: the engine unrolls counted repeats, so that `(?:a{9999}){9999}` would
eat all memory before anything is matched. Patterns are therefore measured before they are compiled, and what may
outrun the time limit (recursion, fuzzy matching) is not accepted at all.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

import regex

TIME_LIMIT = 0.1
LONGEST_PATTERN = 500
LARGEST_PATTERN = 10_000

# Groups, look-around, named groups and references to them, atomic groups, and flags for all or a part.
_GROUP = re.compile(
    r"\?(?::|=|!|<=|<!|>|P?<[A-Za-z_]\w*>|P=[A-Za-z_]\w*(?=\))|[ims]+(?:-[ims]+)?[:)]|-[ims]+:)", re.ASCII
)
_REPEAT = re.compile(r"\{(\d{0,5})(?:(,)(\d{0,5}))?\}", re.ASCII)
_ESCAPE = re.compile(r"\\(?:[pP]\{[^{}]*\}|.)", re.DOTALL)
_SET = re.compile(r"\[\^?\]?(?:\\.|\[:\^?\w+:\]|[^\]\\])*+\]", re.DOTALL)


class PatternError(ValueError):
    """A pattern that is not accepted; one sentence says why."""


class PatternTimeout(Exception):
    """The text took the pattern longer than the limit."""


@dataclass(frozen=True)
class Pattern:
    text: str
    ignore_case: bool = False

    def is_found_in(self, text: str, seconds: float = TIME_LIMIT) -> bool:
        """Whether it matches anywhere in the text; raises PatternTimeout, or PatternError for a broken pattern."""
        compiled = compiled_pattern(self.text, self.ignore_case)
        if seconds <= 0:
            raise PatternTimeout
        try:
            return compiled.search(text, timeout=seconds) is not None
        except TimeoutError:
            raise PatternTimeout from None


@lru_cache(maxsize=512)
def compiled_pattern(text: str, ignore_case: bool = False) -> regex.Pattern[str]:
    """Compile a pattern, from a cache where it is known; raises PatternError."""
    check_pattern(text)
    try:
        return cast("regex.Pattern[str]", regex.compile(text, regex.IGNORECASE if ignore_case else 0))
    except (regex.error, OverflowError, RecursionError, ValueError, IndexError, KeyError) as error:
        raise PatternError(f"The pattern cannot be read: {error}.") from None


def check_pattern(text: str) -> None:
    """Raise PatternError for a pattern that is too large or uses what is not accepted."""
    if len(text) > LONGEST_PATTERN:
        raise PatternError(f"The pattern is longer than {LONGEST_PATTERN} characters: shorten it.")
    if _unrolled(text) > LARGEST_PATTERN:
        raise PatternError("The pattern repeats too much: use smaller numbers in its braces.")


def _unrolled(text: str) -> int:
    """How many single matchers the pattern unrolls to; stops counting above the limit."""
    sizes = [0]  # of each open group so far, the whole pattern first
    last = 0  # size of what a following repeat would repeat
    at = 0
    while at < len(text) and sum(sizes) <= LARGEST_PATTERN:
        char = text[at]
        if char == "(":
            at, opens = _group(text, at)
            last = 0
            if opens:
                sizes.append(1)
        elif char == ")":
            if len(sizes) == 1:
                raise PatternError("The pattern closes a group that is not open: write \\) for a parenthesis.")
            last = sizes.pop()
            sizes[-1] += last
            at += 1
        elif char == "{":
            at, times = _repeat(text, at)
            sizes[-1] += last * (times - 1)
            last *= times
        elif char in "*+?|^$":
            at += 1
        else:
            at = _atom_end(text, at)
            last = 1
            sizes[-1] += 1
    return sum(sizes)


def _group(text: str, at: int) -> tuple[int, bool]:
    """Where a parenthesis' introduction ends, and whether a group is open there: flags and references open none."""
    if not text.startswith(("(?", "(*"), at):
        return at + 1, True
    found = _GROUP.match(text, at + 1)
    if not found:
        shown = text[at : at + 4]
        raise PatternError(f"The pattern has {shown}: only plain, named and look-around groups are accepted.")
    if found[0].startswith("?P="):
        return found.end() + 1, False
    return found.end(), not found[0].endswith(")")


def _repeat(text: str, at: int) -> tuple[int, int]:
    found = _REPEAT.match(text, at)
    if not found or not (found[1] or found[3]):
        raise PatternError("The pattern has a brace that is not a repeat such as {2,5}: write \\{ for a brace.")
    return found.end(), max(int(found[1] or 0), int(found[3] or 0), 1)


def _atom_end(text: str, at: int) -> int:
    kind = {"\\": _ESCAPE, "[": _SET}.get(text[at])
    if kind is None:
        return at + 1
    found = kind.match(text, at)
    if not found:
        raise PatternError(f"The pattern ends within {text[at : at + 10]!r}: close it.")
    return found.end()
