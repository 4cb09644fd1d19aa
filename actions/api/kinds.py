"""/api/action-kinds/: what actions there can be, and the fields that each declares."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from actions.kinds.registry import kinds


class FieldSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    type = serializers.CharField()
    required = serializers.BooleanField()  # type: ignore[assignment]
    choices = serializers.SerializerMethodField()
    is_secret = serializers.BooleanField()
    default = serializers.JSONField()
    help = serializers.CharField()

    def get_choices(self, field: Any) -> list[dict[str, str]]:
        return [{"value": value, "label": label} for value, label in field.choices]


class ActionKindSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    description = serializers.CharField()
    sends_http = serializers.BooleanField(help_text="Such a kind cannot be joined to an external webhook.")
    executor = serializers.CharField()
    fields = FieldSerializer(many=True)  # type: ignore[assignment]


class ActionKindViewSet(ViewSet):
    """Read-only, the same for everybody who is signed in."""

    @extend_schema(responses=ActionKindSerializer(many=True))
    def list(self, request: Request) -> Response:
        return Response([ActionKindSerializer(kind).data for kind in kinds])

    @extend_schema(responses=ActionKindSerializer)
    def retrieve(self, request: Request, pk: str) -> Response:
        if pk not in kinds:
            raise NotFound
        return Response(ActionKindSerializer(kinds.get(pk)).data)
