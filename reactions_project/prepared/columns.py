"""Values of columns both ways: what Field.get_db_prep_save and a query's converters do, for the kinds of fields that
make up most of a row, and those themselves for every other."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import DateTimeField, Field, JSONField

Adapter = Callable[[Any], Any]
_AS_THEY_ARE = frozenset(
    {"AutoField", "BigAutoField", "BooleanField", "IntegerField", "BigIntegerField", "PositiveIntegerField"}
)


def adapter_of(field: "Field[Any, Any]") -> Adapter | None:
    """What makes of a field's value what this database stores, None where nothing must be done."""
    field = getattr(field, "target_field", field)
    kind = field.get_internal_type()
    is_sqlite = connection.vendor == "sqlite"
    if kind in {"CharField", "TextField"}:
        return _text
    if kind in _AS_THEY_ARE:
        return None
    if kind == "UUIDField":
        return _hexadecimal if is_sqlite else None
    if isinstance(field, DateTimeField) and not (field.auto_now or field.auto_now_add):
        return _moment if is_sqlite else None
    if is_sqlite and isinstance(field, JSONField) and field.encoder is None:
        return _json_text
    return lambda value: field.get_db_prep_save(value, connection)


def reader_of(
    field: "Field[Any, Any]", converters: Sequence[Callable[..., Any]], expression: Any
) -> Callable[[Any], Any]:
    """What makes of a column's value that of the field. `converters` are the query's own for this column."""
    field = getattr(field, "target_field", field)
    if connection.vendor == "sqlite":
        kind = field.get_internal_type()
        if kind == "UUIDField":
            return _uuid
        if kind == "DateTimeField":
            return _aware
        if kind == "BooleanField":
            return _boolean
        if isinstance(field, JSONField) and field.decoder is None:
            return _from_json

    def convert(value: Any) -> Any:
        for converter in converters:
            value = converter(value, expression, connection)
        return value

    return convert


def _text(value: Any) -> Any:
    # Choices and opaque texts are texts of their own classes, and drivers go by the class.
    return value if value is None or type(value) is str else str.__str__(value)


def _hexadecimal(value: Any) -> Any:
    if value is None:
        return None
    return value.hex if isinstance(value, UUID) else UUID(str(value)).hex


def _moment(value: datetime | None) -> str | None:
    if value is None:
        return None
    return (value if value.tzinfo is UTC else value.astimezone(UTC)).replace(tzinfo=None).isoformat(" ")


def _json_text(value: Any) -> str | None:
    if value is None:
        return None
    return "{}" if type(value) is dict and not value else json.dumps(value)


# Most of a batch's are those of few teams, projects and actions.
@lru_cache(1_024)
def _uuid(value: str | None) -> UUID | None:
    return None if value is None else UUID(value)


def _aware(value: datetime | None) -> datetime | None:
    # sqlite3 reads a datetime by the type that the column was declared with, and SQLite keeps them in UTC.
    return None if value is None else value.replace(tzinfo=UTC)


def _boolean(value: int | None) -> bool | None:
    return None if value is None else bool(value)


def _from_json(value: str | None) -> Any:
    if value is None:
        return None
    return {} if value == "{}" else json.loads(value)
