"""What /api/actions/preview/ takes and answers."""

from typing import Any
from uuid import uuid4

from django.core.exceptions import PermissionDenied
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.api.fields import ScopedRelatedField, ScopedSlugField, caller_in
from accounts.models import Project
from accounts.permissions import may
from accounts.roles import Verb
from actions.api.fields import BindingsField
from actions.curl import curl_line
from actions.kinds.registry import kinds
from actions.models import Action, Connection
from actions.preview import Preview
from reactions_project import clock
from triggers.models import Event

NEITHER_NOR = "Name the event to preview with, or paste a payload."
# Of a saved action these are taken from it, unless the draft says otherwise.
_DRAFT = ("config", "connection", "timeout_seconds", "name")


class PreviewRequest(serializers.Serializer[Any]):
    """A saved `action`, with whatever the draft changes, or a `project` and a whole draft."""

    action = ScopedRelatedField(queryset=Action.objects.select_related("project", "connection"), required=False)
    project = ScopedRelatedField(queryset=Project.objects.all(), required=False)
    name = serializers.CharField(max_length=150, required=False)
    kind = serializers.CharField(default="http", help_text="Of a draft; /api/action-kinds/ lists them.")
    config = serializers.DictField(required=False)
    connection = ScopedRelatedField(queryset=Connection.objects.all(), verb=Verb.BIND, required=False, allow_null=True)
    secrets = BindingsField(required=False, help_text="{variable: id of the secret}. Values are never read here.")
    timeout_seconds = serializers.IntegerField(min_value=1, max_value=3600, required=False)
    event = ScopedSlugField(
        slug_field="uid",
        queryset=Event.objects.select_related("trigger", "project", "environment"),
        required=False,
        help_text="The id of a recorded event.",
    )
    type = serializers.CharField(max_length=60, default="DeploymentSucceeded", help_text="Of a pasted payload.")
    payload = serializers.JSONField(required=False, help_text="Instead of an event.")
    reaction = serializers.CharField(max_length=150, default="Preview", help_text="What the reaction is called.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("event" in attrs) == ("payload" in attrs):
            raise serializers.ValidationError({"event": NEITHER_NOR})
        attrs["draft"] = self._draft(attrs)
        attrs["secrets"] = attrs["secrets"] if "secrets" in attrs else self._bound(attrs)
        attrs["event"] = self._event(attrs)
        return attrs

    def validate_kind(self, kind: str) -> str:
        if kind not in kinds:
            known = ", ".join(name for name, _ in kinds.choices())
            raise serializers.ValidationError(f"There is no kind {kind[:40]!r}: choose one of {known}.")
        return kind

    def _draft(self, attrs: dict[str, Any]) -> Action:
        saved: Action | None = attrs.get("action")
        if saved is None:
            if "project" not in attrs or "config" not in attrs:
                raise serializers.ValidationError(
                    {"action": "Name a saved action, or give a draft: its project and its config."}
                )
            names = {name: attrs[name] for name in _DRAFT if name in attrs}
            return Action(project=attrs["project"], kind=attrs["kind"], **({"name": "Draft"} | names))
        draft = Action.objects.select_related("project", "connection").get(pk=saved.pk)
        for name in _DRAFT:
            if name in attrs:
                setattr(draft, name, attrs[name])
        return draft

    def _bound(self, attrs: dict[str, Any]) -> dict[str, Any]:
        saved: Action | None = attrs.get("action")
        bindings = saved.bindings.select_related("secret") if saved else ()
        return {binding.variable: binding.secret for binding in bindings}

    def _event(self, attrs: dict[str, Any]) -> Event:
        draft: Action = attrs["draft"]
        event: Event | None = attrs.get("event")
        if event is None:
            return _pasted(draft.project, attrs["type"], attrs["payload"])
        if not may(caller_in(self.context), Verb.READ, event):
            raise PermissionDenied("You may know of this event, but not see its payload: paste a payload instead.")
        if event.project_id not in (None, draft.project_id):
            raise serializers.ValidationError(
                {"event": "The event belongs to another project, whose events never reach this action: pick another."}
            )
        return event


def _pasted(project: Project, event_type: str, payload: Any) -> Event:
    """An event that nobody records. It counts as internal, since a webhook never starts what sends a request."""
    now, uid = clock.now(), uuid4()
    return Event(
        uid=uid,
        root=uid,
        type=event_type,
        source="catalog",
        project=project,
        subject="A pasted payload",
        deployment=_deployment_in(payload),
        payload=payload,
        occurred_at=now,
        recorded_at=now,
    )


def _deployment_in(payload: Any) -> str:
    part = payload.get("Deployment") if isinstance(payload, dict) else None
    named = part.get("Id") if isinstance(part, dict) else None
    return named[:60] if isinstance(named, str) else ""


class UnresolvedTokenAnswer(serializers.Serializer[Any]):
    place = serializers.CharField(help_text="the URI, header NAME, body.member …")
    token = serializers.CharField()
    offset = serializers.IntegerField(help_text="Where it begins in that place's template, in characters.")
    suggestion = serializers.CharField(help_text="The nearest name that is known, or nothing.")
    sentence = serializers.CharField()


class RequestAnswer(serializers.Serializer[Any]):
    method = serializers.CharField()
    url = serializers.CharField()
    host = serializers.CharField()
    headers = serializers.SerializerMethodField()
    body = serializers.CharField()

    @extend_schema_field(serializers.ListField(child=serializers.ListField(child=serializers.CharField())))
    def get_headers(self, shown: dict[str, Any]) -> list[list[str]]:
        return [list(pair) for pair in shown["headers"]]


class PreviewAnswer(serializers.Serializer[Any]):
    curl = serializers.SerializerMethodField(help_text="The request as a line for the shell, secrets masked.")
    would_send = serializers.BooleanField()
    problem = serializers.CharField(help_text="Why a run would fail before anything is sent; empty when it would send.")
    request = RequestAnswer(allow_null=True, help_text="As a run would send it, secrets masked.")
    unresolved = UnresolvedTokenAnswer(many=True)

    def get_curl(self, preview: Preview) -> str | None:
        return curl_line(preview.request) if preview.request else None
