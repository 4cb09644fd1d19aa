"""/api/runs/: what was done, attempt by attempt, and the verbs on it."""

from dataclasses import asdict
from typing import Any, ClassVar

import django_filters
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import Filters, ScopedViewSet
from accounts.permissions import visible
from accounts.roles import Verb
from actions import execution, many
from actions.api.logs import LogAnswer, PlainTextRenderer, after_of, log_text, read_log
from actions.api.many import ManyAnswer, ManyRequest, ReplayManyRequest, meant
from actions.curl import curl_line
from actions.models import Attempt, LogChunk, Run, RunStatus
from actions.models.run import TERMINAL


class AttemptSerializer(serializers.ModelSerializer[Attempt]):
    curl = serializers.SerializerMethodField(help_text="The request as a line for the shell, secrets masked.")

    def get_curl(self, attempt: Attempt) -> str | None:
        return curl_line(attempt.request) if attempt.request else None

    class Meta:
        model = Attempt
        fields = [
            "number",
            "worker",
            "started_at",
            "finished_at",
            "outcome",
            "reason",
            "exit_code",
            "http_status",
            "request",
            "curl",
            "response",
            "timings",
        ]
        read_only_fields = fields


class RunSerializer(serializers.ModelSerializer[Run]):
    id = serializers.UUIDField(source="uid", read_only=True)
    number = serializers.IntegerField(source="pk", read_only=True)
    event = serializers.UUIDField(source="event.uid", read_only=True)
    event_type = serializers.CharField(source="event.type", read_only=True)
    action = serializers.UUIDField(source="action_version.action_id", read_only=True)
    action_name = serializers.CharField(source="action_version.action.name", read_only=True)
    action_version = serializers.IntegerField(source="action_version.version", read_only=True)
    kind = serializers.CharField(source="action_version.kind", read_only=True)
    replay_of = serializers.UUIDField(source="replay_of.uid", read_only=True, default=None)
    requested_by = serializers.CharField(source="requested_by.username", read_only=True, default=None)

    class Meta:
        model = Run
        fields = [
            "id",
            "number",
            "project",
            "event",
            "event_type",
            "reaction",
            "reaction_name",
            "reaction_version",
            "action",
            "action_name",
            "action_version",
            "kind",
            "sequence",
            "executor",
            "target_key",
            "status",
            "outcome",
            "reason",
            "outputs",
            "progress",
            "held_by",
            "was_sandboxed",
            "attempt_count",
            "max_attempts",
            "is_repeatable",
            "created_at",
            "due_at",
            "started_at",
            "finished_at",
            "cancel_requested_at",
            "replay_of",
            "requested_by",
        ]
        read_only_fields = fields


class RunDetailSerializer(RunSerializer):
    attempts = AttemptSerializer(many=True, read_only=True)

    class Meta(RunSerializer.Meta):
        fields = [*RunSerializer.Meta.fields, "attempts"]
        read_only_fields = fields


class ReplayRequest(serializers.Serializer[Any]):
    version = serializers.ChoiceField(
        choices=["same", "current"],
        default="same",
        help_text="The version of the action that ran, or the one it has now.",
    )


class RunFilter(Filters):
    project = django_filters.UUIDFilter()
    reaction = django_filters.UUIDFilter()
    action = django_filters.UUIDFilter(field_name="action_version__action")
    event = django_filters.UUIDFilter(field_name="event__uid")
    # Not distinct: no join multiplies rows here, and PostgreSQL cannot compare the event's payload.
    status = django_filters.MultipleChoiceFilter(choices=RunStatus.choices, distinct=False)
    outcome = django_filters.CharFilter()
    target = django_filters.CharFilter(field_name="target_key")
    since = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="gte")
    until = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="lt")


