"""Which runs a claim takes: due ones, oldest first, within the caps of their targets."""

from collections import Counter
from datetime import timedelta

import pytest

from actions.engine.claims import Share, claim
from actions.engine.fairness import MANY, Turns
from actions.models import Run
from reactions_project import clock
from tests.actions.views.ledgers import event_of, run_of
from tests.factories import ReactionFactory

pytestmark = pytest.mark.django_db


def queued(**targets: int) -> None:
    """So many due runs for each target, in that order."""
    reaction = ReactionFactory()
    event = event_of(reaction.project, type="ReleaseCreated")
    sequence = 0
    for target, count in targets.items():
        for _ in range(count):
            sequence += 1
            run_of(event, reaction, "queued", target_key=target, sequence=sequence)


def claimed(limit: int, **more: object) -> list[str]:
    ids = claim(Share("http", limit, "token", clock.now() + timedelta(seconds=1), 15, **more))
    return [Run.objects.get(pk=pk).target_key for pk in ids]


def test_a_claim_takes_no_more_of_a_target_than_its_cap() -> None:
    queued(hanging=20, other=3)
    assert claimed(23, per_target=5) == ["hanging"] * 5 + ["other"] * 3
    assert Run.objects.filter(status="queued", lease_until=None, attempt_count=0).count() == 15


def test_what_is_in_flight_already_counts_towards_the_cap() -> None:
    queued(hanging=20, other=8)
    assert claimed(28, per_target=5, in_flight={"hanging": 4, "other": 2}) == ["hanging"] + ["other"] * 3


def test_a_claim_leaves_excluded_targets_alone() -> None:
    queued(hanging=20, other=2)
    assert claimed(10, targets={"hanging"}, per_target=5) == ["other"] * 2


def test_without_a_cap_the_oldest_are_taken_up_to_the_limit() -> None:
    queued(first=6, second=6)
    assert claimed(8) == ["first"] * 6 + ["second"] * 2
    assert claimed(8) == ["second"] * 4
    assert claimed(8) == []


def test_a_team_that_was_served_many_runs_stands_back_until_nobody_else_waits() -> None:
    turns = Turns("http", 200)
    turns.served(Counter({"flood": MANY, "small": MANY - 1}))
    assert turns.standing_back() == {"flood"}
    turns.nobody_else()
    assert turns.standing_back() == set()
