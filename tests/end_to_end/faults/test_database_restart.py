"""PostgreSQL is gone at once under load and comes back: workers go on by themselves, and nothing is lost or repeated."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.db import DatabaseError, connection
from django_q.models import Success
from django_q.tasks import async_task
from pytest_django import DjangoDbBlocker

from reactions_project.queue import HOUSEKEEPING_FUNCTION
from tests.end_to_end.faults.flows import flow_to, sent
from tests.end_to_end.faults.installation import Installation, awaited
from tests.end_to_end.faults.postgresql import PROGRAMS, Server, own_server
from tests.end_to_end.faults.truth import health_tells_the_truth
from tests.end_to_end.server import wait_until
from tests.fakes.receiver import Answer, Receiver

pytestmark = [
    pytest.mark.end_to_end,
    pytest.mark.skipif(not PROGRAMS, reason="PostgreSQL is not installed: apt install postgresql."),
    pytest.mark.skipif(not os.environ.get("TEST_DATABASE_URL"), reason="Of the lane on PostgreSQL."),
]
RUNS = 600


@pytest.fixture
def restartable(tmp_path: Path, django_db_blocker: DjangoDbBlocker) -> Iterator[tuple[Server, Installation]]:
    with own_server() as server:
        environment = {
            **{name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "REDIS_URL"}},
            "DATABASE_URL": server.url,
            "REACTIONS_DATA_DIR": str(tmp_path),
            "REACTIONS_ALLOW_PRIVATE_ADDRESSES": "127.0.0.1/32",
            "REACTIONS_SCRIPT_SANDBOX": "off",
            "REACTIONS_LEASE_SECONDS": "3",
        }
        installation = Installation(tmp_path, environment)
        installation.manage("migrate", "--verbosity=0")
        with django_db_blocker.unblock(), installation.connected():
            yield server, installation


def test_a_crash_of_the_database_under_load_loses_and_repeats_nothing(
    restartable: tuple[Server, Installation],
) -> None:
    server, installation = restartable
    with Receiver(respond=lambda _: Answer(delay=0.05)) as receiver, installation.host("http") as host:
        awaited(host, "http")
        flow = flow_to(receiver)
        flow.queue(RUNS)
        receiver.wait_for(100)
        server.crash()
        # Long enough that results and leases meet the gap, shorter than a lease.
        time.sleep(1)
        server.start()
        connection.close()

        def all_done() -> bool:
            try:
                return flow.all_succeeded()
            except DatabaseError:
                connection.close()
                return False

        wait_until(all_done, f"not all ended well: {flow.statuses()}", 60)
        times = sent(receiver)
        assert len(times) == RUNS
        # Whose result could not be written while its lease ran out is sent once more; no other.
        assert set(times.values()) <= {1, 2}
        assert sum(1 for count in times.values() if count > 1) <= 200
        assert host.process.poll() is None
        health_tells_the_truth(host)


def keeps_house() -> None:
    task = async_task(HOUSEKEEPING_FUNCTION)
    wait_until(lambda: Success.objects.filter(id=task).exists(), "no housekeeping was done", 60)


def test_housekeeping_goes_on_after_a_crash_of_the_database(restartable: tuple[Server, Installation]) -> None:
    """Its broker is a table: who takes tasks from it waits and ends after an error, and who stores results ends."""
    server, installation = restartable
    with installation.host("housekeeping") as host:
        keeps_house()
        server.crash()
        # Longer than q2 waits between two looks, so that it meets the gap.
        time.sleep(settings.Q_CLUSTER["poll"] + 1)
        server.start()
        connection.close()
        keeps_house()
        keeps_house()
        assert host.process.poll() is None
        health_tells_the_truth(host)
        assert host.stop() == 0, host.log.read_text()
