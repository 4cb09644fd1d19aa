"""/api/projects/ and with which teams each is shared, through accounts.grants."""

from typing import Any, ClassVar

import django_filters
from django.db.models import QuerySet
from rest_framework import mixins, serializers
from rest_framework.request import Request

from accounts import grants
from accounts.api.base import Filters, ScopedViewSet
from accounts.api.fields import ScopedRelatedField, VariablesField, caller_in
from accounts.models import Project, ProjectShare, Role, Team
from accounts.roles import Verb
from accounts.scoping import visible_or_404


class ProjectSerializer(serializers.ModelSerializer[Project]):
    team = ScopedRelatedField(queryset=Team.objects.all())
    variables = VariablesField(required=False, help_text="What templates and scripts read by name. Not for secrets.")

    class Meta:
        model = Project
        fields = ["id", "octopus_id", "team", "name", "slug", "description", "variables", "created_at"]
        read_only_fields = ["octopus_id", "created_at"]

    def create(self, validated_data: dict[str, Any]) -> Project:
        return grants.create_project(caller_in(self.context), **validated_data)

    def update(self, instance: Project, validated_data: dict[str, Any]) -> Project:
        for name, value in validated_data.items():
            setattr(instance, name, value)
        return grants.change_project(caller_in(self.context), instance)


class ProjectFilter(Filters):
    team = django_filters.UUIDFilter()
    name = django_filters.CharFilter(lookup_expr="icontains")
    slug = django_filters.CharFilter()


class ProjectViewSet(
    mixins.CreateModelMixin,
    mixins.RetrieveModelMixin,
    mixins.UpdateModelMixin,
    mixins.DestroyModelMixin,
    mixins.ListModelMixin,
    ScopedViewSet,
):
    """Each belongs to one team for good. Owners of the team make, change and share projects, signed in."""

    queryset = Project.objects.select_related("team")
    serializer_class = ProjectSerializer
    filterset_class = ProjectFilter
    page_ordering = ("name", "pk")

    def perform_destroy(self, instance: Project) -> None:
        grants.delete_project(self.caller, instance)


class ShareSerializer(serializers.ModelSerializer[ProjectShare]):
    team = ScopedRelatedField(queryset=Team.objects.all())
    role = serializers.ChoiceField(choices=[choice for choice in Role.choices if choice[0] != Role.OWNER])

    class Meta:
        model = ProjectShare
        fields = ["id", "team", "role"]

    def create(self, validated_data: dict[str, Any]) -> ProjectShare:
        view = self.context["view"]
        return grants.share(view.caller, view.project, validated_data["team"], validated_data["role"])


class ShareViewSet(
    mixins.CreateModelMixin,
    mixins.RetrieveModelMixin,
    mixins.DestroyModelMixin,
    mixins.ListModelMixin,
    ScopedViewSet,
):
    """Other teams whose members may use the project, at most in that role. Posting a team again changes its role."""

    queryset = ProjectShare.objects.select_related("project__team", "team")
    serializer_class = ShareSerializer
    action_verbs: ClassVar[dict[str, Verb]] = {"destroy": Verb.UPDATE}

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self.project: Project = visible_or_404(Project.objects.all(), self.caller, pk=self.kwargs["project_pk"])

    def get_queryset(self) -> QuerySet[Any]:
        queryset = super().get_queryset()
        return queryset if getattr(self, "swagger_fake_view", False) else queryset.filter(project=self.project)

    def perform_destroy(self, instance: ProjectShare) -> None:
        grants.unshare(self.caller, instance.project, instance.team)
