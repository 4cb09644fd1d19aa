"""A look-up whose SQL Django writes once instead of for every request, for the one query of a hot path: writing a
query with four joins takes Django ten times as long as a database needs to answer it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models import Model, QuerySet
from django.db.models.query import get_related_populators

M = TypeVar("M", bound=Model)
_PLACE = "a value that stands for all others"


@dataclass(frozen=True)
class _Plan(Generic[M]):
    sql: str
    model: type[M]
    converters: list[tuple[int, list[Callable[..., Any]], Any]]
    columns: slice
    names: list[str]
    populators: list[Any]


class PreparedLookup(Generic[M]):
    """The first row of a queryset with one text as its only parameter, such as
    `lambda text: Key.objects.filter(prefix=text).select_related("trigger")`."""

    def __init__(self, rows: Callable[[str], QuerySet[M]]) -> None:
        self._rows = rows
        self._plans: dict[str, _Plan[M]] = {}

    def first(self, value: str) -> M | None:
        plan = self._plans.get(connection.vendor)
        if plan is None:
            plan = self._plans[connection.vendor] = _plan(self._rows(_PLACE))
        with connection.cursor() as cursor:
            cursor.execute(plan.sql, [value])
            found = cursor.fetchone()
        if found is None:
            return None
        row = list(found)
        for position, converters, expression in plan.converters:
            for converter in converters:
                row[position] = converter(row[position], expression, connection)
        obj = plan.model.from_db(DEFAULT_DB_ALIAS, plan.names, row[plan.columns])
        for populator in plan.populators:
            populator.populate(row, obj)
        return obj


def _plan(rows: QuerySet[M]) -> _Plan[M]:
    """What Django's own iteration over model rows works out each time."""
    compiler = rows.query.get_compiler(using=DEFAULT_DB_ALIAS)
    sql, parameters = compiler.as_sql()
    if tuple(parameters) != (_PLACE,):
        raise ValueError("A prepared look-up has one text as its only parameter.")
    select, about = compiler.select, compiler.klass_info
    assert about is not None
    columns = slice(about["select_fields"][0], about["select_fields"][-1] + 1)
    return _Plan(
        sql=sql,
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
