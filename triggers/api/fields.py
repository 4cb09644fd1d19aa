"""References to catalogue objects by any of the names that people and scripts know them by."""

from typing import Any
from uuid import UUID

from django.db.models import Model, Q
from drf_spectacular.utils import extend_schema_field

from accounts.api.fields import ScopedSlugField

PROJECT_NAMES = ENVIRONMENT_NAMES = ("octopus_id", "slug", "name")


@extend_schema_field({"type": "string"})
class NamedField(ScopedSlugField):
    """An object by its id or one of `names`, tried in this order; answers hold the id."""

    def __init__(self, *, names: tuple[str, ...], **kwargs: Any) -> None:
        self._names = names
        super().__init__(slug_field="pk", **kwargs)

    def to_internal_value(self, data: Any) -> Model:
        if not isinstance(data, str):
            self.fail("invalid")
        identity = uuid_of(data)
        wanted = Q(pk=identity) if identity else Q(pk__in=[])
        for name in self._names:
            wanted |= Q(**{name: data})
        found = list(self.get_queryset().filter(wanted))
        for name in ("pk", *self._names):
            for one in found:
                if str(getattr(one, name)) == (str(identity) if name == "pk" else data):
                    return one  # type: ignore[no-any-return]
        self.fail("does_not_exist", value=data[:100])
        raise AssertionError("fail() raises")


def uuid_of(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
