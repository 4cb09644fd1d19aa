"""Runs that are claimed as they are made: as if they had been queued and claimed, only sooner."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import DataError, connection, connections

from accounts import vault
from actions import dispatch, execution, pausing
from actions.context import bind, context_for, loaded
from actions.definitions import save_action
from actions.engine.claims import Share, claim
from actions.engine.flush import Finished, flush
from actions.engine.fresh_claims import FreshClaim
from actions.engine.matching import Matched, match_due
from actions.kinds.base import Outcome
from actions.models import Action, Attempt, Connection, Decision, Reaction, Run
from reactions_project import clock, wake
from tests.factories import ActionFactory, ReactionFactory, operator_caller
from triggers.ledger import EventData, record
from triggers.models import Event

pytestmark = pytest.mark.django_db(transaction=True)


def happen(reaction: Reaction, times: int = 1) -> None:
    trigger = reaction.triggers.get()
    for _ in range(times):
        record(EventData(type=trigger.event_type, source="catalog", project=reaction.project, payload={}))


def matched(limit: int = 100, **share: Any) -> Matched:
    """What a free worker decides and claims."""
    return match_due(FreshClaim(Share("http", limit, "token", clock.now(), 15, **share), clock.now).take)


def running() -> list[Run]:
    return list(Run.objects.filter(status="running").order_by("pk"))


def test_a_fresh_run_is_running_under_the_lease_of_the_worker_that_decided() -> None:
    happen(ReactionFactory())
    (run,) = matched().runs
    stored = Run.objects.get()
    assert run == stored
    assert (stored.status, stored.lease_token, stored.attempt_count) == ("running", "token", 1)
    assert stored.lease_until == stored.started_at + timedelta(seconds=15)
    assert claim(Share("http", 10, "another", clock.now(), 15)) == []
    assert Decision.objects.get().run == stored


def test_its_worker_writes_what_came_of_it() -> None:
    happen(ReactionFactory())
    (run,) = matched().runs
    flush([Finished(run, Outcome(ok=True, code="ok", reason="Fine."), clock.now(), clock.now())], "token", "host:1")
    assert Run.objects.get().status == "succeeded"
    assert Attempt.objects.get().number == 1


def test_when_its_worker_dies_it_is_tried_again_as_any_other() -> None:
    happen(ReactionFactory(action=ActionFactory(max_attempts=2)))
    matched()
    execution.expire_leases(clock.now() + timedelta(seconds=16))
    assert (Run.objects.get().status, Run.objects.get().attempt_count) == ("queued", 1)
    assert Attempt.objects.get().outcome == "worker_lost"


def test_no_more_are_claimed_than_there_is_room_for() -> None:
    happen(ReactionFactory(), 5)
    assert [run.status for run in matched(limit=2).runs] == ["running"] * 2 + ["queued"] * 3
    assert len(running()) == 2


def test_what_is_in_flight_counts_towards_the_cap_of_a_target() -> None:
    reaction = ReactionFactory()
    happen(reaction, 5)
    target = "monitor.example.com:443"
    matched(per_target=3, in_flight={target: 2})
    assert [run.target_key for run in running()] == [target]


@pytest.mark.parametrize(
    "closed",
    [lambda run: {"targets": {run.target_key}}, lambda run: {"teams": {run.team_id}}],
    ids=["target", "team"],
)
def test_excluded_targets_and_teams_wait_in_the_queue(closed: Callable[[Run], dict[str, Any]]) -> None:
    one, other = (
        ReactionFactory(),
        ReactionFactory(action=ActionFactory(config={"method": "GET", "url": "https://b.example.com/"})),
    )
    happen(one)
    match_due()
    excluded = closed(Run.objects.get())
    Run.objects.all().delete()
    happen(one)
    happen(other)
    matched(**excluded)
    assert [run.reaction for run in running()] == [other]
    assert Run.objects.get(reaction=one).status == "queued"


def test_a_script_is_left_to_a_worker_of_scripts() -> None:
    happen(ReactionFactory(action=ActionFactory(python=True)))
    matched()
    assert Run.objects.get().status == "queued"


def test_what_is_paused_is_held_and_not_begun() -> None:
    reaction = ReactionFactory()
    pausing.pause(operator_caller(), reason="A freeze.", reaction=reaction)
    happen(reaction)
    matched()
    assert Run.objects.get().status == "held"


def test_a_fresh_run_knows_what_a_claimed_one_reads() -> None:
    action = ActionFactory(max_attempts=2)
    project = action.project
    key, password = (vault.store(operator_caller(), project, name, f"value of {name}") for name in ("key", "password"))
    action.connection = Connection.objects.create(
        project=project, integration="none", name="C", settings={"Url": "https://a.example.com"}, secret=password
    )
    save_action(operator_caller(), action, bindings={"Monitor.Key": key})
    happen(ReactionFactory(action=Action.objects.get()), 2)
    fresh = matched().runs
    bind(fresh)
    at = clock.now()
    contexts, others = (
        [replace(context_for(run), at=at) for run in runs] for runs in (fresh, loaded([run.pk for run in fresh]))
    )
    assert contexts == others
    assert contexts[0].secrets == {"Monitor.Key": "value of key", "Connection.Secret": "value of password"}


def test_a_fresh_run_is_ready_without_another_look_at_the_database(django_assert_num_queries: Any) -> None:
    happen(ReactionFactory(), 3)
    fresh = matched().runs
    with django_assert_num_queries(1):
        bind(fresh)
        for run in fresh:
            context_for(run)


@pytest.mark.parametrize("error", [RuntimeError, DataError])
def test_of_a_batch_that_breaks_only_what_was_written_is_claimed(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    happen(ReactionFactory(), 3)
    bad = Event.objects.order_by("pk")[1].pk
    decide = dispatch.decide

    def breaks(event: Event, *args: Any) -> Any:
        if event.pk == bad:
            raise error("broken")
        return decide(event, *args)

    monkeypatch.setattr(dispatch, "decide", breaks)
    told = matched(limit=10)
    assert told.events == 3
    assert [run.pk for run in told.runs] == [run.pk for run in running()]
    assert len(told.runs) == 2
    assert Decision.objects.filter(verdict="error").count() == 1


@pytest.mark.parametrize("kind", ["script", "http"])
def test_workers_are_woken_once_more_when_a_run_is_queued_for_them(kind: str) -> None:
    """The event woke them too, before there was anything to claim."""
    happen(ReactionFactory(action=ActionFactory(python=kind == "script")))

    def decide_and_close() -> None:
        matched()
        connections.close_all()

    async def is_woken() -> bool:
        due = asyncio.Event()
        listener = wake.Listener(due)
        listener.open()
        if connection.vendor == "postgresql":
            # Listening begins with a look.
            await due.wait()
        due.clear()
        await asyncio.to_thread(decide_and_close)
        try:
            await asyncio.wait_for(due.wait(), 2 if kind == "script" else 0.2)
        except TimeoutError:
            return False
        finally:
            await listener.aclose()
        return True

    assert asyncio.run(is_woken()) == (kind == "script")
