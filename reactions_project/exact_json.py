"""A JSON column that keeps what it was given: the order of members and the spelling of numbers, also on PostgreSQL,
whose jsonb sorts and normalises. For bodies that people compare with what they sent, and never search inside."""

import json
from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper


class ExactJSONField(models.JSONField):
    def db_type(self, connection: BaseDatabaseWrapper) -> str | None:
        return "json" if connection.vendor == "postgresql" else super().db_type(connection)

    def get_db_prep_value(self, value: Any, connection: BaseDatabaseWrapper, prepared: bool = False) -> Any:
        if connection.vendor != "postgresql" or value is None or isinstance(value, models.expressions.BaseExpression):
            return super().get_db_prep_value(value, connection, prepared)
        # Here, so that it is loaded where there is a PostgreSQL.
        from psycopg.types.json import Json

        return Json(value)

    def from_db_value(self, value: Any, expression: Any, connection: BaseDatabaseWrapper) -> Any:
        # psycopg has read a json column already, except one that is a bare text.
        if connection.vendor == "postgresql":
            return value
        return None if value is None else json.loads(value)
