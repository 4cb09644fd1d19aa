"""Look-ups by a query that is written once."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models import BooleanField, F, Func, Model, QuerySet, Value
from django.db.models.base import ModelState

from reactions_project.prepared.columns import reader_of

M = TypeVar("M", bound=Model)


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
class _Part:
    """One model of the query and its columns of a row; `hold` puts its object where the one it belongs to has it."""

    model: type[Model]
    columns: slice
    names: Sequence[str]
    key: int
    hold: Callable[[Any, Any], None]
    held_by: Callable[[Any, Any], None]
    parts: "Sequence[_Part]"

    def made(self, row: list[Any]) -> Any:
        """The object of the row with all that belongs to it; None where a join found nothing."""
        if row[self.key] is None:
            return None
        made = self.model.__new__(self.model)
        made.__dict__.update(zip(self.names, row[self.columns], strict=True))
        made._state = state = ModelState()
        state.adding, state.db = False, DEFAULT_DB_ALIAS
        for part in self.parts:
            other = part.made(row)
            part.hold(made, other)
            if other is not None:
                part.held_by(other, made)
        return made


@dataclass(frozen=True)
class _Plan:
    """`parameters` are numbers of the caller's values, or constants of the query itself."""

    sql: str
    parameters: Sequence[tuple[int, Any]]
    readers: Sequence[tuple[int, Callable[[Any], Any]]]
    part: _Part


class PreparedRows(Generic[M]):
    """A queryset with so many parameters, each of which `rows` gets as a text that stands for it, such as
    `PreparedRows(lambda ids: Run.objects.filter(Among("pk", ids)).select_related("event"), 1)`."""

    def __init__(self, rows: Callable[..., QuerySet[M]], parameters: int = 1) -> None:
        self._rows = rows
        self._places = [f"stands for value {number}" for number in range(parameters)]
        self._plans: dict[str, _Plan] = {}

    def all(self, *values: Any) -> list[M]:
        """The rows with these values for the parameters, in one query."""
        plan = self._plan()
        with connection.cursor() as cursor:
            cursor.execute(plan.sql, _filled(plan, values))
            found = cursor.fetchall()
        return [_made(plan, row) for row in found]

    def first(self, *values: Any) -> M | None:
        """The first of the rows, None without any."""
        plan = self._plan()
        with connection.cursor() as cursor:
            cursor.execute(plan.sql, _filled(plan, values))
            found = cursor.fetchone()
        return None if found is None else _made(plan, found)

    def _plan(self) -> _Plan:
        plan = self._plans.get(connection.vendor)
        if plan is None:
            plan = self._plans[connection.vendor] = _planned(self._rows(*self._places), self._places)
        return plan


def _filled(plan: _Plan, values: Sequence[Any]) -> list[Any]:
    return [values[number] if number >= 0 else constant for number, constant in plan.parameters]


def _made(plan: _Plan, found: Sequence[Any]) -> Any:
    row = list(found)
    for position, read in plan.readers:
        row[position] = read(row[position])
    return plan.part.made(row)


def _planned(rows: QuerySet[Any], places: Sequence[str]) -> _Plan:
    """What Django's own iteration over model rows works out each time."""
    compiler = rows.query.get_compiler(using=DEFAULT_DB_ALIAS)
    sql, parameters = compiler.as_sql()
    numbers = [(places.index(one) if one in places else -1, one) for one in parameters]
    if {number for number, _ in numbers} - {-1} != set(range(len(places))):
        raise ValueError("A prepared query uses each of its parameters as it is: do not let Django change one.")
    select, about = compiler.select, compiler.klass_info
    assert about is not None
    converters = compiler.get_converters([one for one, *_ in select])
    return _Plan(
        sql=sql,
        parameters=numbers,
        readers=[
            (position, reader_of(expression.target, found, expression))
            for position, (found, expression) in converters.items()
        ],
        part=_part(about, [one for one, *_ in select]),
    )


def _part(about: Mapping[str, Any], columns: Sequence[Any]) -> _Part:
    model = about["model"]
    if about.get("from_parent") or model.__init__ is not Model.__init__ or "from_db" in vars(model):
        raise ValueError(f"A prepared query makes objects past their __init__: {model.__name__} does more there.")
    first, last = about["select_fields"][0], about["select_fields"][-1]
    names = [column.target.attname for column in columns[first : last + 1]]
    return _Part(
        model=model,
        columns=slice(first, last + 1),
        names=names,
        key=first + names.index(model._meta.pk.attname),
        hold=about.get("local_setter") or _nowhere,
        held_by=about.get("remote_setter") or _nowhere,
        parts=[_part(other, columns) for other in about.get("related_klass_infos", ())],
    )


def _nowhere(_: Any, __: Any) -> None:
    """The object that the query is about belongs to no other."""
