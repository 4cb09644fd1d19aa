"""/api/connections/: account settings of integrations. Members know of them; those who may change them see settings."""

from typing import Any, ClassVar
from uuid import UUID

import django_filters
from django.db import transaction
from rest_framework import mixins, serializers

from accounts.api.base import Destroys, Filters, ScopedViewSet
from accounts.api.fields import ScopedRelatedField, caller_in
from accounts.models import Project, Secret
from accounts.permissions import projects
from accounts.roles import Verb
from actions.connections import save_connection
from actions.models import Connection


class ConnectionSerializer(serializers.ModelSerializer[Connection]):
    project = ScopedRelatedField(queryset=Project.objects.all())
    secret = ScopedRelatedField(
        queryset=Secret.objects.all(), verb=Verb.BIND, required=False, allow_null=True, default=None
    )
    settings = serializers.DictField(required=False)

    class Meta:
        model = Connection
        fields = ["id", "project", "integration", "name", "settings", "secret", "created_at"]
        read_only_fields = ["created_at"]
        validators: ClassVar[list[Any]] = []

    def to_representation(self, instance: Connection) -> dict[str, Any]:
        shown = super().to_representation(instance)
        if instance.project_id not in self._changeable():
            shown.pop("settings")
        return shown

    def _changeable(self) -> set[UUID]:
        # Once per answer, not per row: the view lives as long.
        view = self.context["view"]
        if not hasattr(view, "changeable"):
            view.changeable = set(projects(view.caller, "connection", Verb.UPDATE).values_list("pk", flat=True))
        changeable: set[UUID] = view.changeable
        return changeable

    def create(self, validated_data: dict[str, Any]) -> Connection:
        return save_connection(caller_in(self.context), Connection(**validated_data))

    @transaction.atomic
    def update(self, instance: Connection, validated_data: dict[str, Any]) -> Connection:
        for name, value in validated_data.items():
            setattr(instance, name, value)
        return save_connection(caller_in(self.context), instance)


class ConnectionFilter(Filters):
    project = django_filters.UUIDFilter()
    integration = django_filters.CharFilter()


class ConnectionViewSet(
    mixins.CreateModelMixin,
    mixins.RetrieveModelMixin,
    mixins.UpdateModelMixin,
    mixins.ListModelMixin,
    Destroys,
    ScopedViewSet,
):
    """Accounts of third-party services. `settings` is shown to those who may change the connection."""

    queryset = Connection.objects.all()
    serializer_class = ConnectionSerializer
    filterset_class = ConnectionFilter
    page_ordering = ("name", "pk")
