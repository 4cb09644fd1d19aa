"""References in request bodies, resolved among what the caller may use (SEC-03)."""

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers

from accounts.callers import Caller
from accounts.permissions import visible
from accounts.roles import Verb


def caller_in(context: Mapping[str, Any]) -> Caller:
    """The caller of the view that a serializer works for."""
    caller: Caller = context["view"].caller
    return caller


class _Scoped:
    """Mix in before a related field of DRF."""

    def __init__(self, *, verb: Verb = Verb.READ, **kwargs: Any) -> None:
        self._verb = verb
        super().__init__(**kwargs)

    def get_queryset(self) -> QuerySet[Any]:
        queryset = super().get_queryset()  # type: ignore[misc]
        assert queryset is not None
        return visible(queryset, caller_in(self.context), self._verb)  # type: ignore[attr-defined]

    def fail(self, key: str, **kwargs: Any) -> Any:
        noun = self.queryset.model._meta.verbose_name  # type: ignore[attr-defined]
        named = kwargs.get("pk_value", kwargs.get("value", ""))
        super().fail(key, **{**kwargs, "noun": noun, "named": named})  # type: ignore[misc]


_MESSAGES: dict[str, Any] = {
    "does_not_exist": "There is no {noun} {named} here that you may use.",
    "incorrect_type": "Name the {noun} by a text.",
    "invalid": "Name the {noun} by a text.",
}


class ScopedRelatedField(_Scoped, serializers.PrimaryKeyRelatedField[Any]):
    """An object by its id; one that the caller may not use is told like one that does not exist (SEC-02)."""

    default_error_messages = _MESSAGES


class ScopedSlugField(_Scoped, serializers.SlugRelatedField[Any]):
    """The same by another unique field, such as `uid`."""

    default_error_messages = _MESSAGES


class VariablesField(serializers.DictField):
    """A team's or project's own variables; the model says which names and values can be."""

    child = serializers.CharField(trim_whitespace=False, allow_blank=True)
