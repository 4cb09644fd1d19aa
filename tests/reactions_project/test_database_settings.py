"""What the databases are asked for beyond Django's defaults."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

from tests.end_to_end.server import ROOT

PRAGMAS = ("journal_mode", "synchronous", "busy_timeout")
TELL_PRAGMAS = f"""
import json
import django
django.setup()
from django.db import connection, transaction
with transaction.atomic(), connection.cursor() as cursor:
    print(json.dumps([cursor.execute(f"PRAGMA {{name}}").fetchone()[0] for name in {PRAGMAS}]))
"""


@pytest.mark.django_db
def test_a_transaction_that_its_host_left_open_ends_with_the_lease() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite's locks end with the process that holds them")
    with connection.cursor() as cursor:
        cursor.execute("SELECT setting::int FROM pg_settings WHERE name = 'idle_in_transaction_session_timeout'")
        assert cursor.fetchone() == (settings.REACTIONS_LEASE_SECONDS * 1_000,)


@pytest.mark.django_db
def test_a_server_that_is_gone_without_a_word_is_given_up_within_a_lease() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite is no server")
    connection.ensure_connection()
    used = connection.connection.info.get_parameters()
    lease = settings.REACTIONS_LEASE_SECONDS
    assert int(used["connect_timeout"]) < lease
    assert int(used["tcp_user_timeout"]) <= lease * 1_000
    assert int(used["keepalives_idle"]) + int(used["keepalives_interval"]) * int(used["keepalives_count"]) <= lease


@pytest.mark.parametrize(("asked", "synchronous"), [("", 2), ("NORMAL", 1)])
def test_what_sqlite_has_accepted_survives_a_power_cut_unless_less_was_asked_for(
    tmp_path: Path, asked: str, synchronous: int
) -> None:
    """In a process of its own: the tests themselves ask for less."""
    environment = {
        **{name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "REDIS_URL"}},
        "REACTIONS_DATA_DIR": str(tmp_path),
        "REACTIONS_SQLITE_SYNCHRONOUS": asked,
        "DJANGO_SETTINGS_MODULE": "reactions_project.settings",
    }
    told = subprocess.run(
        [sys.executable, "-c", TELL_PRAGMAS],
        env=environment, cwd=ROOT, check=True, timeout=60, stdout=subprocess.PIPE,
    )  # fmt: skip
    # 2 is FULL, 1 is NORMAL.
    assert json.loads(told.stdout) == ["wal", synchronous, 20_000]
