"""/api/actions/: what to do, with the secrets it uses by reference."""

from typing import Any, ClassVar

import django_filters
from django.db import transaction
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import Destroys, Filters, ScopedViewSet
from accounts.api.fields import ScopedRelatedField, caller_in
from accounts.models import Project
from accounts.permissions import require_in
from accounts.roles import Verb
from actions.api.fields import BindingsField
from actions.api.preview import PreviewAnswer, PreviewRequest
from actions.definitions import save_action
from actions.models import Action, Connection
from actions.preview import preview


class ActionSerializer(serializers.ModelSerializer[Action]):
    project = ScopedRelatedField(queryset=Project.objects.all())
    connection = ScopedRelatedField(
        queryset=Connection.objects.all(), verb=Verb.BIND, required=False, allow_null=True, default=None
    )
    config = serializers.DictField(help_text="Settings by name; /api/action-kinds/ says which each kind has.")
    secrets = BindingsField(
        required=False, help_text="Which secret each variable holds: {variable: id of the secret}. Replaces all."
    )
    retry_waits = serializers.ListField(
        child=serializers.FloatField(),
        required=False,
        help_text="Seconds before the second, third … try, each with full jitter; empty: eight tries in about a day.",
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
            "retry_waits",
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
    action_verbs: ClassVar[dict[str, Verb]] = {"preview": Verb.RUN}

    @extend_schema(request=PreviewRequest, responses=PreviewAnswer)
    @action(detail=False, methods=["post"], filterset_class=None, pagination_class=None)
    def preview(self, request: Request) -> Response:
        """What a run of an action, saved or a draft, would send for an event. Nothing is sent and nothing is kept."""
        asked = PreviewRequest(data=request.data, context=self.get_serializer_context())
        asked.is_valid(raise_exception=True)
        told = asked.validated_data
        draft: Action = told["draft"]
        require_in(self.caller, Verb.RUN, draft.permission_kind, draft.project)
        shown = preview(draft, told["secrets"], told["event"], told["reaction"])
        return Response(PreviewAnswer(shown).data)
