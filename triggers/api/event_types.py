"""/api/event-types/: the internal events that a trigger can listen for, and what each one's payload says."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from triggers.event_types import event_types


class PayloadFieldSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(help_text="Its path below `payload`.")
    label = serializers.CharField()  # type: ignore[assignment]
    example = serializers.CharField()


class EventTypeSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    description = serializers.CharField()
    space_wide = serializers.BooleanField(help_text="No project owns it: it reaches every project that listens.")
    payload_fields = PayloadFieldSerializer(many=True)


class EventTypeViewSet(ViewSet):
    """Read-only, the same for everybody who is signed in."""

    @extend_schema(responses=EventTypeSerializer(many=True))
    def list(self, request: Request) -> Response:
        return Response([EventTypeSerializer(event_type).data for event_type in event_types])

    @extend_schema(responses=EventTypeSerializer)
    def retrieve(self, request: Request, pk: str) -> Response:
        if pk not in event_types:
            raise NotFound
        return Response(EventTypeSerializer(event_types.get(pk)).data)
