"""/api/dead-letters/: what ended badly and was not looked after, by cause; and verbs for many runs at once."""

from dataclasses import asdict
from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import ScopedViewSet
from accounts.roles import Verb
from actions import dead_letters, many
from actions.api.many import ManyAnswer, ManyRequest, ReplayManyRequest, meant
from actions.api.runs import RunFilter, RunSerializer
from actions.models import Run


class CauseAnswer(serializers.Serializer[Any]):
    outcome = serializers.CharField()
    target = serializers.CharField()
    project = serializers.UUIDField()
    reaction = serializers.UUIDField(allow_null=True)
    reaction_name = serializers.CharField()
    count = serializers.IntegerField()
    first = serializers.DateTimeField()
    last = serializers.DateTimeField()
    sample = serializers.UUIDField(help_text="The newest run of that cause.")
    reason = serializers.CharField(help_text="What that run said.")


class CausesAnswer(serializers.Serializer[Any]):
    count = serializers.IntegerField(help_text="All letters, of whatever cause.")
    results = CauseAnswer(many=True)


class DeadLetterViewSet(mixins.ListModelMixin, ScopedViewSet):
    """Runs that failed for good or were interrupted, and were neither replayed nor dismissed. The query parameters of
    the list choose what the verbs act on: send them without `expected` to count, then with the number."""

    queryset = Run.objects.select_related("event", "action_version__action", "replay_of", "requested_by")
    serializer_class = RunSerializer
    filterset_class = RunFilter
    action_verbs: ClassVar[dict[str, Verb]] = {
        "causes": Verb.READ,
        "replay": Verb.REPLAY,
        "dismiss": Verb.RUN,
    }

    def get_queryset(self) -> QuerySet[Any]:
        if getattr(self, "swagger_fake_view", False):
            return Run.objects.none()
        letters = dead_letters.dead_letters(self.caller)
        return letters.select_related("event", "action_version__action", "replay_of", "requested_by")

    @extend_schema(responses=CausesAnswer)
    @action(detail=False, pagination_class=None)
    def causes(self, request: Request) -> Response:
        """Grouped by outcome, target and reaction, the most frequent first."""
        letters = self.filter_queryset(self.get_queryset())
        answer = {"count": letters.count(), "results": dead_letters.by_cause(letters)}
        return Response(CausesAnswer(answer).data)

    @extend_schema(request=ReplayManyRequest, responses=ManyAnswer)
    @action(detail=False, methods=["post"], pagination_class=None)
    def replay(self, request: Request) -> Response:
        """Count, then replay what the filter chooses: oldest first, paced, each with the checks of a single one."""
        asked = ReplayManyRequest(data=request.data)
        asked.is_valid(raise_exception=True)
        told = asked.validated_data
        letters = self.filter_queryset(self.get_queryset())
        if "expected" not in told:
            return Response(asdict(many.count(letters)))
        done = many.replay_many(
            self.caller,
            meant(letters, told),
            expected=told["expected"],
            version=told["version"],
            per_second=told["per_second"],
        )
        return Response({"count": done.count, "refused": done.refused})

    @extend_schema(request=ManyRequest, responses=ManyAnswer)
    @action(detail=False, methods=["post"], pagination_class=None)
    def dismiss(self, request: Request) -> Response:
        """Count, then take off the list what the filter chooses."""
        asked = ManyRequest(data=request.data)
        asked.is_valid(raise_exception=True)
        letters = self.filter_queryset(self.get_queryset())
        if "expected" not in asked.validated_data:
            return Response(asdict(many.count(letters)))
        told = asked.validated_data
        done = many.dismiss_many(self.caller, meant(letters, told), expected=told["expected"])
        return Response({"count": done.count, "refused": done.refused})
