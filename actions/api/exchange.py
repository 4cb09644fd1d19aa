"""/api/projects/<id>/definitions/: GET exports what the caller may see, POST imports with the caller's rights."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import ScopedViewSet
from accounts.models import Project
from accounts.scoping import visible_or_404
from actions.exchange import export_definitions, import_definitions


class DefinitionsViewSet(ScopedViewSet):
    """A project's triggers, actions and reactions as one document; secrets are named, never written."""

    queryset = Project.objects.all()
    serializer_class = serializers.Serializer

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def retrieve(self, request: Request, pk: Any) -> Response:
        return Response(export_definitions(self.caller, self._project(pk)))

    @extend_schema(request=OpenApiTypes.OBJECT, responses=OpenApiTypes.OBJECT)
    def create(self, request: Request, pk: Any) -> Response:
        return Response(import_definitions(self.caller, self._project(pk), request.data))

    def _project(self, pk: Any) -> Project:
        found: Project = visible_or_404(self.queryset, self.caller, pk=pk)
        return found
