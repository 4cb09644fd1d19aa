"""A pause holds runs visibly, lets nothing get lost, and lets go in good order."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import OperationalError, connection, connections

from accounts.callers import caller_for
from accounts.models import AuditEntry
from actions import execution, pausing
from actions.engine.claims import Share, claim
from actions.engine.matching import match_due
from actions.engine.synchronous import run_due
from actions.models import Decision, Pause, Reaction, Run
from reactions_project import clock
from tests.factories import ActionFactory, ReactionFactory, member, operator_caller
from tests.fakes.receiver import Receiver
from triggers.ledger import EventData, record

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _loopback(settings: Any) -> None:
    settings.REACTIONS_ALLOW_PRIVATE_ADDRESSES = "127.0.0.1/32"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


@pytest.fixture
def reaction(receiver: Receiver) -> Reaction:
    return ReactionFactory(action=ActionFactory(config={"method": "POST", "url": f"{receiver.url}/"}), name="Tell them")


def happen(reaction: Reaction, times: int = 1) -> None:
    for _ in range(times):
        trigger = reaction.triggers.get()
        record(EventData(type=trigger.event_type, source="catalog", project=reaction.project))


def states() -> list[str]:
    return list(Run.objects.order_by("pk").values_list("status", flat=True))


@pytest.mark.parametrize("scope", ["reaction", "team", "everything"])
def test_while_paused_events_are_decided_and_their_runs_held_with_the_reason(
    reaction: Reaction, receiver: Receiver, scope: str
) -> None:
    of = {"reaction": {"reaction": reaction}, "team": {"team": reaction.project.team}, "everything": {}}[scope]
    pause = pausing.pause(operator_caller(), reason="The target is being moved.", **of)
    happen(reaction)
    run_due()
    run = Run.objects.get()
    assert (run.status, run.held_by, run.attempt_count) == ("held", pause, 0)
    assert "Reason: The target is being moved." in run.reason
    assert Decision.objects.get().verdict == "fired"
    assert receiver.requests == []
    pausing.resume(operator_caller(), pause)
    run_due()
    assert states() == ["succeeded"]
    assert len(receiver.requests) == 1


def test_what_was_queued_before_is_held_before_anything_is_sent(reaction: Reaction, receiver: Receiver) -> None:
    happen(reaction, 3)
    match_due()
    pausing.pause(operator_caller(), reason="Wait.", reaction=reaction)
    run_due()
    assert states() == ["held"] * 3
    assert receiver.requests == []
    assert set(Run.objects.values_list("attempt_count", "started_at", "lease_token")) == {(0, None, "")}


def test_other_reactions_go_on(reaction: Reaction, receiver: Receiver) -> None:
    other = ReactionFactory(action=reaction.action, triggers=[reaction.triggers.get()])
    pausing.pause(operator_caller(), reason="Wait.", reaction=reaction)
    happen(reaction)
    run_due()
    assert dict(Run.objects.values_list("reaction", "status")) == {reaction.pk: "held", other.pk: "succeeded"}


def test_the_preview_says_what_would_go_and_how_much_is_stale(reaction: Reaction) -> None:
    pause = pausing.pause(operator_caller(), reason="Wait.", team=reaction.project.team)
    happen(reaction, 3)
    match_due()
    old = Run.objects.earliest("pk")
    Run.objects.filter(pk=old.pk).update(created_at=clock.now() - timedelta(hours=3))
    held = pausing.held_by(pause, clock.now() - timedelta(hours=1))
    assert (held.count, held.stale) == (3, 1)
    assert held.by_reaction == [{"name": "Tell them", "count": 3}]
    assert held.oldest is not None
    assert held.newest is not None
    assert held.oldest < held.newest


@pytest.mark.parametrize(
    ("resumed", "other", "goes", "kept"),
    [("team", "reaction", 2, 2), ("everything", "team", 1, 4), ("reaction", "everything", 0, 2)],
)
@pytest.mark.parametrize("is_held", [False, True])
def test_the_preview_tells_what_will_run_apart_from_what_another_pause_keeps(
    reaction: Reaction, resumed: str, other: str, goes: int, kept: int, is_held: bool
) -> None:
    beside = ReactionFactory(action=ActionFactory(project=reaction.project), triggers=[reaction.triggers.get()])
    elsewhere = ReactionFactory()
    happen(reaction, 2)
    happen(elsewhere)
    match_due()
    assert dict(Counter(Run.objects.values_list("reaction", flat=True))) == {
        reaction.pk: 2, beside.pk: 2, elsewhere.pk: 1,
    }  # fmt: skip
    Run.objects.filter(pk=Run.objects.filter(reaction=reaction).earliest("pk").pk).update(
        created_at=clock.now() - timedelta(hours=3)
    )
    of = {"reaction": {"reaction": reaction}, "team": {"team": reaction.project.team}, "everything": {}}
    pause = pausing.pause(operator_caller(), reason="Ends first.", **of[resumed])
    if is_held:
        # By a worker that had claimed them; otherwise they are in the queue.
        assert pausing.hold(Run.objects.filter(pk__in=claim(Share("http", 9, "token", clock.now(), 15))), "token")
    pausing.pause(operator_caller(), reason="Goes on.", **of[other])
    told = pausing.held_by(pause, clock.now() - timedelta(hours=1))
    assert (told.count, told.stale, told.kept, told.kept_stale) == (goes, 0, kept, 1)
    assert sum(one["count"] for one in told.by_reaction) == sum(one["count"] for one in told.by_target) == goes
    pausing.resume(operator_caller(), pause)
    concerned = Run.objects.filter(**of[resumed])
    assert concerned.filter(status="queued").count() == goes
    assert concerned.filter(status="held").count() == kept


def test_stale_ones_are_skipped_with_a_reason_and_never_sent(reaction: Reaction, receiver: Receiver) -> None:
    pause = pausing.pause(operator_caller(), reason="Wait.", reaction=reaction)
    happen(reaction, 2)
    match_due()
    old = Run.objects.earliest("pk")
    Run.objects.filter(pk=old.pk).update(created_at=clock.now() - timedelta(hours=3))
    pausing.resume(operator_caller(), pause, skip_older_than=timedelta(hours=1))
    run_due()
    assert states() == ["cancelled", "succeeded"]
    old.refresh_from_db()
    assert "without what had grown old" in old.reason
    assert len(receiver.requests) == 1


def test_runs_are_let_go_at_the_pace_that_was_asked(reaction: Reaction) -> None:
    pause = pausing.pause(operator_caller(), reason="Wait.", reaction=reaction)
    happen(reaction, 5)
    match_due()
    pause = pausing.resume(operator_caller(), pause, per_second=2)
    assert pause.resumed_at is not None
    offsets = [
        (due - pause.resumed_at).total_seconds() for due in Run.objects.order_by("pk").values_list("due_at", flat=True)
    ]
    assert offsets[2:] == [1.0, 1.5, 2.0]
    pause.refresh_from_db()
    assert pause.released == 5


def test_what_no_worker_had_claimed_is_previewed_skipped_and_paced_too(reaction: Reaction, receiver: Receiver) -> None:
    happen(reaction, 3)
    match_due()
    pause = pausing.pause(operator_caller(), reason="Wait.", reaction=reaction)
    old = Run.objects.earliest("pk")
    Run.objects.filter(pk=old.pk).update(created_at=clock.now() - timedelta(hours=3))
    assert pausing.held_by(pause, clock.now() - timedelta(hours=1)).count == 3
    assert pausing.held_by(pause, clock.now() - timedelta(hours=1)).stale == 1
    resumed = pausing.resume(operator_caller(), pause, skip_older_than=timedelta(hours=1), per_second=1)
    assert states() == ["cancelled", "queued", "queued"]
    assert resumed.resumed_at is not None
    # What was skipped takes no turn of the others.
    last = Run.objects.latest("pk")
    assert (last.due_at - resumed.resumed_at).total_seconds() == 1.0
    assert receiver.requests == []


class Changed:
    """Of runs, how many rows each transaction changed; `breaks_after` so many statements the database fails."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, breaks_after: int = 10**6) -> None:
        self.rows: list[int] = []
        self._open = 0
        self._left = breaks_after
        self._commit = connection.commit
        monkeypatch.setattr(connections["default"], "commit", self._commit_and_count)

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if not sql.startswith('UPDATE "actions_run"'):
            return execute(sql, params, many, context)
        if not self._left:
            raise OperationalError("the server is gone")
        self._left -= 1
        done = execute(sql, params, many, context)
        self._open += context["cursor"].rowcount
        if not connection.in_atomic_block:
            self._count()
        return done

    def _commit_and_count(self) -> None:
        self._commit()
        self._count()

    def _count(self) -> None:
        self.rows.append(self._open)
        self._open = 0


