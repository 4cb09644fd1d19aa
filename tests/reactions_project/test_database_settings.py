"""What the databases are asked for beyond Django's defaults."""

import pytest
from django.conf import settings
from django.db import connection


@pytest.mark.django_db
def test_a_transaction_that_its_host_left_open_ends_with_the_lease() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite's locks end with the process that holds them")
    with connection.cursor() as cursor:
        cursor.execute("SELECT setting::int FROM pg_settings WHERE name = 'idle_in_transaction_session_timeout'")
        assert cursor.fetchone() == (settings.REACTIONS_LEASE_SECONDS * 1_000,)
