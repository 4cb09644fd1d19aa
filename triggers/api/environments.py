"""/api/environments/: shared by all projects of the space."""

from typing import Any, ClassVar

import django_filters
from rest_framework import mixins, serializers

from accounts.api.base import Destroys, Filters, ScopedViewSet
from accounts.api.fields import caller_in
from triggers.catalog.environments import save_environment
from triggers.models import Environment


class EnvironmentSerializer(serializers.ModelSerializer[Environment]):
    class Meta:
        model = Environment
        fields = ["id", "octopus_id", "name", "slug", "sort_order"]
        read_only_fields = ["octopus_id"]
        extra_kwargs: ClassVar[dict[str, Any]] = {
            "slug": {"required": False, "help_text": "Made of the name where it is left out."}
        }

    def create(self, validated_data: dict[str, Any]) -> Environment:
        return save_environment(caller_in(self.context), Environment(**validated_data))

    def update(self, instance: Environment, validated_data: dict[str, Any]) -> Environment:
        for name, value in validated_data.items():
            setattr(instance, name, value)
        return save_environment(caller_in(self.context), instance)


class EnvironmentFilter(Filters):
    name = django_filters.CharFilter(lookup_expr="icontains")
    slug = django_filters.CharFilter()


class EnvironmentViewSet(
    mixins.CreateModelMixin,
    mixins.RetrieveModelMixin,
    mixins.UpdateModelMixin,
    mixins.ListModelMixin,
    Destroys,
    ScopedViewSet,
):
    """Where releases are deployed to. Owners make them; operators change and delete them."""

    queryset = Environment.objects.all()
    serializer_class = EnvironmentSerializer
    filterset_class = EnvironmentFilter
    page_ordering = ("sort_order", "name", "pk")
