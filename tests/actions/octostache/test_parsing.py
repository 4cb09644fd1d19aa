"""What reading a template costs: work grows with its length, however it is broken, and has an end (SEC-62)."""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

import actions.octostache
from actions.octostache import LimitError, OctostacheError
from actions.octostache.limits import MOST_TOKENS
from actions.octostache.parser import parse, parse_leniently

_OURS = actions.octostache.__path__[0]
_BEGINNINGS = ["", "#{A", "#{A | F ", "#{A[", "#{calc ", "#{if A == ", "#{each x in "]
_REPEATED = [
    "#{A}", "#{if A}", "#{if A}x#{/if}", "#{each x in A}", "#{A[", "#{A[x", "#{A[]", "#{a|F #{", "[#{A", "#{A | F x",
    '#{A | F "x', '#{A | F \\"x', "#{calc (", "#{calc 1+", '#{if "a" == A}#{A', '#{if a == "x', "#{if A | F == B | F}",
    "##", "#", "###{", "[", "#{[", "#{A[[", "#{A ", "#{ ", " \n", "#{elseif A}", "#{if A}#{elseif A}", "#{else}",
    "#{A[#{B", "#{A[#{B}", "#{A.", "#{each x in A}#{/each", "#{unless A}#{else}", "é ", "#{é", "]", "}", "#{}", "#{/if}",
]  # fmt: skip


def lines_run(work: Callable[[str], Any], text: str) -> int:
    """How many lines of the language's own code reading the text takes: a measure that no busy machine changes. What
    else runs meanwhile, such as another library's callbacks of the garbage collector, does not count."""
    lines = 0

    def count(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal lines
        if not frame.f_code.co_filename.startswith(_OURS):
            return None
        lines += event == "line"
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        work(text)
    except OctostacheError:
        pass
    finally:
        sys.settrace(before)
    return lines


@pytest.mark.parametrize("work", [parse, parse_leniently])
@pytest.mark.parametrize("beginning", _BEGINNINGS)
def test_twice_the_text_is_at_most_about_twice_the_work(work: Callable[[str], Any], beginning: str) -> None:
    for repeated in _REPEATED:
        once = lines_run(work, beginning + repeated * 100)
        twice = lines_run(work, beginning + repeated * 200)
        assert twice <= 2.5 * once + 100, repeated


@pytest.mark.parametrize("work", [parse, parse_leniently])
def test_sec_62_reading_ends_where_a_template_holds_too_many_tokens(work: Callable[[str], Any]) -> None:
    assert len(work("#{A}" * MOST_TOKENS).tokens) == MOST_TOKENS
    with pytest.raises(LimitError, match="more than 25,000 tokens"):
        work("#{A}" * 200_000)
    just_over, far_over = (lines_run(work, "#{A}" * count) for count in (MOST_TOKENS + 1, 4 * MOST_TOKENS))
    assert far_over == just_over


def test_brackets_in_an_index_belong_together() -> None:
    assert parse("#{A[b[c]d].E}").tokens[0].canonical() == "#{A[b[c]d].E}"
    assert parse("#{A[b[c}").error
    assert parse("] #{A[b]} [").error is None
