"""One migrated database for all fault tests; each test has its own teams, receivers and hosts, and leaves no rows."""

import os
from collections.abc import Iterator

import pytest

from actions.models import Attempt, Heartbeat, Run, TargetState
from tests.end_to_end.faults.installation import LEASE_SECONDS, Installation
from tests.end_to_end.server import own_database


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    data = tmp_path_factory.mktemp("faults")
    with own_database() as database:
        environment = {
            **{name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "REDIS_URL"}},
            **database,
            "REACTIONS_DATA_DIR": str(data),
            "REACTIONS_ALLOW_PRIVATE_ADDRESSES": "127.0.0.1/32",
            "REACTIONS_SCRIPT_SANDBOX": "off",
            # So that a lost host is noticed soon.
            "REACTIONS_LEASE_SECONDS": str(LEASE_SECONDS),
            "PYTHONUNBUFFERED": "1",
        }
        made = Installation(data, environment)
        made.manage("migrate", "--verbosity=0")
        yield made


@pytest.fixture
def installation(migrated: Installation, django_db_blocker: pytest.FixtureRequest) -> Iterator[Installation]:
    with django_db_blocker.unblock(), migrated.connected():
        yield migrated
        Attempt.objects.all().delete()
        Run.objects.all().delete()
        Heartbeat.objects.all().delete()
        TargetState.objects.all().delete()
