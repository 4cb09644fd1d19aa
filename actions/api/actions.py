"""/api/actions/: what to do, with the secrets it uses by reference."""

from collections.abc import Mapping
from typing import Any, ClassVar

import django_filters
from django.db import transaction
from rest_framework import mixins, serializers

from accounts.api.base import Destroys, Filters, ScopedViewSet
from accounts.api.fields import ScopedRelatedField, caller_in
from accounts.models import Project, Secret
from accounts.roles import Verb
from actions.definitions import save_action
from actions.models import Action, Connection


class BindingsField(serializers.DictField):
    """`{variable: id of a secret}`; values of secrets never pass here."""

    child = ScopedRelatedField(queryset=Secret.objects.all(), verb=Verb.BIND)

    def get_attribute(self, instance: Action) -> dict[str, str]:
        return {binding.variable: str(binding.secret_id) for binding in instance.bindings.all()}

    def to_representation(self, value: Mapping[str, str]) -> dict[str, str]:
        return dict(value)


class ActionSerializer(serializers.ModelSerializer[Action]):
    project = ScopedRelatedField(queryset=Project.objects.all())
    connection = ScopedRelatedField(
        queryset=Connection.objects.all(), verb=Verb.BIND, required=False, allow_null=True, default=None
    )
    config = serializers.DictField(help_text="Settings by name; /api/action-kinds/ says which each kind has.")
    secrets = BindingsField(
        required=False, help_text="Which secret each variable holds: {variable: id of the secret}. Replaces all."
    )
    sends_http = serializers.BooleanField(read_only=True)

    class Meta:
        model = Action
        fields = [
            "id",
            "project",
            "name",
            "kind",
            "config",
            "connection",
            "secrets",
            "is_enabled",
            "timeout_seconds",
            "max_attempts",
            "is_repeatable",
            "sends_http",
            "version",
            "created_at",
            "updated_at",
        ]
        read_only_fields = ["version", "created_at", "updated_at"]
        # The model says which names are taken, in one place for API, pages and admin.
        validators: ClassVar[list[Any]] = []

    def create(self, validated_data: dict[str, Any]) -> Action:
        bindings = validated_data.pop("secrets", {})
        return save_action(caller_in(self.context), Action(**validated_data), bindings)

    @transaction.atomic
    def update(self, instance: Action, validated_data: dict[str, Any]) -> Action:
        bindings = validated_data.pop("secrets", None)
        action = Action.objects.get(pk=instance.pk)
        for name, value in validated_data.items():
            setattr(action, name, value)
        return save_action(caller_in(self.context), action, bindings)


class ActionFilter(Filters):
    project = django_filters.UUIDFilter()
    kind = django_filters.CharFilter()
    is_enabled = django_filters.BooleanFilter()
    name = django_filters.CharFilter(lookup_expr="icontains")


class ActionViewSet(
    mixins.CreateModelMixin,
    mixins.RetrieveModelMixin,
    mixins.UpdateModelMixin,
    mixins.ListModelMixin,
    Destroys,
    ScopedViewSet,
):
    """What reactions do. Writing a script runs code on the server, so it needs the role author."""

    queryset = Action.objects.select_related("connection").prefetch_related("bindings")
    serializer_class = ActionSerializer
    filterset_class = ActionFilter
    page_ordering = ("name", "pk")
