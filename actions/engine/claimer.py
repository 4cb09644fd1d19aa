"""What a worker takes on next: it decides what happened, claims what is due and makes it ready. All of that is done on
one thread; what it gives away belongs to the event loop."""

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import OperationalError

from actions.context import bind, loaded
from actions.earlier import NOTHING, earlier_of
from actions.engine.breaker import PROBES, Breaker
from actions.engine.claims import Share, claim, teams_due
from actions.engine.fairness import crowded, last_in_turn
from actions.engine.fresh_claims import FreshClaim
from actions.engine.matching import BATCH, Matched, match_due
from actions.engine.steady_time import SteadyTime
from actions.engine.work import Ready, make_ready
from actions.models import Run, RunStatus
from actions.pausing import hold
from reactions_project import clock


@dataclass(frozen=True)
class Hand:
    """What a process has in flight: how many of each target and of each team, and for how many more there is room."""

    room: int
    of_target: Mapping[str, int]
    of_team: Counter[UUID]


@dataclass(frozen=True)
class Taken:
    """Runs that can begin, no later than when their leases began (by uptime), and whether there may be more at once."""

    readies: list[Ready]
    leased_at: float
    has_more: bool


class Claimer:
    """Of one process, which claims under `token`. `slots` and `per_target` are how many runs it carries out at once."""

    def __init__(
        self, executor: str, slots: int, per_target: int, token: str, worker: str, steady: SteadyTime, breaker: Breaker
    ) -> None:
        self._executor = executor
        self._slots = slots
        self._per_target = per_target
        self._token = token
        self._worker = worker
        self._time = steady
        self._breaker = breaker
        # Ids of runs that were claimed and are not ready yet.
        self._unready: list[int] = []
        self._leased_at = 0.0
        self._owes_matching = False
        self._served_last: UUID | None = None

    def take(self, hand: Hand) -> Taken:
        """Who waits goes before what is new. Raises DatabaseError; what was claimed by then is given the next time."""
        matches = self._executor == "http"
        owes_matching, self._owes_matching = self._owes_matching, False
        if matches and owes_matching:
            match_due()
        if not self._unready:
            self._leased_at = time.monotonic()
        now = self._time.now()
        # What is due is written by this host's clock, and must not wait for the database's.
        due_by = max(now, clock.now())
        share = self._share(hand, now, due_by)
        self._unready = self._unready or claim(share, due_by)
        if self._unready:
            # These begin first; what is new is decided before the next claim.
            self._owes_matching = has_more = True
            runs = self._loaded()
        elif matches:
            matched = match_due(FreshClaim(share, self._lease_begins).take)
            runs = [run for run in matched.runs if run.status == RunStatus.RUNNING]
            self._unready = [run.pk for run in runs]
            bind(runs)
            has_more = matched.events >= BATCH or self._is_left(matched)
        else:
            runs, has_more = [], False
        return Taken(self._made_ready(runs), self._leased_at, has_more)

    def not_begun(self) -> list[Run]:
        """What was claimed and never given away."""
        return loaded(self._unready) if self._unready else []

    def _share(self, hand: Hand, now: datetime, due_by: datetime) -> Share:
        taken = dict(hand.of_target)
        for target in self._breaker.half_open:
            # As if all places but a few were taken.
            taken[target] = taken.get(target, 0) + self._per_target - PROBES
        saturated = {target for target, count in taken.items() if count >= self._per_target}
        return Share(
            self._executor,
            hand.room,
            self._token,
            now,
            settings.REACTIONS_LEASE_SECONDS,
            targets=saturated | self._breaker.open_targets,
            teams=crowded(hand.of_team, self._slots, lambda: teams_due(self._executor, due_by)),
            per_target=self._per_target,
            in_flight={target: count for target, count in taken.items() if target not in saturated},
            after=self._served_last,
        )

    def _lease_begins(self) -> datetime:
        """Deciding about many events may take longer than a lease."""
        self._leased_at = time.monotonic()
        return self._time.now()

    def _loaded(self) -> list[Run]:
        # After a time without a database some may be another's.
        ours: tuple[Any, str] = (RunStatus.RUNNING, self._token)
        runs = [run for run in loaded(self._unready) if (run.status, run.lease_token) == ours]
        self._served_last = last_in_turn({run.team_id for run in runs}, self._served_last)
        held = hold(runs, self._token)
        return [run for run in runs if run.pk not in held]

    def _is_left(self, matched: Matched) -> bool:
        return any(run.status == RunStatus.QUEUED and run.executor == self._executor for run in matched.runs)

    def _made_ready(self, runs: list[Run]) -> list[Ready]:
        earlier = earlier_of(runs)
        readies: list[Ready] = []
        for run in runs:
            try:
                readies.append(make_ready(run, self._worker, earlier.get(run.pk, NOTHING)))
            except OperationalError:
                if not readies:
                    raise
                break
        self._unready = [run.pk for run in runs[len(readies) :]]
        return readies
