"""Which runs a claim takes: due ones, oldest first, within the caps of their targets."""

from collections import Counter
from datetime import timedelta
from uuid import UUID

import pytest

from actions.engine.claims import Share, claim, teams_due
from actions.engine.fairness import crowded, last_in_turn
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


def test_each_team_that_waits_gets_as_many_however_many_another_has_queued() -> None:
    flooded = [queued_of(30) for _ in range(2)]
    small = queued_of(1)
    assert teams_claimed(12) == {flooded[0]: 4, flooded[1]: 4, small: 1}
    assert teams_claimed(12) == {flooded[0]: 6, flooded[1]: 6}


def test_of_more_teams_than_there_is_room_for_each_has_its_turn() -> None:
    teams = {queued_of(3) for _ in range(5)}
    after, turns = None, []
    for _ in range(5):
        turns.append(set(teams_claimed(2, after=after)))
        after = last_in_turn(turns[-1], after)
    assert all(len(turn) == 2 for turn in turns)
    assert turns[0] | turns[1] | turns[2] == teams
    # The turns go round.
    assert Counter(team for turn in turns for team in turn) == Counter(dict.fromkeys(teams, 2))


def test_a_team_that_only_waits_for_a_later_try_takes_no_share() -> None:
    busy, later = queued_of(10), queued_of(3)
    Run.objects.filter(team=later).update(due_at=clock.now() + timedelta(hours=1))
    assert teams_claimed(8) == {busy: 8}
    assert teams_due("http", clock.now() + timedelta(seconds=1)) == {busy}


def test_an_excluded_team_waits() -> None:
    one, other = queued_of(3), queued_of(3)
    assert teams_claimed(6, teams={one}) == {other: 3}


def queued_of(count: int) -> UUID:
    """So many due runs of a team of its own; its id."""
    reaction = ReactionFactory()
    event = event_of(reaction.project, type="ReleaseCreated")
    for sequence in range(1, count + 1):
        run_of(event, reaction, "queued", sequence=sequence)
    return reaction.project.team_id


def teams_claimed(limit: int, **more: object) -> Counter[UUID]:
    ids = claim(Share("http", limit, "token", clock.now() + timedelta(seconds=1), 15, **more))
    return Counter(Run.objects.get(pk=pk).team_id for pk in ids)


def test_while_others_wait_a_team_holds_no_more_than_its_share_of_the_slots() -> None:
    assert crowded(Counter(a=200), 200, lambda: {"b"}) == {"a"}
    assert crowded(Counter(a=99), 200, lambda: {"b"}) == set()
    assert crowded(Counter(a=70, b=60), 200, lambda: {"a", "b", "c"}) == {"a"}


def test_the_shares_of_all_teams_leave_no_slot_empty() -> None:
    teams = Counter({f"team {number}": 33 for number in range(6)})
    assert crowded(teams, 200, lambda: set(teams)) == set()


def test_of_two_slots_each_of_two_teams_has_one() -> None:
    assert crowded(Counter(a=1), 2, lambda: {"b"}) == {"a"}
    assert crowded(Counter(), 2, lambda: {"b"}) == set()
    assert crowded(Counter(), 2, set) == set()


def test_a_team_alone_may_hold_all_slots_and_of_few_nobody_is_asked() -> None:
    assert crowded(Counter(a=200), 200, lambda: {"a"}) == set()
    assert crowded(Counter(a=49), 200, lambda: pytest.fail("asked")) == set()
