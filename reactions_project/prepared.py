"""Queries and inserts whose SQL Django writes once instead of each time, for hot paths: writing a query with four joins
takes Django ten times as long as a database needs to answer it, and preparing the values of a row longer than storing
it."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models import BooleanField, DateTimeField, F, Field, Func, Model, QuerySet, Value
from django.db.models.query import get_related_populators

M = TypeVar("M", bound=Model)
Adapter = Callable[[Any], Any]
Columns = list[tuple[str, Adapter | None]]


class Among(Func):
    """`filter(Among("pk", place))`: true where the column has one of the values that `many` packed into one parameter,
    so that the SQL is the same for any number of them."""

    output_field = BooleanField()

    def __init__(self, column: str, place: str) -> None:
        super().__init__(F(column), Value(place))

    def as_sql(self, compiler: Any, connection: Any, **_: Any) -> tuple[str, list[Any]]:  # type: ignore[override]
        column, place = (compiler.compile(one) for one in self.get_source_expressions())
        among = "IN (SELECT value FROM json_each({}))" if connection.vendor == "sqlite" else "= ANY({})"
        return f"{column[0]} {among.format(place[0])}", [*column[1], *place[1]]


def many(values: Iterable[Any]) -> Any:
    """The parameter for Among."""
    found = list(values)
    if connection.vendor != "sqlite":
        return found
    # SQLite stores a UUID as 32 hexadecimal digits.
    return json.dumps([value.hex if isinstance(value, UUID) else value for value in found])


@dataclass(frozen=True)
class _Plan(Generic[M]):
    """`parameters` are numbers of the caller's values, or constants of the query itself."""

    sql: str
    parameters: list[tuple[int, Any]]
    model: type[M]
    converters: list[tuple[int, list[Callable[..., Any]], Any]]
    columns: slice
    names: list[str]
    populators: list[Any]


class PreparedRows(Generic[M]):
    """A queryset with so many parameters, each of which `rows` gets as a text that stands for it, such as
    `PreparedRows(lambda ids: Run.objects.filter(Among("pk", ids)).select_related("event"), 1)`."""

    def __init__(self, rows: Callable[..., QuerySet[M]], parameters: int = 1) -> None:
        self._rows = rows
        self._places = [f"stands for value {number}" for number in range(parameters)]
        self._plans: dict[str, _Plan[M]] = {}

    def all(self, *values: Any) -> list[M]:
        """The rows with these values for the parameters, in one query."""
        plan = self._plan()
        with connection.cursor() as cursor:
            cursor.execute(plan.sql, _filled(plan, values))
            found = cursor.fetchall()
        return [_made(plan, list(row)) for row in found]

    def first(self, *values: Any) -> M | None:
        """The first of the rows, None without any."""
        plan = self._plan()
        with connection.cursor() as cursor:
            cursor.execute(plan.sql, _filled(plan, values))
            found = cursor.fetchone()
        return None if found is None else _made(plan, list(found))

    def _plan(self) -> _Plan[M]:
        plan = self._plans.get(connection.vendor)
        if plan is None:
            plan = self._plans[connection.vendor] = _planned(self._rows(*self._places), self._places)
        return plan


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
        values = [[_value(row, *column) for column in columns] for row in rows]
        for row, key in zip(rows, _returned(sql, values), strict=True):
            row.pk = key
            row._state.adding, row._state.db = False, DEFAULT_DB_ALIAS

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
                *(_value(row, *column) for column in columns),
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
        values = [[*(_value(row, *column) for column in columns), row.pk] for row in rows]
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


def adapter_of(field: "Field[Any, Any]") -> Adapter | None:
    """What makes of a field's value what this database stores, None where nothing must be done. Does what
    Field.get_db_prep_save does, for the kinds of fields that make up most of a row."""
    kind = getattr(field, "target_field", field).get_internal_type()
    is_sqlite = connection.vendor == "sqlite"
    if kind in {"CharField", "TextField"}:
        return _text
    if kind in {"AutoField", "BigAutoField", "BooleanField", "IntegerField", "BigIntegerField", "PositiveIntegerField"}:
        return None
    if kind == "UUIDField":
        return _hexadecimal if is_sqlite else None
    if kind == "DateTimeField" and not (isinstance(field, DateTimeField) and (field.auto_now or field.auto_now_add)):
        return _moment if is_sqlite else None
    return lambda value: field.get_db_prep_save(value, connection)


def _value(row: Model, name: str, adapter: Adapter | None) -> Any:
    value = row.__dict__[name]
    return value if adapter is None else adapter(value)


def _text(value: Any) -> Any:
    # Choices and opaque texts are texts of their own classes, and drivers go by the class.
    return value if value is None or type(value) is str else str.__str__(value)


def _hexadecimal(value: Any) -> Any:
    if value is None:
        return None
    return value.hex if isinstance(value, UUID) else UUID(str(value)).hex


def _moment(value: datetime | None) -> str | None:
    return None if value is None else str(value.astimezone(UTC).replace(tzinfo=None))


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


def _filled(plan: _Plan[Any], values: Sequence[Any]) -> list[Any]:
    return [values[number] if number >= 0 else constant for number, constant in plan.parameters]


def _made(plan: _Plan[M], row: list[Any]) -> M:
    for position, converters, expression in plan.converters:
        for converter in converters:
            row[position] = converter(row[position], expression, connection)
    obj = plan.model.from_db(DEFAULT_DB_ALIAS, plan.names, row[plan.columns])
    for populator in plan.populators:
        populator.populate(row, obj)
    return obj


def _planned(rows: QuerySet[M], places: Sequence[str]) -> _Plan[M]:
    """What Django's own iteration over model rows works out each time."""
    compiler = rows.query.get_compiler(using=DEFAULT_DB_ALIAS)
    sql, parameters = compiler.as_sql()
    numbers = [(places.index(one) if one in places else -1, one) for one in parameters]
    if {number for number, _ in numbers} - {-1} != set(range(len(places))):
        raise ValueError("A prepared query uses each of its parameters as it is: do not let Django change one.")
    select, about = compiler.select, compiler.klass_info
    assert about is not None
    columns = slice(about["select_fields"][0], about["select_fields"][-1] + 1)
    return _Plan(
        sql=sql,
        parameters=numbers,
        model=rows.model,
        converters=[
            (position, converters, expression)
            for position, (converters, expression) in compiler.get_converters([one for one, *_ in select]).items()
        ],
        columns=columns,
        names=[one.target.attname for one, *_ in select[columns]],
        # The stubs are those of the next Django, which takes one argument more.
        populators=get_related_populators(about, select, DEFAULT_DB_ALIAS),  # type: ignore[call-arg]
    )
