"""/api/secrets/: names and hosts of secrets. Values go in through accounts.vault and never come out (SEC-21)."""

from typing import Any, ClassVar

import django_filters
from django.db import transaction
from rest_framework import mixins, serializers

from accounts import vault
from accounts.api.base import Filters, ScopedViewSet
from accounts.api.fields import ScopedRelatedField, caller_in
from accounts.models import Project, Secret
from accounts.permissions import require_in
from accounts.roles import Verb

_LONGEST_VALUE = 65_536


class SecretSerializer(serializers.ModelSerializer[Secret]):
    project = ScopedRelatedField(queryset=Project.objects.all())
    value = serializers.CharField(write_only=True, trim_whitespace=False, max_length=_LONGEST_VALUE)
    allowed_hosts = serializers.ListField(child=serializers.CharField(max_length=253), required=False)

    class Meta:
        model = Secret
        fields = ["id", "project", "name", "value", "allowed_hosts", "created_at", "updated_at"]
        read_only_fields = ["created_at", "updated_at"]
        validators: ClassVar[list[Any]] = []

    @transaction.atomic
    def create(self, validated_data: dict[str, Any]) -> Secret:
        caller, project, name = caller_in(self.context), validated_data["project"], validated_data["name"]
        require_in(caller, Verb.CREATE, "secret", project)
        if Secret.objects.filter(project=project, name=name).exists():
            raise serializers.ValidationError({"name": f"There is a secret {name} already: change its value instead."})
        return vault.store(caller, project, name, validated_data["value"], validated_data.get("allowed_hosts"))

    @transaction.atomic
    def update(self, instance: Secret, validated_data: dict[str, Any]) -> Secret:
        caller = caller_in(self.context)
        for name in ("project", "name"):
            if validated_data.get(name, getattr(instance, name)) != getattr(instance, name):
                raise serializers.ValidationError({name: f"A secret keeps its {name}: make another one."})
        hosts = validated_data.get("allowed_hosts")
        if "value" in validated_data:
            return vault.store(caller, instance.project, instance.name, validated_data["value"], hosts)
        return instance if hosts is None else vault.limit_hosts(caller, instance, hosts)


class SecretFilter(Filters):
    project = django_filters.UUIDFilter()
    name = django_filters.CharFilter()


class SecretViewSet(
    mixins.CreateModelMixin,
    mixins.RetrieveModelMixin,
    mixins.UpdateModelMixin,
    mixins.DestroyModelMixin,
    mixins.ListModelMixin,
    ScopedViewSet,
):
    """Encrypted values that actions, connections and triggers refer to. `value` is write-only."""

    queryset = Secret.objects.select_related("project")
    serializer_class = SecretSerializer
    filterset_class = SecretFilter
    page_ordering = ("name", "pk")

    def perform_destroy(self, instance: Secret) -> None:
        vault.delete(self.caller, instance)
