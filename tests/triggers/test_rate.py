"""How often in a minute, whoever counts."""

import multiprocessing
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from triggers import rate
from triggers.rate import FileCounter, RedisCounter


@pytest.fixture
def counter(tmp_path: Path) -> FileCounter:
    return FileCounter(tmp_path / "rates")


def test_it_counts_each_name_by_itself(counter: FileCounter):
    assert [counter.count("a", 100.0, 1).times for _ in range(3)] == [1, 2, 3]
    assert counter.count("b", 100.0, 1).times == 1
    assert counter.count("a", 100.0, 0).times == 3
    assert counter.count("c", 100.0, 0).times == 0


def test_a_window_begins_with_its_first_count_and_ends_a_minute_later(counter: FileCounter):
    assert counter.count("a", 100.0, 1).seconds_left == 60
    assert counter.count("a", 130.0, 1).seconds_left == 30
    assert counter.count("a", 159.9, 1) == rate.Count(3, 1)
    assert counter.count("a", 160.0, 1) == rate.Count(1, 60)


def test_a_clock_that_was_set_back_begins_a_new_window(counter: FileCounter):
    counter.count("a", 1_000.0, 5)
    assert counter.count("a", 10.0, 1).times == 1


def test_many_names_do_not_push_out_the_one_that_is_counted_most(counter: FileCounter, tmp_path: Path):
    for _ in range(50):
        counter.count("busy", 100.0, 1)
    for number in range(30_000):
        counter.count(f"stranger {number}", 101.0, 1)
    assert counter.count("busy", 102.0, 0).times == 50
    assert (tmp_path / "rates").stat().st_size < 400_000


def _count_often(path: Path) -> None:
    counter = FileCounter(path)
    for _ in range(500):
        counter.count("shared", 100.0, 1)


def test_sec_90_processes_and_threads_of_a_host_count_together(tmp_path: Path):
    path = tmp_path / "rates"
    processes = [multiprocessing.get_context("spawn").Process(target=_count_often, args=(path,)) for _ in range(2)]
    threads = [threading.Thread(target=_count_often, args=(path,)) for _ in range(2)]
    for worker in [*processes, *threads]:
        worker.start()
    for worker in [*processes, *threads]:
        worker.join()
    assert FileCounter(path).count("shared", 100.0, 0).times == 2_000


def test_a_counter_that_cannot_count_lets_pass(settings: Any):
    in_the_way = settings.REACTIONS_RUN_DIR / "file"
    in_the_way.write_text("")
    settings.REDIS_URL = ""
    settings.REACTIONS_RUN_DIR = in_the_way / "run"
    assert rate.add("a").times == 0


def test_where_redis_is_away_the_host_counts_its_own(settings: Any):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert [rate.add("a").times for _ in range(2)] == [1, 2]


def test_while_redis_is_away_not_every_request_waits_for_it(settings: Any, caplog: Any):
    settings.REDIS_URL = "redis://127.0.0.1:1/1"
    assert [rate.add("a").times for _ in range(5)] == [1, 2, 3, 4, 5]
    assert len([record for record in caplog.records if "Redis" in record.getMessage()]) == 1


@pytest.mark.skipif(not os.environ.get("TEST_REDIS_URL"), reason="no Redis: set TEST_REDIS_URL to run this test")
def test_redis_counts_the_same_for_every_host():
    one, other = (RedisCounter(os.environ["TEST_REDIS_URL"]) for _ in range(2))
    name = f"test {os.urandom(8).hex()}"
    assert one.count(name, 0, 0).times == 0
    assert [counter.count(name, 0, 1).times for counter in (one, other, one)] == [1, 2, 3]
    assert 0 < one.count(name, 0, 0).seconds_left <= 60
