"""/api/machines/: Tentacles and other deployment targets, of the whole space."""

from typing import Any, ClassVar

import django_filters
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import Destroys, Filters, ScopedViewSet
from accounts.api.fields import caller_in
from accounts.roles import Verb
from triggers.api.fields import ENVIRONMENT_NAMES, NamedField
from triggers.catalog.machines import register_machine, report_health
from triggers.models import Environment, Machine

_HEALTH = [choice for choice, _ in Machine._meta.get_field("health").choices or ()]


class MachineSerializer(serializers.ModelSerializer[Machine]):
    environments = NamedField(
        queryset=Environment.objects.all(), names=ENVIRONMENT_NAMES, many=True, required=False,
        help_text="Each by its id, slug or name.",
    )  # fmt: skip
    roles = serializers.ListField(child=serializers.CharField(max_length=100), required=False, max_length=100)

    class Meta:
        model = Machine
        fields = ["id", "octopus_id", "name", "environments", "roles", "thumbprint", "uri", "health", "created_at"]
        read_only_fields = ["octopus_id", "health", "created_at"]
        validators: ClassVar[list[Any]] = []

    def create(self, validated_data: dict[str, Any]) -> Machine:
        return register_machine(caller_in(self.context), **validated_data)


class Health(serializers.Serializer[Any]):
    health = serializers.ChoiceField(choices=_HEALTH)


class MachineFilter(Filters):
    environment = django_filters.UUIDFilter(field_name="environments")
    name = django_filters.CharFilter(lookup_expr="icontains")
    health = django_filters.CharFilter()


class MachineViewSet(
    mixins.CreateModelMixin,
    mixins.RetrieveModelMixin,
    mixins.ListModelMixin,
    Destroys,
    ScopedViewSet,
):
    """Making one records MachineRegistered. Operators report their health and delete them."""

    queryset = Machine.objects.prefetch_related("environments")
    serializer_class = MachineSerializer
    filterset_class = MachineFilter
    page_ordering = ("name", "pk")
    action_verbs: ClassVar[dict[str, Verb]] = {"health": Verb.UPDATE}

    @extend_schema(request=Health, responses=MachineSerializer)
    @action(detail=True, methods=["post"])
    def health(self, request: Request, pk: str) -> Response:
        """Say how the machine is; another state than before records MachineHealthChanged."""
        machine = self.get_object()
        asked = Health(data=request.data)
        asked.is_valid(raise_exception=True)
        return Response(self.get_serializer(report_health(self.caller, machine, asked.validated_data["health"])).data)
