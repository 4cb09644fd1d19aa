"""What SQLite knows of its tables: without it, it goes through all of a table where an index has the few rows."""

from collections.abc import Iterable

from django.db import connection
from django.db.models import Model

# So many rows of each index are looked at: a millisecond for a table of 300,000 runs.
LOOKED_AT = 1_000


def refresh(models: Iterable[type[Model]]) -> None:
    """Look at these models' tables again, each in a transaction of its own; on PostgreSQL autovacuum does it."""
    if connection.vendor != "sqlite":
        return
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA analysis_limit = {LOOKED_AT}")
        for model in models:
            cursor.execute(f'ANALYZE "{model._meta.db_table}"')