class RunViewSet(mixins.RetrieveModelMixin, mixins.ListModelMixin, ScopedViewSet):
    """One run for each time a reaction fired, newest first."""

    queryset = Run.objects.select_related("event", "action_version__action", "replay_of", "requested_by")
    serializer_class = RunSerializer
    filterset_class = RunFilter
    lookup_field = "uid"
    lookup_value_converter = "uuid"
    action_verbs: ClassVar[dict[str, Verb]] = {
        "retry": Verb.RUN,
        "cancel": Verb.RUN,
        "replay": Verb.REPLAY,
        "log": Verb.READ,
        "replay_many": Verb.REPLAY,
        "cancel_many": Verb.RUN,
    }

    def get_serializer_class(self) -> type[RunSerializer]:
        return RunSerializer if self.action == "list" else RunDetailSerializer

    @extend_schema(request=None, responses={201: RunDetailSerializer})
    @action(detail=True, methods=["post"])
    def retry(self, request: Request, uid: Any) -> Response:
        """Do a run that did not succeed once more, with the version it had: a new run, which names this one."""
        return self._answer(execution.retry(self.caller, self.get_object()), status=201)

    @extend_schema(request=None, responses=RunDetailSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, uid: Any) -> Response:
        """Stop it: a queued run at once, a running one within seconds."""
        return self._answer(execution.cancel(self.caller, self.get_object()))

    @extend_schema(request=ReplayRequest, responses={201: RunDetailSerializer})
    @action(detail=True, methods=["post"])
    def replay(self, request: Request, uid: Any) -> Response:
        """React to the same event again: a new run, which names this one."""
        asked = ReplayRequest(data=request.data)
        asked.is_valid(raise_exception=True)
        replayed = execution.replay(self.caller, self.get_object(), version=asked.validated_data["version"])
        return self._answer(replayed, status=201)

    @extend_schema(request=ReplayManyRequest, responses=ManyAnswer)
    @action(detail=False, methods=["post"], url_path="replay-many", pagination_class=None)
    def replay_many(self, request: Request) -> Response:
        """Count the ended runs that the query parameters choose, then replay them: oldest first, paced."""
        asked = ReplayManyRequest(data=request.data)
        asked.is_valid(raise_exception=True)
        told = asked.validated_data
        chosen = self.filter_queryset(self.get_queryset()).filter(status__in=TERMINAL)
        if "expected" not in told:
            return Response(asdict(many.count(chosen)))
        done = many.replay_many(
            self.caller,
            meant(chosen, told),
            expected=told["expected"],
            version=told["version"],
            per_second=told["per_second"],
        )
        return Response({"count": done.count, "refused": done.refused})

    @extend_schema(request=ManyRequest, responses=ManyAnswer)
    @action(detail=False, methods=["post"], url_path="cancel-many", pagination_class=None)
    def cancel_many(self, request: Request) -> Response:
        """Count the queued, held and running runs that the query parameters choose, then cancel them."""
        asked = ManyRequest(data=request.data)
        asked.is_valid(raise_exception=True)
        chosen = self.filter_queryset(self.get_queryset()).exclude(status__in=TERMINAL)
        if "expected" not in asked.validated_data:
            return Response(asdict(many.count(chosen)))
        told = asked.validated_data
        done = many.cancel_many(self.caller, meant(chosen, told), expected=told["expected"])
        return Response({"count": done.count, "refused": done.refused})

    @extend_schema(
        parameters=[
            OpenApiParameter(
                "after", str, description="The `next` of the former answer; without it from the beginning."
            ),
            OpenApiParameter("format", str, enum=["json", "text"], description="`text` downloads the whole log."),
        ],
        responses={(200, "application/json"): LogAnswer, (200, "text/plain"): OpenApiTypes.STR},
    )
    @action(
        detail=True,
        filterset_class=None,
        pagination_class=None,
        renderer_classes=[JSONRenderer, PlainTextRenderer],
    )
    def log(self, request: Request, uid: Any) -> Response | HttpResponse:
        """The output so far, a piece at a time; or all of it as a file."""
        run = self.get_object()
        chunks = visible(LogChunk.objects.filter(attempt__run=run), self.caller)
        if request.accepted_renderer.format == "text":
            # A download and never a page: whatever a script printed is text (SEC-70).
            return HttpResponse(
                log_text(chunks),
                content_type="text/plain; charset=utf-8",
                headers={
                    "Content-Disposition": f'attachment; filename="run-{run.uid}.log"',
                    "X-Content-Type-Options": "nosniff",
                    "Cache-Control": "no-store",
                },
            )
        return Response(read_log(run, chunks, after_of(request.query_params.get("after", ""))))

    def _answer(self, run: Run, status: int = 200) -> Response:
        shown = self.queryset.get(pk=run.pk)
        return Response(self.get_serializer(shown).data, status=status)
