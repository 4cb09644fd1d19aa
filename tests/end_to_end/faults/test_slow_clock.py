"""The clock of a host is an hour slow from its start: from the first claim on, leases go by the database's time."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db import connection

from tests.end_to_end.faults.flows import flow_to
from tests.end_to_end.faults.installation import Installation
from tests.end_to_end.faults.wrong_clock import set_clock
from tests.end_to_end.server import wait_until
from tests.fakes.receiver import Receiver

pytestmark = pytest.mark.end_to_end


@contextmanager
def witness() -> Iterator[None]:
    """Writes down of every claim whether its lease had ended when it was made."""
    with connection.cursor() as cursor:
        cursor.execute("""
            CREATE TABLE claimed (has_ended boolean);
            CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                INSERT INTO claimed VALUES (NEW.lease_until <= clock_timestamp()); RETURN NEW;
            END $$;
            CREATE TRIGGER see AFTER UPDATE ON actions_run FOR EACH ROW
                WHEN (OLD.status = 'queued' AND NEW.status = 'running') EXECUTE FUNCTION see();
        """)
        try:
            yield
        finally:
            cursor.execute("DROP TRIGGER see ON actions_run; DROP FUNCTION see; DROP TABLE claimed")


def test_a_host_whose_clock_is_slow_from_the_start_claims_no_lease_that_has_ended(
    installation: Installation, tmp_path: Path
) -> None:
    if "DATABASE_URL" not in installation.environment:
        pytest.skip("on SQLite the clock of the host is everybody's")
    offset = tmp_path / "offset"
    set_clock(offset, -3600)
    program = ("-m", "tests.end_to_end.faults.wrong_clock", "worker")
    with Receiver() as receiver, witness():
        flow = flow_to(receiver)
        flow.queue(5)
        # Due by its own clock too.
        flow.runs.update(due_at="2026-01-01T00:00:00Z")
        with installation.host("http", program=program, CLOCK_OFFSET_FILE=str(offset)) as host:
            wait_until(flow.all_succeeded, "nothing was sent")
        with connection.cursor() as cursor:
            cursor.execute("SELECT has_ended, count(*) FROM claimed GROUP BY 1")
            assert cursor.fetchall() == [(False, 5)]
        assert "the clock was set" not in host.log.read_text(), "it was never right"
