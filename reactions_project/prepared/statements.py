"""Executing what is written already: past Django's cursors, which look at each statement anew, unless somebody listens
to what is executed."""

from collections.abc import Sequence
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections

from reactions_project.sqlite.places import with_question_marks


def fetched(sql: str, values: Sequence[Any], most: int | None = None) -> list[Any]:
    """The rows that a query gives, at most so many of them; raises Django's own errors. `%s` are places of values. Not
    for what writes outside a transaction."""
    database: Any = connections[DEFAULT_DB_ALIAS]
    if database.execute_wrappers or database.queries_logged:
        with database.cursor() as cursor:
            cursor.execute(sql, values)
            return list(cursor.fetchall() if most is None else cursor.fetchmany(most))
    database.close_if_health_check_failed()
    database.ensure_connection()
    database.validate_no_broken_transaction()
    with database.wrap_database_errors:
        cursor = _executed(database, sql, values)
        try:
            return list(cursor.fetchall() if most is None else cursor.fetchmany(most))
        finally:
            cursor.close()


def _executed(database: Any, sql: str, values: Sequence[Any]) -> Any:
    if database.vendor == "sqlite":
        return database.connection.execute(with_question_marks(sql), values)
    # Planning a query with six joins takes PostgreSQL ten times as long as answering it. A cursor of psycopg's own,
    # since Django's puts the values into the text.
    try:
        return database.Database.Cursor(database.connection).execute(sql, values, prepare=True)
    except database.Database.errors.FeatureNotSupported:
        # A column changed its type, so what was prepared is no good any more, on this connection.
        database.close()
        raise


def fetched_each(sql: str, rows: Sequence[Sequence[Any]]) -> list[Any]:
    """For each row of values, of which there are several on SQLite only, the first row that the statement gives back,
    None where there is none; within a transaction. As executemany, which gives nothing back, nobody who listens hears
    of it more than once."""
    if len(rows) == 1:
        return [next(iter(fetched(sql, rows[0])), None)]
    database: Any = connections[DEFAULT_DB_ALIAS]
    written = with_question_marks(sql)
    with database.wrap_database_errors:
        return [database.connection.execute(written, row).fetchone() for row in rows]
