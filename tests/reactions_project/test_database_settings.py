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
