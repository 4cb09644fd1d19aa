"""What every test has besides tests/settings.py: the shared corpus if it is there, and clients with keys."""

import os
from pathlib import Path

import pytest
from django.db import connection
from rest_framework.test import APIClient

from accounts.models import User

SHARED = Path(os.environ.get("REACTIONS_SHARED", Path(__file__).resolve().parents[2] / "shared"))


@pytest.fixture(scope="session")
def shared_folder() -> Path:
    """The shared corpus beside the checkout; tests that need it skip where it is not."""
    if not SHARED.is_dir():
        pytest.skip(f"the shared corpus is not at {SHARED}: set REACTIONS_SHARED to run this test")
    return SHARED


@pytest.fixture
def client_for():
    """`client_for(user)` is an API client with a fresh key of that person; `client_for(None)` has none."""
    from tests.factories import api_key

    def make(user: User | None, scopes: tuple[str, ...] = ("read", "write", "run")) -> APIClient:
        client = APIClient()
        if user is not None:
            client.credentials(HTTP_AUTHORIZATION=f"Bearer {api_key(user, scopes)}")
        return client

    return make


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker):
    """What woke workers keeps a connection of its own, and PostgreSQL drops no database that somebody is in."""
    yield
    with django_db_blocker.unblock():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
