"""/api/decisions/ and /api/events/<uid>/decisions/: why each considered reaction fired, or did not."""

from typing import Any
from uuid import UUID

import django_filters
from django.db.models import QuerySet
from rest_framework import mixins, serializers

from accounts.api.base import Filters, ScopedViewSet
from accounts.permissions import projects
from accounts.roles import Verb
from accounts.scoping import visible_or_404
from actions.disclosure import disclose
from actions.models import Decision, Verdict
from triggers.models import Event


class DecisionSerializer(serializers.ModelSerializer[Decision]):
    event = serializers.UUIDField(source="event.uid", read_only=True)
    run = serializers.UUIDField(source="run.uid", read_only=True, default=None)

    class Meta:
        model = Decision
        fields = [
            "id",
            "event",
            "project",
            "reaction",
            "reaction_name",
            "reaction_version",
            "sequence",
            "verdict",
            "reason",
            "trace",
            "run",
            "at",
        ]
        read_only_fields = fields

    def to_representation(self, instance: Decision) -> dict[str, Any]:
        told = disclose(
            instance.verdict,
            instance.reason,
            instance.trace,
            reads_payload=instance.project_id in self._with_payloads(),
        )
        return {**super().to_representation(instance), "reason": told.reason, "trace": told.trace}

    def _with_payloads(self) -> set[UUID]:
        # Once per answer, not per row: the view lives as long.
        view = self.context["view"]
        if not hasattr(view, "with_payloads"):
            view.with_payloads = set(projects(view.caller, "event_payload", Verb.READ).values_list("pk", flat=True))
        found: set[UUID] = view.with_payloads
        return found


class DecisionFilter(Filters):
    event = django_filters.UUIDFilter(field_name="event__uid")
    project = django_filters.UUIDFilter()
    reaction = django_filters.UUIDFilter()
    verdict = django_filters.ChoiceFilter(choices=Verdict.choices)
    since = django_filters.IsoDateTimeFilter(field_name="at", lookup_expr="gte")


class DecisionViewSet(mixins.RetrieveModelMixin, mixins.ListModelMixin, ScopedViewSet):
    """One row for every reaction that was considered for an event, newest first."""

    queryset = Decision.objects.select_related("event", "run")
    serializer_class = DecisionSerializer
    filterset_class = DecisionFilter


class EventDecisionViewSet(mixins.ListModelMixin, ScopedViewSet):
    """Every reaction that was considered for this event, and why it fired or did not."""

    queryset = Decision.objects.select_related("event", "run")
    serializer_class = DecisionSerializer
    filterset_class = DecisionFilter

    def get_queryset(self) -> QuerySet[Any]:
        queryset = super().get_queryset()
        if getattr(self, "swagger_fake_view", False):
            return queryset
        event = visible_or_404(Event.objects.all(), self.caller, uid=self.kwargs["uid"])
        return queryset.filter(event=event)
