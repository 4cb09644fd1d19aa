"""NOTIFY and LISTEN against a real PostgreSQL: how they connect, and what happens when it is slow or gone."""

import asyncio
import socket
from collections.abc import Callable, Coroutine
from typing import Any

import psycopg
import pytest
import uvloop
from django.db import connection

from reactions_project import notify
from tests.end_to_end.server import wait_until

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite has no NOTIFY."),
]
NAME = "a connection of test_notify"


class Counted(asyncio.Event):
    """How often it was set."""

    times = 0

    def set(self) -> None:
        self.times += 1
        super().set()


@pytest.fixture(autouse=True)
def _named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connection.settings_dict, "OPTIONS", {"application_name": NAME})


def ask(statement: str, *values: object) -> list[Any]:
    """By a connection beside all others, so that it may be called while a loop runs."""
    with psycopg.connect(**notify.parameters() | {"application_name": "asks"}) as database:
        return [row[0] for row in database.execute(statement, values)]


def named(beginning: str) -> list[int]:
    """Backends whose connection has our name and whose last statement begins like that."""
    return ask("SELECT pid FROM pg_stat_activity WHERE application_name = %s AND query LIKE %s", NAME, f"{beginning} %")


def on_a_loop(work: Callable[[Counted], Coroutine[Any, Any, None]]) -> None:
    """Do it while somebody listens, on a loop as the engine has it."""

    async def listening() -> None:
        due = Counted()
        listens = notify.Listening(due)
        listens.open()
        try:
            await asyncio.wait_for(work(due), 60)
        finally:
            await listens.aclose()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(listening())


def test_the_options_of_the_database_hold_for_who_listens() -> None:
    async def work(due: Counted) -> None:
        await due.wait()
        assert len(named("LISTEN")) == 1

    on_a_loop(work)
    wait_until(lambda: not named("LISTEN"), "who stopped listening stayed connected")


def test_the_options_of_the_database_hold_for_who_notifies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notify, "_current", None)
    notify.notifier().poke()
    wait_until(lambda: named("NOTIFY"), "no connection with the options sent a wake-up")


def test_who_listens_is_woken_and_listens_again_after_its_connection_broke() -> None:
    async def work(due: Counted) -> None:
        await due.wait()
        for _ in range(2):
            (before,) = named("LISTEN")
            due.times = 0
            due.clear()
            ask("SELECT pg_terminate_backend(%s)", before)
            # What was sent meanwhile reached nobody.
            await due.wait()
            (now,) = named("LISTEN")
            assert now != before
            assert due.times == 1
            due.clear()
            ask("SELECT pg_notify(%s, '')", notify.CHANNEL)
            await due.wait()

    on_a_loop(work)


def test_a_server_that_says_nothing_does_not_hold_up_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setitem(connection.settings_dict, "HOST", "127.0.0.1")
        monkeypatch.setitem(connection.settings_dict, "PORT", silent.getsockname()[1])

        async def work(due: Counted) -> None:
            ticks = 0
            caller, _ = await asyncio.to_thread(silent.accept)
            with caller:
                for _ in range(20):
                    await asyncio.sleep(0.001)
                    ticks += 1
                caller.setblocking(False)
                assert caller.recv(1_000)
                # It still waits for the answer: it has neither given up nor been answered.
                with pytest.raises(BlockingIOError):
                    caller.recv(1_000)
            assert ticks == 20
            assert not due.is_set()

        on_a_loop(work)


def test_many_wake_ups_within_a_moment_are_few_notifications(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notify, "_current", None)
    pokes = 500
    with psycopg.connect(**notify.parameters()) as database:
        database.execute(f"LISTEN {notify.CHANNEL}")
        for _ in range(pokes):
            notify.notifier().poke()
        received = list(database.notifies(timeout=1))
    assert 1 <= len(received) < pokes / 5
