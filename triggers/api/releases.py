"""/api/releases/: making one records ReleaseCreated."""

from typing import Any, ClassVar

import django_filters
from rest_framework import mixins, serializers

from accounts.api.base import Filters, ScopedViewSet
from accounts.api.fields import caller_in
from accounts.models import Project
from triggers.api.fields import PROJECT_NAMES, NamedField
from triggers.catalog.releases import create_release, delete_release
from triggers.models import Release


class ReleaseSerializer(serializers.ModelSerializer[Release]):
    project = NamedField(queryset=Project.objects.all(), names=PROJECT_NAMES, help_text="Its id, slug or name.")

    class Meta:
        model = Release
        fields = ["id", "octopus_id", "project", "version", "notes", "created_by", "created_at"]
        read_only_fields = ["octopus_id", "created_by", "created_at"]
        validators: ClassVar[list[Any]] = []

    def create(self, validated_data: dict[str, Any]) -> Release:
        return create_release(caller_in(self.context), **validated_data)


class ReleaseFilter(Filters):
    project = django_filters.UUIDFilter()
    version = django_filters.CharFilter()


class ReleaseViewSet(
    mixins.CreateModelMixin,
    mixins.RetrieveModelMixin,
    mixins.DestroyModelMixin,
    mixins.ListModelMixin,
    ScopedViewSet,
):
    """Versions of a project, newest first. A release stays as it was made."""

    queryset = Release.objects.select_related("project")
    serializer_class = ReleaseSerializer
    filterset_class = ReleaseFilter
    page_ordering = ("-created_at", "pk")

    def perform_destroy(self, instance: Release) -> None:
        delete_release(self.caller, instance)
