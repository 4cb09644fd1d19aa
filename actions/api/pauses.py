"""/api/pauses/: holding what a reaction, a team or everything would do, and letting it go again."""

from datetime import timedelta
from typing import Any, ClassVar

import django_filters
from django.db.models import Model, QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import Filters, ScopedViewSet
from accounts.api.fields import ScopedRelatedField, caller_in
from accounts.models import Team
from accounts.permissions import visible
from accounts.roles import Verb
from actions import pausing
from actions.models import Pause, Reaction, Run
from reactions_project import clock


class PauseSerializer(serializers.ModelSerializer[Pause]):
    reaction = ScopedRelatedField(queryset=Reaction.objects.all(), required=False, allow_null=True)
    team = ScopedRelatedField(queryset=Team.objects.all(), required=False, allow_null=True)
    scope = serializers.CharField(read_only=True, help_text="What is paused, for people.")

    class Meta:
        model = Pause
        fields = [
            "id",
            "scope",
            "reaction",
            "team",
            "reason",
            "paused_by",
            "paused_at",
            "resumed_by",
            "resumed_at",
            "skip_before",
            "per_second",
            "released",
        ]
        read_only_fields = [
            "paused_by",
            "paused_at",
            "resumed_by",
            "resumed_at",
            "skip_before",
            "per_second",
            "released",
        ]
        validators: ClassVar[list[Any]] = []

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs.get("reaction") and attrs.get("team"):
            raise serializers.ValidationError({"team": "Pause a reaction or a team: make two pauses for both."})
        return attrs

    def create(self, validated_data: dict[str, Any]) -> Pause:
        return pausing.pause(caller_in(self.context), **validated_data)


class ResumeRequest(serializers.Serializer[Any]):
    skip_older_than_seconds = serializers.IntegerField(
        min_value=0, max_value=31_536_000, required=False, help_text="Cancel what was made longer ago than this."
    )
    per_second = serializers.IntegerField(
        min_value=1, max_value=1_000, required=False, help_text="Let at most so many start each second."
    )


class HeldRequest(serializers.Serializer[Any]):
    older_than_seconds = serializers.IntegerField(min_value=0, max_value=31_536_000, required=False)


class CountedAnswer(serializers.Serializer[Any]):
    name = serializers.CharField()
    count = serializers.IntegerField()


class HeldAnswer(serializers.Serializer[Any]):
    count = serializers.IntegerField(help_text="Runs that resuming lets go.")
    oldest = serializers.DateTimeField(allow_null=True)
    newest = serializers.DateTimeField(allow_null=True)
    stale = serializers.IntegerField(help_text="How many of them are older than asked.")
    kept = serializers.IntegerField(help_text="Runs that another pause, which is still in force, goes on to hold.")
    kept_stale = serializers.IntegerField(help_text="How many of those are older than asked: they can be skipped too.")
    by_reaction = CountedAnswer(many=True)
    by_target = CountedAnswer(many=True)


class PauseFilter(Filters):
    reaction = django_filters.UUIDFilter()
    team = django_filters.UUIDFilter()
    is_over = django_filters.BooleanFilter(field_name="resumed_at", lookup_expr="isnull", exclude=True)


class PauseViewSet(mixins.CreateModelMixin, mixins.RetrieveModelMixin, mixins.ListModelMixin, ScopedViewSet):
    """Pauses, newest first. Without reaction and team a pause is for everything, which operators order."""

    queryset = Pause.objects.select_related("reaction", "team")
    serializer_class = PauseSerializer
    filterset_class = PauseFilter
    page_ordering = ("-paused_at", "pk")
    action_verbs: ClassVar[dict[str, Verb]] = {"resume": Verb.UPDATE, "held": Verb.READ}

    def get_queryset(self) -> QuerySet[Any]:
        if getattr(self, "swagger_fake_view", False):
            return Pause.objects.none()
        return pausing.visible_pauses(self.caller)

    def check_object_permissions(self, request: Request, obj: Model) -> None:
        # Rights are those on the reaction or the team, which actions.pausing asks for.
        return

    @extend_schema(parameters=[HeldRequest], responses=HeldAnswer)
    @action(detail=True, filterset_class=None, pagination_class=None)
    def held(self, request: Request, pk: str) -> Response:
        """What resuming would let go, of what you may see: how many runs, how old, of which reactions and to which
        targets; and what would stay held."""
        asked = HeldRequest(data=request.query_params)
        asked.is_valid(raise_exception=True)
        seconds = asked.validated_data.get("older_than_seconds")
        stale_before = None if seconds is None else clock.now() - timedelta(seconds=seconds)
        held = pausing.held_by(self.get_object(), stale_before, among=visible(Run.objects.all(), self.caller))
        return Response(HeldAnswer(held).data)

    @extend_schema(request=ResumeRequest, responses=PauseSerializer)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: str) -> Response:
        """End the pause: what was held runs now, or is skipped where it is older than asked."""
        asked = ResumeRequest(data=request.data)
        asked.is_valid(raise_exception=True)
        seconds = asked.validated_data.get("skip_older_than_seconds")
        resumed = pausing.resume(
            self.caller,
            self.get_object(),
            skip_older_than=None if seconds is None else timedelta(seconds=seconds),
            per_second=asked.validated_data.get("per_second"),
        )
        resumed.refresh_from_db()
        return Response(self.get_serializer(resumed).data, status=status.HTTP_200_OK)
