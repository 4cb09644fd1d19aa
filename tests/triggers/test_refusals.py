"""Refused requests, counted by route and reason."""

import time_machine

from triggers import refusals
from triggers.refusals import Reason


def test_each_route_and_reason_counts_by_itself_for_a_day(settings):
    settings.REDIS_URL = ""  # Redis has a clock of its own.
    with time_machine.travel("2026-03-04T05:06:00Z", tick=False) as moment:
        for reason in (Reason.KEY, Reason.KEY, Reason.SIZE):
            refusals.count("packages", reason)
        refusals.count("other", Reason.KEY)
        assert refusals.counts("packages") == {"key": 2, "size": 1}
        moment.shift(86_399)
        assert refusals.counts("packages") == {"key": 2, "size": 1}
        moment.shift(1)
        assert refusals.counts("packages") == {}


def test_looking_counts_nothing():
    assert refusals.counts("packages") == refusals.counts("packages") == {}


def test_a_status_tells_its_reason():
    told = {status: refusals.reason_of(status) for status in (400, 411, 413, 415, 429, 431, 503)}
    assert told == {
        400: "content", 411: "content", 413: "size", 415: "content", 429: "rate", 431: "size", 503: "server"
    }  # fmt: skip
