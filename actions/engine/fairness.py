"""Whose due runs are left for later, so that one team's slow ones do not hold all that others wait for (SEC-90)."""

from collections import Counter
from collections.abc import Callable, Iterable, Set
from typing import Any
from uuid import UUID


def last_in_turn(teams: Iterable[UUID], after: UUID | None) -> UUID | None:
    """Of teams that were just served, the one after which the next turn begins; `after` which this one began."""
    return max(teams, key=lambda team: (after is not None and team <= after, team), default=after)


def crowded(in_flight: Counter[Any], slots: int, teams_due: Callable[[], Set[Any]]) -> set[Any]:
    """Teams that hold their share of the slots while another has something due; a team alone may take all. Only asked
    for who waits when much is in flight."""
    if not in_flight or sum(in_flight.values()) < slots // 4:
        return set()
    teams = in_flight.keys() | teams_due()
    if len(teams) == 1:
        return set()
    # Rounded up, so that no slot stays empty while all have their share.
    share = -(-slots // len(teams))
    return {team for team, count in in_flight.items() if count >= share}
