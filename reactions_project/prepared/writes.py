"""Inserts and updates by statements that are written once: on SQLite one for each row, which costs next to nothing, on
PostgreSQL one for all of several, since each is a message, a plan and a wait there."""

import re
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any, Generic, NamedTuple, TypeVar

from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models import Field, Model

from reactions_project.prepared.columns import Adapter, adapter_of
from reactions_project.prepared.statements import fetched_each

M = TypeVar("M", bound=Model)


class _Target(NamedTuple):
    """A table and some of its columns. `places` are for one row's values, `typed` say also of which type they are, as
    PostgreSQL wants it of the first of several rows outside an INSERT."""

    table: str
    key: str
    names: Sequence[str]
    get: Callable[[Mapping[str, Any]], tuple[Any, ...]]
    adapters: Sequence[tuple[int, Adapter]]
    places: str
    typed: str


class PreparedInsert(Generic[M]):
    """Writes rows of a model that nothing else inherits from or listens to: no signals are sent."""

    def __init__(self, model: type[M]) -> None:
        self._model = model
        self._targets: dict[str, _Target] = {}

    def insert(self, row: M) -> None:
        """Give the row its primary key; raises IntegrityError as save(force_insert=True) would."""
        self.insert_all([row])

    def insert_all(self, rows: Sequence[M]) -> None:
        """The same for several, in their order."""
        if rows:
            for row, key in zip(rows, self._written([vars(row) for row in rows]), strict=True):
                _keep(row, key)

    def insert_values(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Rows that nobody needs as objects: each has a value for every column but the primary key, by attribute."""
        if rows:
            self._written(rows)

    def _written(self, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
        target = _target(self._targets, self._model, _all_but_key(self._model))
        values = [_stored(row, target) for row in rows]
        into = f"INSERT INTO {_into(target)} VALUES "  # noqa: S608 # nosec B608
        returning = f" RETURNING {target.key}"
        if connection.vendor == "sqlite" or len(values) == 1:
            return [row[0] for row in fetched_each(f"{into}{target.places}{returning}", values)]
        return [row[0] for row in _asked(f"{into}{_rows(values, target.places)}{returning}")]


class GuardedInsert(Generic[M]):
    """Writes rows each of which the database takes only if a condition of its own holds and no unique constraint is
    broken; the others are left without a primary key. The condition has a `%s` for each of the `fields` whose kinds of
    values it compares; rows are told apart by their unique field `identity`."""

    def __init__(
        self, model: type[M], condition: str, fields: Sequence["Field[Any, Any]"], identity: "Field[Any, Any]"
    ) -> None:
        self._model = model
        self._condition = condition
        self._fields = list(fields)
        self._identity = identity
        self._targets: dict[str, _Target] = {}

    def insert_all(self, rows: Sequence[M], guards: Sequence[Sequence[Any]]) -> None:
        """`guards` holds for each row the values of its condition. Of rows with equal ones an earlier one counts."""
        if not rows:
            return
        adapters = [adapter_of(field) for field in self._fields]
        together: dict[tuple[Any, ...], list[M]] = {}
        for row, guard in zip(rows, guards, strict=True):
            values = (adapter(one) if adapter else one for one, adapter in zip(guard, adapters, strict=True))
            together.setdefault(tuple(values), []).append(row)
        for guarded, of_guard in together.items():
            is_each = connection.vendor == "sqlite" or len(of_guard) == 1
            keys = (self._one_by_one if is_each else self._at_once)(of_guard, guarded)
            for row in of_guard:
                if (key := keys.get(getattr(row, self._identity.attname))) is not None:
                    _keep(row, key)

    def _one_by_one(self, rows: Sequence[M], guard: tuple[Any, ...]) -> dict[Any, Any]:
        target = self._target()
        places = target.places if connection.vendor == "sqlite" else target.typed
        sql = self._sql(target, f"SELECT {places[1:-1]}", self._condition)
        name = self._identity.attname
        found = fetched_each(sql, [[*_stored(vars(row), target), *guard] for row in rows])
        return {getattr(row, name): told[0] for row, told in zip(rows, found, strict=True) if told is not None}

    def _at_once(self, rows: Sequence[M], guard: tuple[Any, ...]) -> dict[Any, Any]:
        target = self._target()
        values = _rows([_stored(vars(row), target) for row in rows], target.places, target.typed)
        condition = _mogrified(self._condition, guard)
        sql = self._sql(target, f"SELECT * FROM (VALUES {values}) AS given", condition)  # noqa: S608 # nosec B608
        return {identity: key for key, identity in _asked(sql)}

    def _sql(self, target: _Target, select: str, condition: str) -> str:
        return (
            f"INSERT INTO {_into(target)} {select} WHERE {condition}"  # nosec B608 - texts of our own
            f' ON CONFLICT DO NOTHING RETURNING {target.key}, "{self._identity.column}"'
        )

    def _target(self) -> _Target:
        return _target(self._targets, self._model, _all_but_key(self._model))


class PreparedUpdate(Generic[M]):
    """Writes the named fields of rows by their primary keys."""

    def __init__(self, model: type[M], fields: Sequence[str]) -> None:
        self._model = model
        assert model._meta.pk is not None
        self._fields = [model._meta.pk, *(field for field in model._meta.concrete_fields if field.name in fields)]
        self._targets: dict[str, _Target] = {}

    def update_all(self, rows: Sequence[M]) -> None:
        if not rows:
            return
        target = _target(self._targets, self._model, self._fields)
        values = [_stored(vars(row), target) for row in rows]
        names = target.names[1:]
        if connection.vendor == "sqlite" or len(values) == 1:
            sets = ", ".join(f"{name} = %s" for name in names)
            sql = f"UPDATE {target.table} SET {sets} WHERE {target.key} = %s RETURNING {target.key}"  # noqa: S608 # nosec B608
            fetched_each(sql, [[*row[1:], row[0]] for row in values])
            return
        sets = ", ".join(f"{name} = given.{name}" for name in names)
        _execute(
            f"UPDATE {target.table} SET {sets} FROM (VALUES {_rows(values, target.places, target.typed)})"  # noqa: S608 # nosec B608
            f" AS given ({', '.join(target.names)}) WHERE {target.table}.{target.key} = given.{target.key}"
        )


def _all_but_key(model: type[Model]) -> "list[Field[Any, Any]]":
    return [field for field in model._meta.concrete_fields if not field.primary_key]


def _target(known: dict[str, _Target], model: type[Model], fields: "Sequence[Field[Any, Any]]") -> _Target:
    if (target := known.get(connection.vendor)) is None:
        meta = model._meta
        assert meta.pk is not None
        # A cast to varchar(9) would cut what is longer instead of refusing it.
        types = [re.sub(r"\(\d+\)", "", str(field.db_type(connection))) for field in fields]
        target = known[connection.vendor] = _Target(
            table=f'"{meta.db_table}"',
            key=f'"{meta.pk.column}"',
            names=[f'"{field.column}"' for field in fields],
            get=itemgetter(*(field.attname for field in fields)),
            adapters=[(place, adapter) for place, field in enumerate(fields) if (adapter := adapter_of(field))],
            places=f"({', '.join(['%s'] * len(fields))})",
            typed=f"({', '.join(f'CAST(%s AS {kind})' for kind in types)})",
        )
    return target


def _into(target: _Target) -> str:
    return f"{target.table} ({', '.join(target.names)})"


def _stored(values: Mapping[str, Any], target: _Target) -> list[Any]:
    stored = list(target.get(values))
    for place, adapter in target.adapters:
        stored[place] = adapter(stored[place])
    return stored


def _keep(row: Model, key: Any) -> None:
    row.pk = key
    row._state.adding, row._state.db = False, DEFAULT_DB_ALIAS


def _rows(values: Sequence[Sequence[Any]], places: str, first: str | None = None) -> str:
    """Rows as they stand in a statement for PostgreSQL. In its text and not as a pipeline (executemany): of a host that
    is cut off in the middle of one, PostgreSQL awaits the rest with the rows locked, and its limit for transactions
    that are idle does not count."""
    with connection.cursor() as cursor:
        told = [cursor.cursor.mogrify(first or places, values[0])]
        told += [cursor.cursor.mogrify(places, row) for row in values[1:]]
    return ", ".join(told)


def _mogrified(sql: str, values: Sequence[Any]) -> str:
    with connection.cursor() as cursor:
        return str(cursor.cursor.mogrify(sql, values))


def _execute(sql: str) -> None:
    """One whole statement, whose per cent signs mean nothing."""
    with connection.cursor() as cursor:
        cursor.execute(sql)


def _asked(sql: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())
