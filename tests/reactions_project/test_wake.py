"""Waking workers from a process that ends at once, as a command on the shell does."""

import os
import subprocess
import sys

import psycopg
import pytest

from reactions_project.notify import CHANNEL
from tests.end_to_end.server import ROOT, own_database

WAKE_AND_END = "import django; django.setup(); from reactions_project import wake; wake.send()"


@pytest.mark.skipif("TEST_DATABASE_URL" not in os.environ, reason="On SQLite a datagram is sent before `send` returns.")
def test_a_process_that_ends_at_once_sends_its_wake_up_first() -> None:
    with own_database() as database:
        environment = {**os.environ, **database, "DJANGO_SETTINGS_MODULE": "reactions_project.settings"}
        with psycopg.connect(database["DATABASE_URL"], autocommit=True) as listening:
            listening.execute(f"LISTEN {CHANNEL}")
            subprocess.run([sys.executable, "-c", WAKE_AND_END], env=environment, cwd=ROOT, check=True, timeout=60)
            assert [one.channel for one in listening.notifies(timeout=1, stop_after=1)] == [CHANNEL]
