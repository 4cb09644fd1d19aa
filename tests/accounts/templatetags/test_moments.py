"""Times in words."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from accounts.templatetags.moments import due, duration, in_words, moment

NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("ago", "expected"),
    [
        (timedelta(milliseconds=200), "just now"),
        (timedelta(seconds=9), "9 s ago"),
        (timedelta(minutes=2, seconds=59), "2 min ago"),
        (timedelta(hours=23, minutes=59), "23 h ago"),
        (timedelta(days=2), "21 Nov 03:00"),
        (timedelta(days=400), "19 Oct 2025"),
        (timedelta(seconds=-30), "in 30 s"),
        (timedelta(minutes=-5), "in 5 min"),
    ],
)
def test_how_long_ago(ago, expected):
    with time_machine.travel(NOW, tick=False):
        assert in_words(NOW - ago) == expected


def test_a_moment_carries_the_exact_time():
    with time_machine.travel(NOW, tick=False):
        assert moment(NOW - timedelta(minutes=5)) == (
            '<time datetime="2026-11-23T02:55:00+00:00" title="2026-11-23 02:55:00 UTC">5 min ago</time>'
        )
        assert moment(None) == "never"


def test_what_is_late_is_due_now():
    with time_machine.travel(NOW, tick=False):
        assert due(NOW - timedelta(minutes=5)) == "now"
        assert "in 5 min" in due(NOW + timedelta(minutes=5))


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, "0 ms"), (0.6, "600 ms"), (4.24, "4.2 s"), (242, "4 min 2 s"), (3600 * 3 + 61, "3 h 1 min"), (-1, "0 ms")],
)
def test_durations(seconds, expected):
    assert duration(seconds) == expected
