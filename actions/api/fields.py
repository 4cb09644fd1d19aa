"""Fields that several serializers of actions share."""

from collections.abc import Mapping

from rest_framework import serializers

from accounts.api.fields import ScopedRelatedField
from accounts.models import Secret
from accounts.roles import Verb
from actions.models import Action


class BindingsField(serializers.DictField):
    """`{variable: id of a secret}`; values of secrets never pass here."""

    child = ScopedRelatedField(queryset=Secret.objects.all(), verb=Verb.BIND)

    def get_attribute(self, instance: Action) -> dict[str, str]:
        return {binding.variable: str(binding.secret_id) for binding in instance.bindings.all()}

    def to_representation(self, value: Mapping[str, str]) -> dict[str, str]:
        return dict(value)
