"""Whatever happens to runs in whatever order, they are as a small model of them says.

Workers claim, begin, stall, die, stop and write late; people cancel, retry, replay, pause and resume; time goes on. All
of it is the product's own functions on the real tables; after each step every row is compared with the model.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest
import time_machine
from django.core.exceptions import ValidationError
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from accounts.callers import Caller
from accounts.models import RunToken
from actions import execution, many, pausing
from actions.context import bind, loaded
from actions.earlier import NOTHING, Earlier
from actions.engine.claims import Share, claim
from actions.engine.flush import Finished, flush
from actions.engine.fresh_claims import FreshClaim
from actions.engine.leases import cancelled_among, hand_back, renew, return_unstarted
from actions.engine.matching import match_due
from actions.engine.work import Ready, make_ready
from actions.kinds.base import Outcome
from actions.models import Attempt, Decision, LogChunk, Pause, Reaction, Run
from actions.models.run import TERMINAL, TRANSITIONS
from actions.retry import MAX_RETRY_AFTER_SECONDS, SCHEDULE_SECONDS
from reactions_project import clock
from tests.factories import ActionFactory, InternalTriggerFactory, ProjectFactory, ReactionFactory, operator_caller
from triggers.ledger import EventData, record
from triggers.models import Event

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
LEASE_SECONDS = 15.0
UNFINISHED = ("queued", "held", "running")
RETRIED = {"failed", "interrupted", "cancelled"}
# The lease of most waits ends; some only just do not.
WAITS = (1, 5, 14, 16, 16, 70, 400)
OUTCOMES = {
    "ok": Outcome(ok=True, code="ok", reason="Fine."),
    "refused": Outcome(ok=False, code="http_404", reason="No such thing."),
    "busy": Outcome(ok=False, code="http_503", reason="Not now.", retryable=True),
    "later": Outcome(ok=False, code="http_429", reason="Later.", retryable=True, retry_after=120.0),
    "broken": Outcome(ok=False, code="exit_2", reason="Exit code 2."),
    "cancelled": Outcome(ok=False, code="cancelled", reason="Cancelled while it ran; it was stopped."),
}
# A script that has begun may have done half of its work: none of these is tried again.
OUTCOMES_OF = {"http": ("ok", "refused", "busy", "later"), "script": ("ok", "broken")}

Scope = tuple[str, Any]


@dataclass
class KnownPause:
    """`scope` is ("reaction", index), ("team", index) or ("all", None)."""

    name: str
    row: Pause
    scope: Scope
    is_over: bool = False
    skip_before: datetime | None = None
    per_second: int | None = None
    resumed_at: datetime | None = None
    released: int = 0


@dataclass
class Known:
    """What a run must be. `attempts` are outcomes by number, None for one that goes on."""

    name: str
    pk: int
    of: int
    executor: str
    is_repeatable: bool
    most_tries: int
    created_at: datetime
    due_at: datetime
    status: str = "queued"
    tries: int = 0
    lease_token: str = ""
    lease_until: datetime | None = None
    held_by: KnownPause | None = None
    is_cancel_wanted: bool = False
    outcome: str = ""
    attempts: dict[int, str | None] = field(default_factory=dict)
    # How often its script was begun, and the row as it was when the run ended.
    begun: int = 0
    last: Any = None

    @property
    def may_repeat(self) -> bool:
        return self.executor == "http" or self.is_repeatable

    def go(self, status: str, outcome: str | None = None) -> None:
        assert status in TRANSITIONS[self.status], f"{self.name} goes from {self.status} to {status}"
        self.status, self.lease_token, self.lease_until = status, "", None
        self.outcome = self.outcome if outcome is None else outcome

    def go_back(self, status: str = "queued", by: KnownPause | None = None) -> None:
        """Into the queue, or on hold; whoever was asked to stop goes nowhere."""
        if self.is_cancel_wanted:
            self.go("cancelled", "cancelled")
        else:
            self.go(status)
            self.held_by = by


@dataclass
class Hand:
    """A run in the hands of a worker, as it was claimed; `ready` once it was begun."""

    known: Known
    run: Run
    token: str
    number: int
    ready: Ready | None = None

    @property
    def is_ours(self) -> bool:
        held = self.known.status == "running" and self.known.lease_token == self.token
        return held and self.known.tries == self.number


@dataclass
class Worker:
    name: str
    executor: str
    lives: int = 0
    claimed: list[Hand] = field(default_factory=list)
    begun: list[Hand] = field(default_factory=list)
    written: list[Finished] = field(default_factory=list)

    @property
    def token(self) -> str:
        """Another one each time that it starts."""
        return f"{self.name}-{self.lives}"

    def start_anew(self) -> None:
        self.lives += 1
        self.claimed, self.begun, self.written = [], [], []


@dataclass(frozen=True)
class World:
    """What people made before anything happened; it is the same for all examples."""

    caller: Caller
    reactions: tuple[Reaction, ...]

    @property
    def teams(self) -> list[Any]:
        return list({reaction.project.team_id: reaction.project.team for reaction in self.reactions}.values())


def made_world() -> World:
    """Two teams, each with requests and a script; only the second one's script may be repeated."""
    reactions = []
    for is_repeatable in (False, True):
        project = ProjectFactory()
        http = ActionFactory(project=project, max_attempts=2)
        script = ActionFactory(project=project, python=True, max_attempts=1, is_repeatable=is_repeatable)
        for action, event_type in ((http, "DeploymentSucceeded"), (script, "DeploymentFailed")):
            trigger = InternalTriggerFactory(project=project, event_type=event_type)
            reactions.append(ReactionFactory(action=action, triggers=[trigger]))
    return World(operator_caller(), tuple(reactions))


