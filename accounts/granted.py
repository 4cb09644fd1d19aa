"""Guardian's answer to "which objects may this person …", as a subquery whose SQL is written once for each set of
permissions: guardian and Django take ten times as long to write it as a database needs to answer it."""

from functools import lru_cache
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.db import connections
from django.db.models import Expression, Model
from guardian.shortcuts import get_objects_for_user

from accounts.models import User

# No account has it: where the SQL asks for this one, the person's own is put.
_ANYBODY = -4_711


class Granted(Expression):
    """`filter(pk__in=Granted(person, Project, codenames))`: keys of the objects of which the person was granted any of
    these permissions, by themselves or through a group."""

    def __init__(self, person: User, model: type[Model], codenames: frozenset[str]) -> None:
        assert model._meta.pk is not None
        super().__init__(output_field=model._meta.pk)
        self._person, self._model, self._codenames = person, model, codenames

    def as_sql(self, compiler: Any, connection: Any, **_: Any) -> tuple[str, tuple[Any, ...]]:
        content_type = ContentType.objects.get_for_model(self._model).pk
        sql, parameters = _written(self._model, self._codenames, connection.alias, connection.vendor, content_type)
        return f"({sql})", tuple(self._person.pk if one == _ANYBODY else one for one in parameters)


@lru_cache(maxsize=1_000)
def _written(
    model: type[Model], codenames: frozenset[str], alias: str, vendor: str, content_type: int
) -> tuple[str, tuple[Any, ...]]:
    """The vendor and the type's key are in the SQL, and tests change both."""
    rows = get_objects_for_user(
        # Without the app's name in front, guardian takes the content type from the model and Django's cache.
        User(pk=_ANYBODY), sorted(codenames), model, any_perm=True, with_superuser=False, accept_global_perms=False
    )  # fmt: skip
    sql, parameters = rows.order_by().values("pk").query.get_compiler(connection=connections[alias]).as_sql()
    assert _ANYBODY in parameters, "the query must ask for the person, or everybody would be granted the same"
    return sql, tuple(parameters)
