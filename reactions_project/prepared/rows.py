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
from reactions_project.prepared.statements import fetched

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


Readers = Sequence[tuple[int, Callable[[Any], Any]]]


@dataclass(frozen=True)
class _Part:
    """One model of the query and its columns of a row; `hold` puts its object where the one it belongs to has it.
    `readers` are for its columns."""

    model: type[Model]
    columns: slice
    names: Sequence[str]
    key: int
    readers: Readers
    hold: Callable[[Any, Any], None]
    held_by: Callable[[Any, Any], None]
    parts: "Sequence[_Part]"

    def made(self, row: list[Any], known: "dict[tuple[int, Any], Any]") -> Any:
        """The object of the row with all that belongs to it; None where a join found nothing."""
        for position, read in self.readers:
            row[position] = read(row[position])
        made = self.model.__new__(self.model)
        made.__dict__.update(zip(self.names, row[self.columns], strict=True))
        made._state = state = ModelState()
        state.adding, state.db = False, DEFAULT_DB_ALIAS
        for part in self.parts:
            other = part.shared(row, known)
            part.hold(made, other)
            if other is not None:
                part.held_by(other, made)
        return made

    def shared(self, row: list[Any], known: "dict[tuple[int, Any], Any]") -> Any:
        """The same object for all rows that have it: of a batch's events most are of few projects."""
        key = row[self.key]
        if key is None:
            return None
        place = id(self), key
        found = known.get(place)
        if found is None:
            found = known[place] = self.made(row, known)
        return found


@dataclass(frozen=True)
class _Plan:
    """`parameters` are numbers of the caller's values, or constants of the query itself."""

    sql: str
    parameters: Sequence[tuple[int, Any]]
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
        found = fetched(plan.sql, _filled(plan, values))
        known: dict[tuple[int, Any], Any] = {}
        return [plan.part.made(list(row), known) for row in found]

    def first(self, *values: Any) -> M | None:
        """The first of the rows, None without any."""
        plan = self._plan()
        found = fetched(plan.sql, _filled(plan, values), most=1)
        return plan.part.made(list(found[0]), {}) if found else None

    def _plan(self) -> _Plan:
        plan = self._plans.get(connection.vendor)
        if plan is None:
            plan = self._plans[connection.vendor] = _planned(self._rows(*self._places), self._places)
        return plan


def _filled(plan: _Plan, values: Sequence[Any]) -> list[Any]:
    return [values[number] if number >= 0 else constant for number, constant in plan.parameters]


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
    readers = [
        (position, reader_of(expression.target, found, expression))
        for position, (found, expression) in converters.items()
    ]
    return _Plan(sql, numbers, _part(about, [one for one, *_ in select], readers))


def _part(about: Mapping[str, Any], columns: Sequence[Any], readers: Readers) -> _Part:
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
        readers=[(position, read) for position, read in readers if first <= position <= last],
        hold=about.get("local_setter") or _nowhere,
        held_by=about.get("remote_setter") or _nowhere,
        parts=[_part(other, columns, readers) for other in about.get("related_klass_infos", ())],
    )


def _nowhere(_: Any, __: Any) -> None:
    """The object that the query is about belongs to no other."""


class NewRows(Generic[M]):
    """Makes objects that are about to be inserted, past their __init__, which looks at each field anew each time:
    `NewRows(Run)({"project": project}, reaction_name="…")` is `Run(project=project, reaction_name="…")`."""

    def __init__(self, model: type[M]) -> None:
        if model.__init__ is not Model.__init__:
            raise ValueError(f"Objects are made past their __init__: {model.__name__} does more there.")
        self._model = model
        self._links = {field.name: field.attname for field in model._meta.concrete_fields if field.is_relation}
        self._constants: dict[str, Any] = {}
        self._made_anew: dict[str, Callable[[], Any]] = {}
        for field in model._meta.concrete_fields:
            if field.has_default() and callable(field.default):
                self._made_anew[field.attname] = field.default
            else:
                self._constants[field.attname] = field.get_default()

    def __call__(self, related: Mapping[str, Model | None], **values: Any) -> M:
        """`related` objects by the names of their fields; other values by attribute."""
        made = self._model.__new__(self._model)
        stored = made.__dict__
        stored.update(self._constants)
        for name, make in self._made_anew.items():
            stored[name] = values[name] if name in values else make()
        stored.update(values)
        made._state = state = ModelState()
        state.fields_cache = dict(related)
        for name, other in related.items():
            stored[self._links[name]] = None if other is None else other.pk
        return made