def rows_of_runs() -> dict[int, Any]:
    """All that is stored of each run."""
    attempts: dict[int, list[Any]] = {}
    for row in Attempt.objects.order_by("run", "number").values():
        attempts.setdefault(row["run_id"], []).append(row)
    return {row["id"]: (row, attempts.get(row["id"], [])) for row in Run.objects.values()}


def _succeeded(hand: Hand) -> Finished:
    attempt_id = hand.ready.attempt_id if hand.ready else None
    return Finished(hand.run, OUTCOMES["ok"], clock.now(), clock.now(), attempt_id)


class RunMachine(RuleBasedStateMachine):
    world: World

    def __init__(self) -> None:
        super().__init__()
        self.known: list[Known] = []
        self.pauses: list[KnownPause] = []
        # What workers that were stopped since might still write, under the token that they had.
        self.late: list[tuple[str, list[Finished]]] = []
        self.workers = [Worker(f"{executor}-{n}", executor) for executor in ("http", "script") for n in (1, 2)]
        self._travel = time_machine.travel(NOON, tick=False)
        self._time = self._travel.start()

    def teardown(self) -> None:
        self._travel.stop()
        RunToken.objects.all().delete()
        LogChunk.objects.all().delete()
        Attempt.objects.all().delete()
        Decision.objects.all().delete()
        Run.objects.all().delete()
        Pause.objects.all().delete()
        Event.objects.all().delete()

    # Choosing. Names rather than keys, since those differ from one execution of an example to the next.

    def _one(self, data: st.DataObject, label: str, among: list[Known]) -> Known:
        names = {known.name: known for known in among}
        return names[data.draw(st.sampled_from(sorted(names)), label)]

    def _worker(self, data: st.DataObject, among: list[Worker]) -> Worker:
        names = {worker.name: worker for worker in among}
        return names[data.draw(st.sampled_from(sorted(names)), "worker")]

    def _some(self, data: st.DataObject, label: str, hands: list[Hand]) -> list[Hand]:
        if not hands:
            return []
        places = data.draw(st.sets(st.sampled_from(range(len(hands))), min_size=1), label)
        return [hands[place] for place in sorted(places)]

    def _with(self, *statuses: str) -> list[Known]:
        return [known for known in self.known if known.status in statuses]

    # The model's own knowledge.

    def _learn(self, pk: int, of: int, due_at: datetime) -> Known:
        reaction = self.world.reactions[of]
        action = reaction.action
        executor = "script" if action.kind == "script" else "http"
        name = f"run {len(self.known) + 1:02} ({executor})"
        known = Known(
            name, pk, of, executor, action.is_repeatable, action.max_attempts, created_at=clock.now(), due_at=due_at
        )
        self.known.append(known)
        return known

    def _pause_over(self, of: int) -> KnownPause | None:
        team = self.world.teams.index(self.world.reactions[of].project.team)
        in_force = {pause.scope: pause for pause in self.pauses if not pause.is_over}
        scopes: tuple[Scope, ...] = (("reaction", of), ("team", team), ("all", None))
        return next((in_force[scope] for scope in scopes if scope in in_force), None)

    def _is_under(self, known: Known, pause: KnownPause) -> bool:
        kind, which = pause.scope
        if kind == "reaction":
            return bool(known.of == which)
        return kind == "all" or self.world.reactions[known.of].project.team == self.world.teams[which]

    @contextmanager
    def _only(self, *concerned: Known) -> Iterator[None]:
        """Nothing else that is stored of any run changes meanwhile."""
        before = rows_of_runs()
        yield
        after = rows_of_runs()
        others = before.keys() - {known.pk for known in concerned}
        assert {pk: after.get(pk) for pk in others} == {pk: before[pk] for pk in others}

    # What happens.

    @initialize(of=st.lists(st.integers(0, 3), min_size=2, max_size=5), data=st.data())
    def begin_with_some(self, of: list[int], data: st.DataObject) -> None:
        for one in of:
            self.happen(one)
        self._begin(self._claim(4, data), data)

    @precondition(lambda self: len(self._with(*UNFINISHED)) < 5)
    @rule(of=st.integers(0, 3))
    def happen(self, of: int) -> None:
        self._happen(of, None)

    @precondition(lambda self: len(self._with(*UNFINISHED)) < 5)
    @rule(of=st.integers(0, 3), data=st.data())
    def happen_before_a_free_worker(self, of: int, data: st.DataObject) -> None:
        """The one that decides about the event claims the run as it is made."""
        free = [worker for worker in self.workers if not worker.claimed]
        if free:
            self._happen(of, self._worker(data, free))

    def _happen(self, of: int, worker: Worker | None) -> None:
        reaction = self.world.reactions[of]
        event_type = reaction.triggers.get().event_type
        record(EventData(type=event_type, source="catalog", project=reaction.project))
        with self._only():
            matched = match_due(FreshClaim(self._share(worker, 4), clock.now).take if worker else None)
        assert matched.events == 1
        (run,) = matched.runs
        known = self._learn(run.pk, of, clock.now())
        if (pause := self._pause_over(of)) is not None:
            known.go_back("held", pause)
        elif worker is not None and worker.executor == known.executor:
            known.go("running")
            known.lease_token, known.lease_until = worker.token, clock.now() + timedelta(seconds=LEASE_SECONDS)
            known.tries = 1
            bind([run])
            worker.claimed.append(Hand(known, run, worker.token, 1))

    @rule(seconds=st.sampled_from(WAITS), reaping=st.sampled_from([True, True, False]))
    def wait(self, seconds: int, reaping: bool) -> None:
        self._time.shift(seconds)
        if reaping:
            self._expire()

    # Workers.

    def _due(self, executor: str) -> list[Known]:
        now = clock.now()
        due = [known for known in self._with("queued") if known.executor == executor and known.due_at <= now]
        return sorted(due, key=lambda known: (known.due_at, known.pk))

    @precondition(lambda self: self._due("http") or self._due("script"))
    @rule(limit=st.integers(1, 4), data=st.data())
    def claim(self, limit: int, data: st.DataObject) -> None:
        self._claim(limit, data)

    @precondition(lambda self: self._due("http") or self._due("script"))
    @rule(limit=st.integers(1, 4), data=st.data())
    def claim_and_begin(self, limit: int, data: st.DataObject) -> None:
        self._begin(self._claim(limit, data), data)

    def _share(self, worker: Worker, limit: int) -> Share:
        return Share(worker.executor, limit, worker.token, clock.now(), LEASE_SECONDS)

    def _first_due_by_team(self, executor: str, limit: int) -> list[list[Known]]:
        """What a claim may take: as many of each team that waits."""
        by_team: dict[Any, list[Known]] = {}
        for known in self._due(executor):
            by_team.setdefault(self.world.reactions[known.of].project.team_id, []).append(known)
        return [due[: max(1, limit // len(by_team))] for due in by_team.values()]

    def _claim(self, limit: int, data: st.DataObject) -> Worker:
        worker = self._worker(data, [worker for worker in self.workers if self._due(worker.executor)])
        if worker.claimed:
            # One thread claims, and first begins what it has.
            self._begin(worker, data)
        by_team = self._first_due_by_team(worker.executor, limit)
        with self._only(*(known for first in by_team for known in first)):
            ids = claim(self._share(worker, limit))
        # Of more teams than there is room for, any.
        chosen = [first for first in by_team if first[0].pk in ids]
        assert len(chosen) == min(limit, len(by_team))
        expected = [known for first in chosen for known in first]
        assert ids == sorted(known.pk for known in expected)
        runs = {run.pk: run for run in loaded(ids)}
        for known in expected:
            assert not known.is_cancel_wanted, f"{known.name} begins though somebody stopped it"
            known.go("running")
            known.lease_token, known.lease_until = worker.token, clock.now() + timedelta(seconds=LEASE_SECONDS)
            known.tries += 1
            worker.claimed.append(Hand(known, runs[known.pk], worker.token, known.tries))
        return worker

    @precondition(lambda self: any(worker.claimed for worker in self.workers))
    @rule(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        self._begin(self._worker(data, [worker for worker in self.workers if worker.claimed]), data)

    def _begin(self, worker: Worker, data: st.DataObject) -> None:
        """What the engine does between a claim and the first request or script."""
        hands, worker.claimed = worker.claimed, []
        paused = {hand.known.pk: pause for hand in hands if (pause := self._pause_over(hand.known.of)) is not None}
        with self._only(*(hand.known for hand in hands if hand.is_ours)):
            assert pausing.hold([hand.run for hand in hands], worker.token) == paused.keys()
            for hand in hands:
                if hand.known.pk in paused:
                    self._hold(hand, paused[hand.known.pk])
                    continue
                waits = data.draw(st.sampled_from([False, False, False, True]), f"{hand.known.name} waits for another")
                self._make_ready(worker, hand, Earlier(waits_for="Another one first.") if waits else NOTHING)

    def _hold(self, hand: Hand, pause: KnownPause) -> None:
        if hand.is_ours:
            hand.known.tries -= 1
            hand.known.go_back("held", pause)

    def _make_ready(self, worker: Worker, hand: Hand, earlier: Earlier) -> None:
        ready = make_ready(hand.run, worker.name, earlier)
        hand.ready = ready
        worker.begun.append(hand)
        if earlier.waits_for:
            assert ready.problem is not None
            assert ready.problem.retryable
        elif hand.known.executor == "script":
            assert (ready.problem is None) == hand.is_ours, "a script begins only while its worker holds it"
            if hand.is_ours:
                hand.known.begun += 1
                hand.known.attempts[hand.number] = None

    @precondition(lambda self: any(worker.begun for worker in self.workers))
    @rule(data=st.data())
    def write(self, data: st.DataObject) -> None:
        """Results are flushed, in time or too late."""
        worker = self._worker(data, [worker for worker in self.workers if worker.begun])
        self._write(data, worker, self._some(data, "hands", worker.begun))

    @precondition(lambda self: any(worker.begun for worker in self.workers))
    @rule(data=st.data())
    def write_all(self, data: st.DataObject) -> None:
        worker = self._worker(data, [worker for worker in self.workers if worker.begun])
        self._write(data, worker, worker.begun)

    def _write(self, data: st.DataObject, worker: Worker, hands: list[Hand]) -> None:
        worker.begun = [hand for hand in worker.begun if hand not in hands]
        finished = [self._finish(data, hand) for hand in hands]
        ours = [one for one, hand in zip(finished, hands, strict=True) if hand.is_ours]
        with self._only(*(hand.known for hand in hands if hand.is_ours)):
            assert flush(finished, worker.token, worker.name) == ours
        worker.written = finished
        for one, hand in zip(finished, hands, strict=True):
            if hand.is_ours:
                self._after(hand.known, one.outcome)

    def _finish(self, data: st.DataObject, hand: Hand) -> Finished:
        ready = hand.ready
        assert ready is not None
        outcome = ready.problem
        if outcome is None:
            asked = ["cancelled"] if cancelled_among([hand.known.pk]) else []
            codes = [*OUTCOMES_OF[hand.known.executor], *asked]
            outcome = OUTCOMES[data.draw(st.sampled_from(codes), f"outcome of {hand.known.name}")]
        return Finished(hand.run, outcome, clock.now(), clock.now(), ready.attempt_id)

    def _after(self, known: Known, outcome: Outcome) -> None:
        known.attempts[known.tries] = outcome.code
        if outcome.code == "cancelled":
            known.go("cancelled", outcome.code)
        elif outcome.ok:
            known.go("succeeded", outcome.code)
        elif not outcome.retryable or known.tries >= known.most_tries:
            known.go("failed", outcome.code)
        else:
            known.outcome = outcome.code
            known.go_back()
            self._read_due(known, outcome)

    def _read_due(self, known: Known, outcome: Outcome) -> None:
        """The wait has a random part; the model knows its bounds."""
        due_at = Run.objects.get(pk=known.pk).due_at
        if known.status == "queued":
            longest = SCHEDULE_SECONDS[min(known.tries, len(SCHEDULE_SECONDS)) - 1]
            at_least = max(longest / 10, min(outcome.retry_after or 0.0, MAX_RETRY_AFTER_SECONDS))
            assert at_least <= (due_at - clock.now()).total_seconds() <= max(longest, at_least)
        known.due_at = due_at

    @precondition(lambda self: any(worker.begun for worker in self.workers))
    @rule(data=st.data())
    def renew_leases(self, data: st.DataObject) -> None:
        worker = self._worker(data, [worker for worker in self.workers if worker.begun])
        held = {hand.known.pk: hand.known for hand in worker.begun if hand.known.lease_token == worker.token}
        with self._only(*held.values()):
            kept = renew([hand.known.pk for hand in worker.begun], worker.token, clock.now(), LEASE_SECONDS)
        assert kept == held.keys()
        for known in held.values():
            known.lease_until = clock.now() + timedelta(seconds=LEASE_SECONDS)

    @precondition(lambda self: self._with("running"))
    @rule()
    def let_leases_end(self) -> None:
        self._time.shift(LEASE_SECONDS + 1)
        self._expire()

    def _expire(self) -> None:
        """The reaper, of whichever worker."""
        now = clock.now()
        lost = [known for known in self._with("running") if known.lease_until is not None and known.lease_until < now]
        with self._only(*lost):
            assert execution.expire_leases(now) == len(lost)
        for known in lost:
            self._lose(known, now)

    def _lose(self, known: Known, now: datetime) -> None:
        never_began = known.executor == "script" and known.tries not in known.attempts
        if never_began and not known.is_cancel_wanted:
            known.most_tries = max(known.most_tries, min(known.tries + 1, execution.TRIES_TO_BEGIN))
        if known.is_cancel_wanted:
            code, status = "cancelled", "cancelled"
        elif known.may_repeat or never_began:
            code, status = "worker_lost", "queued" if known.tries < known.most_tries else "failed"
        else:
            code, status = "interrupted", "interrupted"
        if known.attempts.get(known.tries) is None:
            known.attempts[known.tries] = code
        known.go(status, code)
        if status == "queued":
            known.due_at = now

    @precondition(lambda self: any(worker.claimed or worker.begun for worker in self.workers))
    @rule(data=st.data())
    def die(self, data: st.DataObject) -> None:
        self._worker(data, [worker for worker in self.workers if worker.claimed or worker.begun]).start_anew()

    @precondition(lambda self: any(worker.begun for worker in self.workers))
    @rule(data=st.data())
    def stop(self, data: st.DataObject) -> None:
        """In good order: what was not begun is returned, what was is handed back. Of some the lease may have ended."""
        worker = self._worker(data, [worker for worker in self.workers if worker.begun])
        hands = worker.begun
        unstarted = data.draw(st.sets(st.sampled_from(range(len(hands)))), "not begun")
        with self._only(*(hand.known for hand in hands if hand.is_ours)):
            begun = [(hand.run, clock.now()) for n, hand in enumerate(hands) if n not in unstarted]
            hand_back(begun, worker.token, worker.name)
            return_unstarted([hand.run for n, hand in enumerate(hands) if n in unstarted], worker.token)
        for n, hand in enumerate(hands):
            if hand.is_ours:
                self._give_back(hand.known, n in unstarted)
        self.late.append((worker.token, [_succeeded(hand) for hand in hands]))
        worker.start_anew()

    def _give_back(self, known: Known, is_unstarted: bool) -> None:
        is_open = known.tries in known.attempts
        if is_unstarted:
            known.attempts.pop(known.tries, None)
            known.begun -= is_open
            known.tries -= 1
            known.go_back()
            return
        if is_open or known.executor == "http":
            known.attempts[known.tries] = "stopped"
        if not known.may_repeat and not known.is_cancel_wanted:
            known.go("interrupted", "interrupted")
            return
        # The try stays in the history, and uses up none of those that the action has.
        known.most_tries += 1
        known.go_back()
        known.due_at = clock.now()

    # People.

    @precondition(lambda self: self._with(*UNFINISHED))
    @rule(is_all=st.sampled_from([False, False, False, True]), data=st.data())
    def cancel(self, is_all: bool, data: st.DataObject) -> None:
        known = self._one(data, "run", self._with(*UNFINISHED))
        wanted = [other for other in self._with(*UNFINISHED) if other is known or (is_all and other.of == known.of)]
        with self._only(*wanted):
            if is_all:
                runs = Run.objects.filter(reaction=self.world.reactions[known.of])
                done = many.cancel_many(self.world.caller, runs, expected=len(wanted))
                assert (done.count, done.refused) == (len(wanted), [])
            else:
                execution.cancel(self.world.caller, Run.objects.get(pk=known.pk))
        for other in wanted:
            self._cancelled(other)

    def _cancelled(self, known: Known) -> None:
        known.is_cancel_wanted = True
        if known.status != "running":
            known.go("cancelled", "cancelled")

    @precondition(lambda self: self._with(*TERMINAL))
    @rule(verb=st.sampled_from(["cancel", "retry", "replay", "replay all"]), data=st.data())
    def take_up_what_has_ended(self, verb: str, data: st.DataObject) -> None:
        known = self._one(data, "run", self._with(*TERMINAL))
        run = Run.objects.get(pk=known.pk)
        with self._only():
            if verb == "cancel":
                with pytest.raises(ValidationError, match="nothing to cancel"):
                    execution.cancel(self.world.caller, run)
            elif verb == "retry" and known.status not in RETRIED:
                with pytest.raises(ValidationError, match="only a failed"):
                    execution.retry(self.world.caller, run)
            elif verb == "replay all":
                self._replay_all(known.of)
            else:
                again = {"retry": execution.retry, "replay": execution.replay}[verb](self.world.caller, run)
                assert again.replay_of_id == known.pk
                self._learn(again.pk, known.of, clock.now())

    def _replay_all(self, of: int) -> None:
        """One each second."""
        ended = [known for known in self._with(*TERMINAL) if known.of == of]
        last = max(known.pk for known in self.known)
        runs = Run.objects.filter(reaction=self.world.reactions[of])
        done = many.replay_many(self.world.caller, runs, expected=len(ended), version="current", per_second=1)
        assert (done.count, done.refused) == (len(ended), [])
        for position, pk in enumerate(Run.objects.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)):
            self._learn(pk, of, clock.now() + timedelta(seconds=position))

    @precondition(lambda self: sum(not pause.is_over for pause in self.pauses) < 2)
    @rule(scope=st.sampled_from([("reaction", 0), ("reaction", 3), ("team", 0), ("team", 1), ("all", None)]))
    def pause(self, scope: Scope) -> None:
        kind, which = scope
        of: dict[str, Any] = {}
        if kind == "reaction":
            of = {"reaction": self.world.reactions[which]}
        elif kind == "team":
            of = {"team": self.world.teams[which]}
        if any(pause.scope == scope and not pause.is_over for pause in self.pauses):
            with pytest.raises(ValidationError, match="paused already"):
                pausing.pause(self.world.caller, reason="Again.", **of)
            return
        with self._only():
            row = pausing.pause(self.world.caller, reason="Wait.", **of)
        self.pauses.append(KnownPause(f"{len(self.pauses) + 1:02} {kind} {which}", row, scope))

    @precondition(lambda self: any(not pause.is_over for pause in self.pauses))
    @rule(
        older_than=st.sampled_from([None, None, 0, 60]),
        per_second=st.sampled_from([None, 1]),
        at_once=st.sampled_from([0, 1, 2_000, 2_000]),
        data=st.data(),
    )
    def resume(self, older_than: int | None, per_second: int | None, at_once: int, data: st.DataObject) -> None:
        """`at_once` are let go by whoever resumes; the others are left to workers."""
        names = {pause.name: pause for pause in self.pauses if not pause.is_over}
        pause = names[data.draw(st.sampled_from(sorted(names)), "pause")]
        concerned = self._with("queued", "held")
        skipping = timedelta(seconds=older_than) if older_than is not None else None
        with self._only(*concerned), patch.object(pausing, "AT_ONCE", at_once):
            pausing.resume(self.world.caller, pause.row, skip_older_than=skipping, per_second=per_second)
        for known in self._with("queued"):
            if self._is_under(known, pause):
                known.go_back("held", pause)
        now = clock.now()
        pause.is_over, pause.resumed_at, pause.per_second = True, now, per_second
        pause.skip_before = now - skipping if skipping is not None else None
        self._let_go(at_once)

    @precondition(lambda self: self._let_go_next(1))
    @rule(most=st.sampled_from([1, 500]))
    def release(self, most: int) -> None:
        concerned = self._let_go_next(most)
        with self._only(*concerned):
            assert pausing.release(most) == len(concerned)
        self._let_go(most)

    def _let_go_next(self, most: int) -> list[Known]:
        waiting = [known for known in self._with("held") if known.held_by is not None and known.held_by.is_over]
        return sorted(waiting, key=lambda known: known.pk)[:most]

    def _let_go(self, most: int) -> None:
        now = clock.now()
        for known in self._let_go_next(most):
            before = known.held_by
            assert before is not None
            assert before.resumed_at is not None
            if before.skip_before is not None and known.created_at < before.skip_before:
                known.go("cancelled", "skipped")
                known.held_by = None
            elif (other := self._pause_over(known.of)) is not None:
                known.held_by = other
            else:
                known.go("queued")
                known.held_by, known.due_at = None, max(known.due_at, now)
                if before.per_second:
                    turn = before.resumed_at + timedelta(seconds=before.released / before.per_second)
                    known.due_at = max(known.due_at, turn)
                before.released += 1

    # What holds after each step. One invariant, since a failure tells of each after every step.

    @invariant()
    def all_is_well(self) -> None:
        self._no_run_is_lost_and_each_is_as_the_model_says()
        self._a_lease_is_of_a_running_run_and_tries_are_bounded()
        self._attempts_are_as_the_model_says()
        self._who_does_not_hold_a_run_writes_nothing()
        self._what_has_ended_never_changes()
        self._a_script_that_may_not_be_repeated_begins_once()
        self._a_script_has_a_token_as_long_as_its_worker_holds_it()

    def _no_run_is_lost_and_each_is_as_the_model_says(self) -> None:
        rows = {row.pk: row for row in Run.objects.all()}
        assert rows.keys() == {known.pk for known in self.known}
        for known in self.known:
            row = rows[known.pk]
            held_by = known.held_by.row.pk if known.held_by is not None else None
            assert (row.status, row.outcome, row.held_by_id) == (known.status, known.outcome, held_by), known.name
            assert (row.attempt_count, row.max_attempts) == (known.tries, known.most_tries), known.name
            assert (row.lease_token, row.lease_until) == (known.lease_token, known.lease_until), known.name
            assert (row.cancel_requested_at is not None) == known.is_cancel_wanted, known.name
            assert (row.finished_at is not None) == (known.status in TERMINAL), known.name
            if known.status in ("queued", "held"):
                assert row.due_at == known.due_at, known.name

    def _a_lease_is_of_a_running_run_and_tries_are_bounded(self) -> None:
        for row in Run.objects.all():
            assert (row.status == "running") == bool(row.lease_token) == (row.lease_until is not None)
            assert 0 <= row.attempt_count <= row.max_attempts

    def _attempts_are_as_the_model_says(self) -> None:
        stored: dict[int, dict[int, str | None]] = {known.pk: {} for known in self.known}
        for attempt in Attempt.objects.all():
            stored[attempt.run_id][attempt.number] = attempt.outcome if attempt.finished_at else None
        assert stored == {known.pk: known.attempts for known in self.known}

    def _who_does_not_hold_a_run_writes_nothing(self) -> None:
        """Late, once more, or under a token that is not the run's."""
        late = list(self.late)
        for worker in self.workers:
            late.append((worker.token, worker.written))
            late.append((worker.token, [_succeeded(hand) for hand in worker.begun if not hand.is_ours]))
            late.append(("somebody else", [_succeeded(hand) for hand in worker.begun]))
        with self._only():
            for token, finished in late:
                assert not finished or flush(finished, token, "late") == []

    def _what_has_ended_never_changes(self) -> None:
        rows = rows_of_runs()
        for known in self._with(*TERMINAL):
            known.last = known.last or rows[known.pk]
            assert rows[known.pk] == known.last, known.name

    def _a_script_that_may_not_be_repeated_begins_once(self) -> None:
        for known in self.known:
            assert known.begun <= 1 or known.may_repeat, known.name

    def _a_script_has_a_token_as_long_as_its_worker_holds_it(self) -> None:
        live = set(RunToken.objects.filter(revoked_at=None).values_list("run", flat=True))
        uids = dict(Run.objects.values_list("pk", "uid"))
        for hand in (hand for worker in self.workers for hand in worker.begun):
            if hand.is_ours and hand.ready is not None and hand.ready.attempt_id is not None:
                assert uids[hand.known.pk] in live, hand.known.name
        for known in self._with(*TERMINAL):
            assert uids[known.pk] not in live, known.name


@pytest.mark.timeout(400)  # To make a failure small takes Hypothesis up to five minutes.
@pytest.mark.django_db(transaction=True)
def test_runs_are_as_the_model_says_whatever_happens_to_them() -> None:
    class Machine(RunMachine):
        world = made_world()

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=40,
            stateful_step_count=25,
            deadline=None,
            database=None,
            # To explain a failure it would be executed many times more, under a tracer.
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        ),
    )
