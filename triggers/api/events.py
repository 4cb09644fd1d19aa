"""/api/events/: what happened, newest first. Whoever may know of an event only does not see what it carried."""

from functools import cached_property
from typing import Any
from uuid import UUID

import django_filters
from django.db.models import QuerySet
from rest_framework import mixins, serializers

from accounts.api.base import Filters, ScopedViewSet
from accounts.permissions import may_in, projects
from accounts.roles import Verb
from triggers.models import Event

BODIES = ("payload", "query", "headers")


class EventSerializer(serializers.ModelSerializer[Event]):
    id = serializers.UUIDField(source="uid", read_only=True)

    class Meta:
        model = Event
        fields = [
            "id",
            "type",
            "subject",
            "project",
            "environment",
            "trigger",
            "source",
            "deployment",
            "actor",
            "delivery_id",
            "duplicates",
            "occurred_at",
            "recorded_at",
            "matched_at",
            "cause_run",
            "root",
            "chain",
        ]
        read_only_fields = fields


class EventDetailSerializer(EventSerializer):
    payload = serializers.JSONField(read_only=True, allow_null=True)
    query = serializers.DictField(child=serializers.CharField(), read_only=True, allow_null=True)
    headers = serializers.DictField(child=serializers.CharField(), read_only=True, allow_null=True)
    payload_hidden = serializers.SerializerMethodField(
        help_text="You may know of this event, but not see its payload, query and headers."
    )
    starts_nothing_because = serializers.CharField(
        read_only=True, help_text="Why no reaction is considered for it, as for a sender's ping; empty otherwise."
    )

    class Meta(EventSerializer.Meta):
        fields = [*EventSerializer.Meta.fields, *BODIES, "payload_hidden", "starts_nothing_because"]
        read_only_fields = fields

    def get_payload_hidden(self, event: Event) -> bool:
        return event.project_id not in self.context["view"].readable

    def to_representation(self, instance: Event) -> dict[str, Any]:
        shown = super().to_representation(instance)
        if shown["payload_hidden"]:
            shown.update(dict.fromkeys(BODIES))
        return shown


class EventFilter(Filters):
    type = django_filters.CharFilter()
    project = django_filters.UUIDFilter()
    trigger = django_filters.UUIDFilter()
    deployment = django_filters.CharFilter(label="The Octopus id of a deployment, such as Deployments-7.")
    occurred_after = django_filters.IsoDateTimeFilter(field_name="occurred_at", lookup_expr="gte")
    occurred_before = django_filters.IsoDateTimeFilter(field_name="occurred_at", lookup_expr="lt")


class EventViewSet(mixins.RetrieveModelMixin, mixins.ListModelMixin, ScopedViewSet):
    """The list names events; one event also shows what it carried, to those who may read it."""

    queryset = Event.objects.all()
    filterset_class = EventFilter
    lookup_field = "uid"
    lookup_value_converter = "uuid"

    @cached_property
    def readable(self) -> set[UUID | None]:
        """Projects whose events' payloads the caller may read; None among them is the space."""
        found: set[UUID | None] = set(projects(self.caller, "event_payload", Verb.READ).values_list("pk", flat=True))
        return found | {None} if may_in(self.caller, Verb.READ, "event_payload", None) else found

    def get_serializer_class(self) -> type[EventSerializer]:
        return EventSerializer if self.action == "list" else EventDetailSerializer

    def get_queryset(self) -> QuerySet[Any]:
        # Up to a mebibyte each.
        return super().get_queryset().defer(*(BODIES if self.action == "list" else ()))
