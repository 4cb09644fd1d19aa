"""Writers of a SQLite file stand in a line, which is a courtesy: whatever happens to it, writing goes on."""

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from django.db import OperationalError
from pytest_django import DjangoDbBlocker

from reactions_project.sqlite import line as lines
from reactions_project.sqlite.base import DatabaseWrapper
from tests.end_to_end.server import ROOT

Connect = Callable[[], DatabaseWrapper]
Process = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(autouse=True)
def _databases_of_our_own(django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    with django_db_blocker.unblock():
        yield


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = str(tmp_path / "a.sqlite3")
    with sqlite3.connect(path) as made:
        made.execute("PRAGMA journal_mode = WAL")
        made.execute("CREATE TABLE note (writer TEXT, number INTEGER)")
    return path


def wrapper(file: str, timeout: float = 20) -> DatabaseWrapper:
    options = {"timeout": timeout, "transaction_mode": "IMMEDIATE", "init_command": "PRAGMA synchronous = OFF"}
    settings: dict[str, Any] = {
        "ENGINE": "reactions_project.sqlite", "NAME": file, "OPTIONS": options, "TIME_ZONE": None, "AUTOCOMMIT": True,
        "ATOMIC_REQUESTS": False, "CONN_MAX_AGE": 0, "CONN_HEALTH_CHECKS": False, "TEST": {}, "USER": "",
    }  # fmt: skip
    return DatabaseWrapper(settings, alias=f"of {file}")


@pytest.fixture
def connect(file: str) -> Iterator[Connect]:
    made: list[DatabaseWrapper] = []

    def one() -> DatabaseWrapper:
        made.append(wrapper(file))
        return made[-1]

    yield one
    for each in made:
        each.close()


def write(connection: DatabaseWrapper, writer: str, number: int = 1) -> None:
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO note VALUES (%s, %s)", [writer, number])


def transact(connection: DatabaseWrapper, writer: str, number: int = 1) -> None:
    connection.set_autocommit(False, force_begin_transaction_with_broken_autocommit=True)
    try:
        write(connection, writer, number)
        connection.commit()
    finally:
        connection.rollback()
        connection.set_autocommit(True)


def begin(connection: DatabaseWrapper) -> None:
    connection.set_autocommit(False, force_begin_transaction_with_broken_autocommit=True)


def is_free(file: str) -> bool:
    turn = lines.line_of(file).turn(patience=0)
    if turn is None:
        return False
    turn.end()
    return True


def count(file: str) -> Counter[str]:
    with sqlite3.connect(file) as asked:
        return Counter(row[0] for row in asked.execute("SELECT writer FROM note"))


WRITER = """
import sys
from tests.reactions_project.sqlite.test_line import transact, wrapper, write
connection = wrapper(sys.argv[1])
for number in range(int(sys.argv[3])):
    (transact if number % 2 else write)(connection, sys.argv[2], number)
"""


@pytest.fixture
def process(file: str) -> Iterator[Process]:
    with contextlib.ExitStack() as made:

        def one(code: str, *words: str) -> "subprocess.Popen[str]":
            command = [sys.executable, "-c", code, file, *words]
            started = subprocess.Popen(
                command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
            made.enter_context(started)
            made.callback(started.kill)
            return started

        yield one


def test_threads_and_processes_that_write_at_once_all_come_to_their_end(
    file: str, connect: Connect, process: Process
) -> None:
    others = [process(WRITER, f"process {number}", "400") for number in range(3)]
    failed: list[BaseException] = []

    def many(name: str) -> None:
        # Of its own, as Django has one for each thread.
        connection = wrapper(file)
        try:
            for number in range(400):
                (transact if number % 2 else write)(connection, name, number)
        except BaseException as error:
            failed.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=many, args=(f"thread {number}",)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    for other in others:
        _, told = other.communicate(timeout=120)
        assert other.returncode == 0, told
    assert failed == []
    assert set(count(file).values()) == {400}
    assert len(count(file)) == 9
    assert is_free(file)


def test_who_waits_is_let_in_before_the_other_has_written_many_more(
    file: str, connect: Connect, process: Process
) -> None:
    done = threading.Event()

    def busy() -> None:
        connection = wrapper(file)
        while not done.is_set():
            transact(connection, "busy")
        connection.close()

    thread = threading.Thread(target=busy)
    thread.start()
    assert process(WRITER, "other", "200").wait(60) == 0
    done.set()
    thread.join(10)
    with sqlite3.connect(file) as asked:
        own = [row[0] for row in asked.execute("SELECT rowid FROM note WHERE writer = 'other' ORDER BY rowid")]
    between = (own[-1] - own[0]) / len(own)
    # Where everybody looks again after pauses of their own it is five times as many.
    assert between < 40


@pytest.mark.parametrize("ends", ["commit", "rollback", "close", "forgotten"])
def test_a_turn_ends_with_the_transaction_however_that_ends(file: str, connect: Connect, ends: str) -> None:
    connection = connect()
    begin(connection)
    write(connection, "one")
    assert not is_free(file)
    if ends == "forgotten":
        turn, connection._turn = connection._turn, None
        del turn
        connection.close()
    else:
        getattr(connection, ends)()
    assert is_free(file)


def test_a_statement_that_fails_ends_its_turn(file: str, connect: Connect) -> None:
    connection = connect()
    with pytest.raises(OperationalError):
        connection.cursor().execute("INSERT INTO nowhere VALUES (1)")
    assert is_free(file)


def test_reading_needs_no_turn(file: str, connect: Connect) -> None:
    holder, reader = connect(), connect()
    begin(holder)
    with reader.cursor() as cursor:
        cursor.execute("  SELECT count(*) FROM note")
        assert cursor.fetchone() == (0,)
    assert reader._turn is None


def test_a_killed_writer_holds_up_nobody(file: str, connect: Connect, process: Process) -> None:
    code = """
import sys, time
from tests.reactions_project.sqlite.test_line import begin, wrapper, write
connection = wrapper(sys.argv[1])
begin(connection)
write(connection, "killed")
print("has the turn", flush=True)
time.sleep(60)
"""
    other = process(code)
    assert other.stdout is not None
    assert other.stdout.readline() == "has the turn\n"
    assert not is_free(file)
    other.send_signal(signal.SIGKILL)
    other.wait(10)
    assert is_free(file)
    transact(connect(), "next")
    assert count(file) == {"next": 1}


def test_a_forked_child_neither_holds_its_parents_turn_nor_ends_it(
    file: str, connect: Connect, process: Process
) -> None:
    code = """
import os, sys, time
from reactions_project.sqlite.line import line_of
turn = line_of(sys.argv[1]).turn()
child = os.fork()
if child == 0:
    assert line_of(sys.argv[1]).turn(patience=0.05) is None
    del turn
    os.close(1)
    time.sleep(60)
    os._exit(0)
print(child, flush=True)
time.sleep(60)
"""
    other = process(code)
    assert other.stdout is not None
    child = int(other.stdout.readline())
    try:
        assert not is_free(file)
        other.kill()
        other.wait(10)
        assert is_free(file)
    finally:
        os.kill(child, signal.SIGKILL)


def test_the_end_of_the_turn_that_a_child_was_forked_in_does_not_end_its_own(
    file: str, connect: Connect, process: Process
) -> None:
    code = """
import os, sys, time
from reactions_project.sqlite.line import line_of
turn = line_of(sys.argv[1]).turn()
if os.fork():
    turn.end()
    os.wait()
else:
    own = line_of(sys.argv[1]).turn(patience=30)
    turn.end()
    print("has its own", flush=True)
    sys.stdin.read()
    os._exit(0)
"""
    other = process(code)
    assert other.stdout is not None
    assert other.stdin is not None
    assert other.stdout.readline() == "has its own\n"
    assert not is_free(file)
    other.stdin.close()
    other.wait(10)
    assert is_free(file)


def test_who_has_waited_long_enough_goes_without_a_turn(file: str, connect: Connect) -> None:
    held = lines.line_of(file).turn()
    assert held is not None
    with patch.object(lines.Line.turn, "__defaults__", (0.05,)):
        transact(connect(), "patient")
    assert count(file) == {"patient": 1}
    held.end()


def test_a_writer_outside_the_line_is_waited_for_as_ever(file: str, connect: Connect) -> None:
    foreign = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    foreign.execute("BEGIN IMMEDIATE")
    threading.Timer(0.3, lambda: foreign.execute("COMMIT")).start()
    transact(connect(), "ours")
    assert count(file) == {"ours": 1}
    foreign.execute("BEGIN IMMEDIATE")
    impatient = wrapper(file, timeout=0.1)
    with pytest.raises(OperationalError, match="locked"):
        begin(impatient)
    assert is_free(file)
    impatient.close()
    foreign.close()


def test_where_no_file_can_be_made_beside_the_database_writing_goes_on(file: str, connect: Connect) -> None:
    Path(f"{file}-line").mkdir()
    transact(connect(), "one")
    write(connect(), "two")
    assert count(file) == {"one": 1, "two": 1}


def test_places_of_parameters_are_told_from_percent_signs(connect: Connect) -> None:
    for _ in range(2):
        with connect().cursor() as cursor:
            cursor.execute("SELECT %s, '100 %%', %s", ["%s", 7])
            assert cursor.fetchone() == ("%s", "100 %", 7)
            cursor.execute("SELECT %(name)s", {"name": "named"})
            assert cursor.fetchone() == ("named",)
            cursor.execute("SELECT '%s'")
            assert cursor.fetchone() == ("%s",)