def test_no_transaction_of_a_resumption_changes_more_than_a_batch(
    reaction: Reaction, monkeypatch: pytest.MonkeyPatch
) -> None:
    happen(reaction, 35)
    match_due()
    monkeypatch.setattr(pausing, "BATCH", 10)
    pause = pausing.pause(operator_caller(), reason="Wait.", reaction=reaction)
    Run.objects.filter(pk__in=Run.objects.order_by("pk")[:5]).update(created_at=clock.now() - timedelta(hours=3))
    changed = Changed(monkeypatch)
    with connection.execute_wrapper(changed):
        pausing.resume(operator_caller(), pause, skip_older_than=timedelta(hours=1), per_second=1)
    # All were held, and all of those let go.
    assert sum(changed.rows) == 70
    assert max(changed.rows) == 10
    assert states() == ["cancelled"] * 5 + ["queued"] * 30
    pause.refresh_from_db()
    assert pause.released == 30
    assert pause.resumed_at is not None
    assert Run.objects.latest("pk").due_at == pause.resumed_at + timedelta(seconds=29)


def test_a_resumption_that_breaks_off_leaves_the_pause_in_force_and_can_be_repeated(
    reaction: Reaction, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    happen(reaction, 25)
    match_due()
    monkeypatch.setattr(pausing, "BATCH", 10)
    pause = pausing.pause(operator_caller(), reason="Wait.", reaction=reaction)
    with (
        monkeypatch.context() as patched,
        connection.execute_wrapper(Changed(patched, breaks_after=1)),
        pytest.raises(OperationalError),
    ):
        pausing.resume(operator_caller(), pause)
    assert sorted(states()) == ["held"] * 10 + ["queued"] * 15
    assert not AuditEntry.objects.filter(verb="resume").exists()
    run_due()
    assert states() == ["held"] * 25
    pausing.resume(operator_caller(), pause)
    run_due()
    assert states() == ["succeeded"] * 25
    assert len(receiver.requests) == 25


def test_of_two_that_resume_at_once_the_slower_holds_nothing_again(reaction: Reaction) -> None:
    happen(reaction, 3)
    match_due()
    pause = pausing.pause(operator_caller(), reason="Wait.", reaction=reaction)
    before_the_other = Pause.objects.get()
    pausing.resume(operator_caller(), pause)
    with pytest.raises(ValidationError, match="over already"):
        pausing.resume(operator_caller(), before_the_other)
    assert states() == ["queued"] * 3


def test_what_was_to_be_skipped_is_skipped_though_a_wider_pause_goes_on(reaction: Reaction) -> None:
    narrow = pausing.pause(operator_caller(), reason="Narrow.", reaction=reaction)
    happen(reaction)
    match_due()
    Run.objects.update(created_at=clock.now() - timedelta(hours=3))
    pausing.pause(operator_caller(), reason="Wide.")
    pausing.resume(operator_caller(), narrow, skip_older_than=timedelta(hours=1))
    assert states() == ["cancelled"]


def test_what_a_wider_pause_covers_stays_held_by_that_one(reaction: Reaction) -> None:
    narrow = pausing.pause(operator_caller(), reason="Narrow.", reaction=reaction)
    happen(reaction)
    match_due()
    wide = pausing.pause(operator_caller(), reason="Wide.")
    pausing.resume(operator_caller(), narrow)
    run = Run.objects.get()
    assert (run.status, run.held_by) == ("held", wide)
    assert "Wide." in run.reason
    pausing.resume(operator_caller(), wide)
    assert states() == ["queued"]


def test_what_whoever_resumed_left_over_is_let_go_by_workers(reaction: Reaction, monkeypatch: Any) -> None:
    pause = pausing.pause(operator_caller(), reason="Wait.", reaction=reaction)
    happen(reaction, 5)
    match_due()
    monkeypatch.setattr(pausing, "AT_ONCE", 2)
    pausing.resume(operator_caller(), pause)
    assert sorted(states()) == ["held"] * 3 + ["queued"] * 2
    assert pausing.release() == 3
    assert states() == ["queued"] * 5
    assert pausing.release() == 0


def test_runs_of_a_deleted_pause_are_not_held_for_ever(reaction: Reaction) -> None:
    pause = pausing.pause(operator_caller(), reason="Wait.", reaction=reaction)
    happen(reaction)
    match_due()
    pause.delete()
    pausing.release()
    assert states() == ["queued"]


def test_a_held_run_can_be_cancelled(reaction: Reaction) -> None:
    pausing.pause(operator_caller(), reason="Wait.", reaction=reaction)
    happen(reaction)
    match_due()
    assert execution.cancel(operator_caller(), Run.objects.get()).status == "cancelled"


def test_a_pause_holds_nothing_that_was_cancelled_since_its_claim(reaction: Reaction) -> None:
    happen(reaction)
    match_due()
    claim(Share("http", 1, "token", clock.now(), 15))
    pausing.pause(operator_caller(), reason="Wait.", reaction=reaction)
    execution.cancel(operator_caller(), Run.objects.get())
    assert pausing.hold(Run.objects.all(), "token") == {Run.objects.get().pk}
    assert states() == ["cancelled"]


def test_the_same_is_not_paused_twice_and_a_pause_ends_once(reaction: Reaction) -> None:
    for of in ({"reaction": reaction}, {"team": reaction.project.team}, {}):
        pause = pausing.pause(operator_caller(), reason="Wait.", **of)
        with pytest.raises(ValidationError, match="paused already"):
            pausing.pause(operator_caller(), reason="Again.", **of)
        pausing.resume(operator_caller(), pause)
        with pytest.raises(ValidationError, match="over already"):
            pausing.resume(operator_caller(), pause)
        pausing.pause(operator_caller(), reason="Anew.", **of)
    assert Pause.objects.filter(resumed_at=None).count() == 3
    assert AuditEntry.objects.filter(verb="pause").count() == 6


@pytest.mark.parametrize(
    ("role", "may"),
    [("owner", {"reaction", "team"}), ("editor", {"reaction"}), ("author", {"reaction"}), ("viewer", set())],
)
def test_sec_01_who_may_pause_what(reaction: Reaction, role: str, may: set[str]) -> None:
    caller = caller_for(member(reaction.project.team, role))
    for scope, of in {"reaction": {"reaction": reaction}, "team": {"team": reaction.project.team}, "all": {}}.items():
        if scope in may:
            pausing.resume(caller, pausing.pause(caller, reason="Wait.", **of))
        else:
            with pytest.raises(PermissionDenied):
                pausing.pause(caller, reason="Wait.", **of)


def test_a_pause_needs_a_reason(reaction: Reaction) -> None:
    with pytest.raises(ValidationError, match="Say why"):
        pausing.pause(operator_caller(), reason="  ", reaction=reaction)


def test_a_pause_costs_a_batch_one_question(reaction: Reaction, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        assert pausing.hold([], "token") == set()
