"""Inserts and updates by statements that are written once."""

from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar

from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models import Field, Model

from reactions_project.prepared.columns import Adapter, adapter_of

M = TypeVar("M", bound=Model)
Columns = Sequence[tuple[str, Adapter | None]]


class PreparedInsert(Generic[M]):
    """Writes rows of a model that nothing else inherits from or listens to: no signals are sent."""

    def __init__(self, model: type[M]) -> None:
        self._model = model
        self._plans: dict[str, tuple[str, Columns]] = {}

    def insert(self, row: M) -> None:
        """Give the row its primary key; raises IntegrityError as save(force_insert=True) would."""
        self.insert_all([row])

    def insert_all(self, rows: Sequence[M]) -> None:
        """The same for several, in their order."""
        if not rows:
            return
        sql, columns = self._plan()
        values = [_stored(vars(row), columns) for row in rows]
        for row, key in zip(rows, _returned(sql, values), strict=True):
            row.pk = key
            row._state.adding, row._state.db = False, DEFAULT_DB_ALIAS

    def insert_values(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Rows that nobody needs as objects: each has a value for every column but the primary key, by attribute."""
        if rows:
            sql, columns = self._plan()
            _returned(sql, [_stored(row, columns) for row in rows])

    def _plan(self) -> tuple[str, Columns]:
        vendor = connection.vendor
        if vendor not in self._plans:
            into, columns = _target(self._model)
            places = ", ".join(["%s"] * len(columns))
            sql = f"INSERT INTO {into} VALUES ({places}) RETURNING {_key_of(self._model)}"  # noqa: S608 # nosec B608
            self._plans[vendor] = sql, columns
        return self._plans[vendor]


class GuardedInsert(Generic[M]):
    """Writes rows each of which the database takes only if a condition of its own holds and no unique constraint is
    broken; the others are left without a primary key. The condition has a `%s` for each of the `fields` whose kinds of
    values it compares."""

    def __init__(self, model: type[M], condition: str, fields: Sequence["Field[Any, Any]"]) -> None:
        self._model = model
        self._condition = condition
        self._fields = list(fields)
        self._plans: dict[str, tuple[str, Columns, list[Adapter | None]]] = {}

    def insert_all(self, rows: Sequence[M], guards: Sequence[Sequence[Any]]) -> None:
        """`guards` holds for each row the values of its condition. In their order; an earlier row counts."""
        if not rows:
            return
        sql, columns, adapters = self._plan()
        values = [
            [
                *_stored(vars(row), columns),
                *(adapter(one) if adapter else one for one, adapter in zip(guard, adapters, strict=True)),
            ]
            for row, guard in zip(rows, guards, strict=True)
        ]
        for row, key in zip(rows, _returned(sql, values), strict=True):
            if key is not None:
                row.pk = key
                row._state.adding, row._state.db = False, DEFAULT_DB_ALIAS

    def _plan(self) -> tuple[str, Columns, list[Adapter | None]]:
        vendor = connection.vendor
        if vendor not in self._plans:
            into, columns = _target(self._model)
            places = ", ".join(["%s"] * len(columns))
            sql = (
                f"INSERT INTO {into} SELECT {places} WHERE {self._condition}"  # nosec B608 - texts of our own
                f" ON CONFLICT DO NOTHING RETURNING {_key_of(self._model)}"
            )
            self._plans[vendor] = sql, columns, [adapter_of(field) for field in self._fields]
        return self._plans[vendor]


class PreparedUpdate(Generic[M]):
    """Writes the named fields of rows by their primary keys."""

    def __init__(self, model: type[M], fields: Sequence[str]) -> None:
        self._model = model
        self._fields = [field for field in model._meta.concrete_fields if field.name in fields]
        self._plans: dict[str, tuple[str, Columns]] = {}

    def update_all(self, rows: Sequence[M]) -> None:
        if not rows:
            return
        vendor = connection.vendor
        if vendor not in self._plans:
            meta = self._model._meta
            assert meta.pk is not None
            names = ", ".join(f'"{field.column}" = %s' for field in self._fields)
            sql = f'UPDATE "{meta.db_table}" SET {names} WHERE "{meta.pk.column}" = %s'  # noqa: S608 # nosec B608
            self._plans[vendor] = sql, [(field.attname, adapter_of(field)) for field in self._fields]
        sql, columns = self._plans[vendor]
        values = [[*_stored(vars(row), columns), row.pk] for row in rows]
        with connection.cursor() as cursor:
            if vendor == "sqlite":
                cursor.executemany(sql, values)
                return
            with connection.wrap_database_errors:
                _execute_together(cursor.cursor, sql, values)


def _target(model: type[Model]) -> tuple[str, Columns]:
    """Table and columns of a whole row without its primary key, in SQL, and what gives the values."""
    fields = [field for field in model._meta.concrete_fields if not field.primary_key]
    names = ", ".join(f'"{field.column}"' for field in fields)
    return f'"{model._meta.db_table}" ({names})', [(field.attname, adapter_of(field)) for field in fields]


def _key_of(model: type[Model]) -> str:
    assert model._meta.pk is not None
    return f'"{model._meta.pk.column}"'


def _stored(values: Mapping[str, Any], columns: Columns) -> list[Any]:
    return [values[name] if adapter is None else adapter(values[name]) for name, adapter in columns]


def _returned(sql: str, values: Sequence[Sequence[Any]]) -> list[Any]:
    """The one column that each of the statements gives back; None where one gives no row."""
    with connection.cursor() as cursor:
        if len(values) == 1:
            cursor.execute(sql, values[0])
            return [_first(cursor.fetchone())]
        if connection.vendor == "sqlite":
            # Past Django's cursor, which rewrites the statement for each row.
            raw = sql.replace("%s", "?")
            with connection.wrap_database_errors:
                return [_first(connection.connection.execute(raw, row).fetchone()) for row in values]
        with connection.wrap_database_errors:
            _execute_together(cursor.cursor, sql, values)
            found = [_first(cursor.cursor.fetchone())]
            while cursor.cursor.nextset():
                found.append(_first(cursor.cursor.fetchone()))
        return found


def _execute_together(cursor: Any, sql: str, values: Sequence[Sequence[Any]]) -> None:
    """All statements in one message to PostgreSQL. Not executemany, which sends them as a pipeline: of a host that is
    cut off in the middle of one, PostgreSQL awaits the rest with the rows locked, and its limit for transactions that
    are idle does not count."""
    cursor.execute("; ".join(cursor.mogrify(sql, row) for row in values))


def _first(row: Sequence[Any] | None) -> Any:
    return row[0] if row is not None else None
