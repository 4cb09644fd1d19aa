"""/api/deployments/: a release on its way to an environment. Every move is an event."""

from typing import Any, ClassVar

import django_filters
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import Filters, ScopedViewSet
from accounts.api.fields import caller_in
from accounts.models import Project
from accounts.roles import Verb
from triggers.api.fields import ENVIRONMENT_NAMES, PROJECT_NAMES, NamedField
from triggers.catalog.deployments import WrongState, create_deployment, move
from triggers.models import Deployment, Environment, Release
from triggers.models.catalog import DeploymentState


class DeploymentSerializer(serializers.ModelSerializer[Deployment]):
    project = serializers.UUIDField(source="release.project_id", read_only=True)
    version = serializers.CharField(source="release.version", read_only=True)

    class Meta:
        model = Deployment
        fields = [
            "id",
            "octopus_id",
            "project",
            "release",
            "version",
            "environment",
            "state",
            "comments",
            "error",
            "created_by",
            "created_at",
            "started_at",
            "finished_at",
        ]
        read_only_fields = fields


class NewDeployment(serializers.Serializer[Deployment]):
    """A release by its id, or by project and version."""

    release = NamedField(queryset=Release.objects.all(), names=("octopus_id",), required=False)
    project = NamedField(
        queryset=Project.objects.all(), names=PROJECT_NAMES, required=False, help_text="Its id, slug or name."
    )
    version = serializers.CharField(required=False, max_length=100, help_text="A release of that project.")
    environment = NamedField(
        queryset=Environment.objects.all(), names=ENVIRONMENT_NAMES, help_text="Its id, slug or name."
    )
    comments = serializers.CharField(required=False, allow_blank=True, max_length=10_000, default="")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        project, version = attrs.pop("project", None), attrs.pop("version", None)
        if "release" in attrs:
            if project is not None or version is not None:
                raise serializers.ValidationError(
                    {"release": "Name the release by its id, or by project and version, not by both."}
                )
            return attrs
        if project is None or version is None:
            raise serializers.ValidationError(
                {"release": "Say what to deploy: the id of a release, or a project and a version."}
            )
        # Whoever may see the project may see its releases.
        attrs["release"] = Release.objects.select_related("project").filter(project=project, version=version).first()
        if attrs["release"] is None:
            raise serializers.ValidationError({"version": f"{project} has no release {version}: make it first."})
        return attrs

    def create(self, validated_data: dict[str, Any]) -> Deployment:
        return create_deployment(caller_in(self.context), **validated_data)


class Failure(serializers.Serializer[Any]):
    error = serializers.CharField(
        required=False, allow_blank=True, max_length=10_000, default="", help_text="Why it failed."
    )


class DeploymentFilter(Filters):
    project = django_filters.UUIDFilter(field_name="release__project")
    release = django_filters.UUIDFilter()
    environment = django_filters.UUIDFilter()
    state = django_filters.MultipleChoiceFilter(choices=DeploymentState.choices, distinct=False)
    octopus_id = django_filters.CharFilter()


class Conflict(APIException):
    status_code = status.HTTP_409_CONFLICT


class DeploymentViewSet(mixins.CreateModelMixin, mixins.RetrieveModelMixin, mixins.ListModelMixin, ScopedViewSet):
    """queued → running → succeeded or failed; canceled from either of the first two. Another move answers 409."""

    queryset = Deployment.objects.select_related("release__project", "environment")
    serializer_class = DeploymentSerializer
    filterset_class = DeploymentFilter
    page_ordering = ("-created_at", "pk")
    action_verbs: ClassVar[dict[str, Verb]] = dict.fromkeys(("start", "succeed", "fail", "cancel"), Verb.UPDATE)

    @extend_schema(request=NewDeployment, responses={201: DeploymentSerializer})
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Queue a deployment and record DeploymentQueued."""
        asked = NewDeployment(data=request.data, context=self.get_serializer_context())
        asked.is_valid(raise_exception=True)
        return Response(self.get_serializer(asked.save()).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=None, responses=DeploymentSerializer)
    @action(detail=True, methods=["post"])
    def start(self, request: Request, pk: str) -> Response:
        """It begins: DeploymentStarted."""
        return self._move("start")

    @extend_schema(request=None, responses=DeploymentSerializer)
    @action(detail=True, methods=["post"])
    def succeed(self, request: Request, pk: str) -> Response:
        """It ended well: DeploymentSucceeded."""
        return self._move("succeed")

    @extend_schema(request=Failure, responses=DeploymentSerializer)
    @action(detail=True, methods=["post"])
    def fail(self, request: Request, pk: str) -> Response:
        """It ended with an error: DeploymentFailed."""
        asked = Failure(data=request.data)
        asked.is_valid(raise_exception=True)
        return self._move("fail", asked.validated_data["error"])

    @extend_schema(request=None, responses=DeploymentSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """Somebody stopped it: DeploymentCanceled."""
        return self._move("cancel")

    def _move(self, verb: str, error: str = "") -> Response:
        try:
            moved = move(self.caller, self.get_object(), verb, error)
        except WrongState as wrong:
            raise Conflict(wrong.messages[0]) from wrong
        return Response(self.get_serializer(moved).data)
