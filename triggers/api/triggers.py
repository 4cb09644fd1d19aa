"""/api/triggers/: what a project listens for, and the keys of its webhooks."""

from typing import Any, ClassVar

import django_filters
from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import Filters, ScopedViewSet
from accounts.api.fields import ScopedRelatedField, caller_in
from accounts.api.keys import SignedInPerson
from accounts.models import Project, Secret
from accounts.roles import Verb
from accounts.scoping import visible_or_404
from triggers import definitions, refusals
from triggers.api.fields import PROJECT_NAMES, NamedField
from triggers.models import Trigger, TriggerKey
from triggers.models.trigger import TriggerKind


class TriggerSerializer(serializers.ModelSerializer[Trigger]):
    project = NamedField(queryset=Project.objects.all(), names=PROJECT_NAMES, help_text="Its id, slug or name.")
    event_type = serializers.CharField(required=False, allow_blank=True, max_length=60)
    signature_scheme = serializers.CharField(required=False, allow_blank=True, max_length=20)
    signing_secret = ScopedRelatedField(queryset=Secret.objects.all(), verb=Verb.BIND, required=False, allow_null=True)
    former_signing_secret = ScopedRelatedField(
        queryset=Secret.objects.all(),
        verb=Verb.BIND,
        required=False,
        allow_null=True,
        help_text="Accepted besides the present one, while senders change over.",
    )
    url = serializers.SerializerMethodField(help_text="Where to deliver to; empty for an internal trigger.")

    class Meta:
        model = Trigger
        fields = [
            "id",
            "project",
            "kind",
            "name",
            "is_enabled",
            "event_type",
            "route",
            "url",
            "source",
            "accepts_query_key",
            "signature_scheme",
            "signing_secret",
            "former_signing_secret",
            "delivery_id_path",
            "created_at",
        ]
        read_only_fields = ["created_at"]
        validators: ClassVar[list[Any]] = []

    def get_url(self, trigger: Trigger) -> str:
        return f"{settings.REACTIONS_BASE_URL}{trigger.path}" if trigger.is_external else ""

    def create(self, validated_data: dict[str, Any]) -> Trigger:
        return definitions.save_trigger(caller_in(self.context), Trigger(**validated_data))

    @transaction.atomic
    def update(self, instance: Trigger, validated_data: dict[str, Any]) -> Trigger:
        for name, value in validated_data.items():
            setattr(instance, name, value)
        return definitions.save_trigger(caller_in(self.context), instance)


class TriggerFilter(Filters):
    project = django_filters.UUIDFilter()
    kind = django_filters.ChoiceFilter(choices=TriggerKind.choices)
    event_type = django_filters.CharFilter()
    route = django_filters.CharFilter()
    is_enabled = django_filters.BooleanFilter()
    name = django_filters.CharFilter(lookup_expr="icontains")


class RefusalsSerializer(serializers.Serializer[Any]):
    refused = serializers.DictField(
        child=serializers.IntegerField(),
        help_text=f"Reason ({', '.join(refusals.Reason)}) to number; requests that were refused are not stored.",
    )


class TriggerViewSet(
    mixins.CreateModelMixin,
    mixins.RetrieveModelMixin,
    mixins.UpdateModelMixin,
    mixins.DestroyModelMixin,
    mixins.ListModelMixin,
    ScopedViewSet,
):
    """A webhook on a route of its own, or one type of internal event. Project, kind and event type are for good."""

    queryset = Trigger.objects.select_related("project", "signing_secret", "former_signing_secret")
    serializer_class = TriggerSerializer
    filterset_class = TriggerFilter
    page_ordering = ("name", "pk")
    action_verbs: ClassVar[dict[str, Verb]] = {"refusals": Verb.READ}

    @extend_schema(responses=RefusalsSerializer)
    @action(detail=True)
    def refusals(self, request: Request, pk: str) -> Response:
        """How many requests to this webhook were refused within a day, by reason: for "it does not arrive"."""
        trigger = self.get_object()
        return Response({"refused": refusals.counts(trigger.route) if trigger.is_external else {}})

    def perform_destroy(self, instance: Trigger) -> None:
        definitions.delete_trigger(self.caller, instance)


class TriggerKeySerializer(serializers.ModelSerializer[TriggerKey]):
    class Meta:
        model = TriggerKey
        fields = ["id", "name", "prefix", "created_at", "expires_at", "revoked_at", "last_used_at"]
        read_only_fields = ["prefix", "created_at", "revoked_at", "last_used_at"]


class NewTriggerKeySerializer(TriggerKeySerializer):
    key = serializers.CharField(read_only=True, help_text="The key itself, shown this once.")

    class Meta(TriggerKeySerializer.Meta):
        fields = [*TriggerKeySerializer.Meta.fields, "key"]

    def create(self, validated_data: dict[str, Any]) -> TriggerKey:
        view = self.context["view"]
        made, text = definitions.issue_key(view.caller, view.trigger, **validated_data)
        made.key = text  # type: ignore[attr-defined]
        return made


class TriggerKeyViewSet(
    mixins.CreateModelMixin,
    mixins.RetrieveModelMixin,
    mixins.DestroyModelMixin,
    mixins.ListModelMixin,
    ScopedViewSet,
):
    """Keys of one webhook, valid nowhere else, and managed by people rather than by keys (SEC-11, SEC-12).

    Deleting one revokes it at once.
    """

    queryset = TriggerKey.objects.select_related("trigger__project")
    permission_classes = (IsAuthenticated, SignedInPerson)
    page_ordering = ("-created_at", "pk")
    # Whoever may change the trigger manages its keys: triggers.definitions asks.
    action_verbs: ClassVar[dict[str, Verb]] = {"destroy": Verb.READ}

    @property
    def trigger(self) -> Trigger:
        trigger: Trigger = visible_or_404(
            Trigger.objects.select_related("project"), self.caller, pk=self.kwargs["trigger_pk"]
        )
        return trigger

    def get_queryset(self) -> QuerySet[Any]:
        queryset = super().get_queryset()
        return queryset if getattr(self, "swagger_fake_view", False) else queryset.filter(trigger=self.trigger)

    def get_serializer_class(self) -> type[TriggerKeySerializer]:
        return NewTriggerKeySerializer if self.action == "create" else TriggerKeySerializer

    def perform_destroy(self, instance: TriggerKey) -> None:
        definitions.revoke_key(self.caller, instance)
