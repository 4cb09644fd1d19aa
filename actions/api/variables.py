"""/api/events/{id}/variables/: the names that templates and scripts see for an event, with their values."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import ScopedViewSet
from accounts.api.fields import ScopedRelatedField
from accounts.permissions import may
from accounts.roles import Verb
from accounts.scoping import visible_or_404
from actions.context import CONNECTION_SECRET
from actions.earlier import outputs_before
from actions.models import Action
from actions.variables import author_variables, context_variables, event_variables
from triggers.models import Event

# What somebody who may only know of an event knows of it anyway, by the beginning of the name.
_OPEN = ("octopus.event.", "octopus.space.", "octopus.trigger.", "octopus.web.")


class VariablesRequest(serializers.Serializer[Any]):
    action = ScopedRelatedField(
        queryset=Action.objects.select_related("connection__secret").prefetch_related("bindings"),
        required=False,
        help_text="Adds the variables of this action's connection and secrets, without their values.",
    )


class VariableAnswer(serializers.Serializer[Any]):
    name = serializers.CharField()
    value = serializers.CharField(allow_null=True, help_text="Null where you may not see it.")
    hidden = serializers.BooleanField()


class VariablesAnswer(serializers.Serializer[Any]):
    variables = VariableAnswer(many=True)


class EventVariablesViewSet(ScopedViewSet):
    """Names and values as you may see them, by name. Values of secrets and connections are never among them."""

    queryset = Event.objects.select_related("project__team", "trigger")
    serializer_class = VariablesAnswer

    @extend_schema(parameters=[VariablesRequest], responses=VariablesAnswer)
    def retrieve(self, request: Request, uid: str) -> Response:
        """What `#{...}` and get_octopusvariable know of this event before anything runs."""
        event: Event = visible_or_404(self.queryset.all(), self.caller, uid=uid)
        asked = VariablesRequest(data=request.query_params, context=self.get_serializer_context())
        asked.is_valid(raise_exception=True)
        found: dict[str, str | None] = {**event_variables(event), **outputs_before(event)}
        if not may(self.caller, Verb.READ, event):
            # Names of query parameters, headers and outputs are the payload's too.
            found = {name: value for name, value in found.items() if name.lower().startswith(_OPEN)} | {"Payload": None}
        found |= context_variables(event)
        if action := asked.validated_data.get("action"):
            found |= dict.fromkeys([*author_variables(action), *_secrets(action)], None)
        rows = [{"name": name, "value": value, "hidden": value is None} for name, value in found.items()]
        rows.sort(key=lambda row: str(row["name"]).lower())
        return Response(VariablesAnswer({"variables": rows}).data)


def _secrets(action: Action) -> list[str]:
    names = [binding.variable for binding in action.bindings.all()]
    held = action.connection is not None and action.connection.secret_id is not None
    return [*names, CONNECTION_SECRET] if held else names
