"""/api/deployment-processes/: the steps by which a project is deployed. Every change is a version and an event."""

from typing import Any, ClassVar

import django_filters
from django.db.models import Q, QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import Filters, ScopedViewSet
from accounts.models import Project
from accounts.permissions import visible
from accounts.roles import Verb
from triggers.api.fields import PROJECT_NAMES, NamedField, uuid_of
from triggers.catalog.processes import update_process
from triggers.models import DeploymentProcess


class DeploymentProcessSerializer(serializers.ModelSerializer[DeploymentProcess]):
    octopus_id = serializers.CharField(read_only=True)
    steps = serializers.ListField(child=serializers.DictField(), read_only=True)
    updated_by = serializers.CharField(source="updated_by.username", read_only=True, default=None)

    class Meta:
        model = DeploymentProcess
        fields = ["id", "octopus_id", "project", "version", "steps", "updated_by", "updated_at"]
        read_only_fields = fields


class ProcessChange(serializers.Serializer[Any]):
    steps = serializers.ListField(child=serializers.DictField(), max_length=500)
    message = serializers.CharField(
        required=False, allow_blank=True, max_length=1_000, default="", help_text="What to say of the change."
    )


class NewProcess(ProcessChange):
    project = NamedField(queryset=Project.objects.all(), names=PROJECT_NAMES, help_text="Its id, slug or name.")


class DeploymentProcessFilter(Filters):
    project = django_filters.UUIDFilter()


class DeploymentProcessViewSet(mixins.RetrieveModelMixin, mixins.ListModelMixin, ScopedViewSet):
    """One for each project, addressed by its own id or the project's id or slug. PUT makes it where there is none."""

    queryset = DeploymentProcess.objects.select_related("project", "updated_by")
    serializer_class = DeploymentProcessSerializer
    filterset_class = DeploymentProcessFilter
    page_ordering = ("project__name", "pk")
    # Rights are those on the project's catalogue, which update_process asks for.
    action_verbs: ClassVar[dict[str, Verb]] = {"update": Verb.READ, "partial_update": Verb.READ}

    def get_object(self) -> DeploymentProcess:
        name = self.kwargs["pk"]
        identity = uuid_of(name)
        wanted = Q(pk=identity) | Q(project=identity) if identity else Q(project__slug=name)
        found = self.get_queryset().filter(wanted).first()
        if found is None:
            raise NotFound
        self.check_object_permissions(self.request, found)
        process: DeploymentProcess = found
        return process

    @extend_schema(request=NewProcess, responses={201: DeploymentProcessSerializer})
    def create(self, request: Request) -> Response:
        """Give a project its steps."""
        asked = NewProcess(data=request.data, context=self.get_serializer_context())
        asked.is_valid(raise_exception=True)
        project = asked.validated_data["project"]
        if DeploymentProcess.objects.filter(project=project).exists():
            raise serializers.ValidationError({"project": f"{project} has a process already: PUT its steps."})
        return self._write(project, asked.validated_data, status.HTTP_201_CREATED)

    @extend_schema(request=ProcessChange, responses=DeploymentProcessSerializer)
    def update(self, request: Request, pk: str) -> Response:
        """Replace the steps and record DeploymentProcessUpdated."""
        project = self._project()
        asked = ProcessChange(data=request.data)
        asked.is_valid(raise_exception=True)
        return self._write(project, asked.validated_data, status.HTTP_200_OK)

    @extend_schema(request=ProcessChange, responses=DeploymentProcessSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        """The same: the steps are one value."""
        return self.update(request, pk)

    def _project(self) -> Project:
        """The project whose process the address names, which need not exist yet."""
        name = self.kwargs["pk"]
        identity = uuid_of(name)
        wanted = Q(pk=identity) | Q(deployment_process=identity) if identity else Q(slug=name)
        projects: QuerySet[Project] = visible(Project.objects.filter(wanted), self.caller)
        project = projects.first()
        if project is None:
            raise NotFound
        return project

    def _write(self, project: Project, asked: dict[str, Any], code: int) -> Response:
        process = update_process(self.caller, project, asked["steps"], asked["message"])
        return Response(self.get_serializer(process).data, status=code)
