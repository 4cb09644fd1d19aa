"""/api/reactions/: when a trigger happens, only if the filter passes, then the action runs."""

from dataclasses import replace
from typing import Any, ClassVar

import django_filters
from django.db import transaction
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import Destroys, Filters, ScopedViewSet
from accounts.api.fields import ScopedRelatedField, ScopedSlugField, caller_in
from accounts.models import Project
from accounts.permissions import may
from accounts.roles import Verb
from actions import switch
from actions.definitions import save_reaction
from actions.disclosure import disclose
from actions.listening import internal_triggers
from actions.models import Action, Reaction
from actions.rehearsal import rehearse
from triggers.models import Event, Trigger


class ReactionSerializer(serializers.ModelSerializer[Reaction]):
    project = ScopedRelatedField(queryset=Project.objects.all())
    action = ScopedRelatedField(queryset=Action.objects.all())
    triggers = ScopedRelatedField(queryset=Trigger.objects.all(), many=True, required=False)
    event_types = serializers.ListField(
        child=serializers.CharField(max_length=60),
        required=False,
        source="listens_to",
        help_text="Internal events by name; triggers for them are made where the project has none.",
    )
    created_by = serializers.CharField(source="created_by.username", read_only=True, default=None)

    class Meta:
        model = Reaction
        fields = [
            "id",
            "project",
            "name",
            "description",
            "triggers",
            "event_types",
            "action",
            "conditions",
            "once_per",
            "once_seconds",
            "is_enabled",
            "version",
            "created_by",
            "created_at",
            "updated_at",
        ]
        read_only_fields = ["version", "created_at", "updated_at"]
        validators: ClassVar[list[Any]] = []

    def to_representation(self, instance: Reaction) -> dict[str, Any]:
        instance.listens_to = [  # type: ignore[attr-defined]
            trigger.event_type for trigger in instance.triggers.all() if not trigger.is_external
        ]
        return super().to_representation(instance)

    @transaction.atomic
    def create(self, validated_data: dict[str, Any]) -> Reaction:
        triggers = self._triggers(validated_data, validated_data["project"])
        return save_reaction(caller_in(self.context), Reaction(**validated_data), triggers or [])

    @transaction.atomic
    def update(self, instance: Reaction, validated_data: dict[str, Any]) -> Reaction:
        # Fetched anew, without the prefetched triggers that this change may replace.
        reaction = Reaction.objects.select_related("action", "project").get(pk=instance.pk)
        triggers = self._triggers(validated_data, reaction.project)
        for name, value in validated_data.items():
            setattr(reaction, name, value)
        return save_reaction(caller_in(self.context), reaction, triggers)

    def _triggers(self, data: dict[str, Any], project: Project) -> list[Trigger] | None:
        named: list[Trigger] | None = data.pop("triggers", None)
        types: list[str] | None = data.pop("listens_to", None)
        if named is None and types is None:
            return None
        internal = internal_triggers(caller_in(self.context), project, types or [])
        return list({trigger.pk: trigger for trigger in [*(named or []), *internal]}.values())


class RehearsalRequest(serializers.Serializer[Any]):
    event = ScopedSlugField(
        slug_field="uid", queryset=Event.objects.select_related("trigger"), help_text="The uid of a recorded event."
    )


class RehearsalAnswer(serializers.Serializer[Any]):
    would_fire = serializers.BooleanField()
    verdict = serializers.CharField()
    reason = serializers.CharField()
    trace = serializers.ListField(child=serializers.DictField())


class ReactionFilter(Filters):
    project = django_filters.UUIDFilter()
    action = django_filters.UUIDFilter()
    trigger = django_filters.UUIDFilter(field_name="links__trigger")
    event_type = django_filters.CharFilter(field_name="triggers__event_type", distinct=True)
    is_enabled = django_filters.BooleanFilter()
    name = django_filters.CharFilter(lookup_expr="icontains")


class ReactionViewSet(
    mixins.CreateModelMixin,
    mixins.RetrieveModelMixin,
    mixins.UpdateModelMixin,
    mixins.ListModelMixin,
    Destroys,
    ScopedViewSet,
):
    """A trigger, a filter and an action joined. An external webhook with an outgoing HTTP action is refused."""

    queryset = Reaction.objects.select_related("created_by", "action", "project__team").prefetch_related("triggers")
    serializer_class = ReactionSerializer
    filterset_class = ReactionFilter
    page_ordering = ("name", "pk")
    action_verbs: ClassVar[dict[str, Verb]] = {"test": Verb.RUN, "enable": Verb.UPDATE, "disable": Verb.UPDATE}

    @extend_schema(request=RehearsalRequest, responses=RehearsalAnswer)
    @action(detail=True, methods=["post"], filterset_class=None, pagination_class=None)
    def test(self, request: Request, pk: str) -> Response:
        """Would it fire for this event, and why (not)? Nothing is written and nothing runs."""
        reaction = self.get_object()
        asked = RehearsalRequest(data=request.data, context=self.get_serializer_context())
        asked.is_valid(raise_exception=True)
        event = asked.validated_data["event"]
        outcome = rehearse(reaction, event)
        reads_payload = may(self.caller, Verb.READ, event)
        told = disclose(outcome.verdict, outcome.reason, outcome.trace, reads_payload=reads_payload)
        return Response(RehearsalAnswer(replace(outcome, reason=told.reason, trace=told.trace)).data)

    @extend_schema(request=None, responses=ReactionSerializer)
    @action(detail=True, methods=["post"])
    def enable(self, request: Request, pk: str) -> Response:
        """Let it fire again."""
        return Response(self.get_serializer(switch.enable(self.caller, self._fresh())).data)

    @extend_schema(request=None, responses=ReactionSerializer)
    @action(detail=True, methods=["post"])
    def disable(self, request: Request, pk: str) -> Response:
        """Stop it from firing; events are still recorded, and each says that the reaction was disabled."""
        return Response(self.get_serializer(switch.disable(self.caller, self._fresh())).data)

    def _fresh(self) -> Reaction:
        return Reaction.objects.select_related("action", "project").get(pk=self.get_object().pk)
