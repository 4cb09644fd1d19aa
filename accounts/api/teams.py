"""/api/teams/ and their members, through accounts.grants."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from rest_framework import mixins, serializers
from rest_framework.request import Request

from accounts import grants
from accounts.api.base import ScopedViewSet
from accounts.api.fields import VariablesField, caller_in
from accounts.models import Membership, Role, Team, User
from accounts.roles import Verb
from accounts.scoping import visible_or_404


class TeamSerializer(serializers.ModelSerializer[Team]):
    variables = VariablesField(required=False, help_text="What templates and scripts read by name. Not for secrets.")

    class Meta:
        model = Team
        fields = ["id", "name", "slug", "allows_authors", "is_enabled", "variables", "created_at"]
        read_only_fields = ["allows_authors", "created_at"]

    def create(self, validated_data: dict[str, Any]) -> Team:
        caller, variables = caller_in(self.context), validated_data.get("variables")
        return grants.create_team(caller, validated_data["name"], validated_data["slug"], variables=variables)

    def update(self, instance: Team, validated_data: dict[str, Any]) -> Team:
        for name, value in validated_data.items():
            setattr(instance, name, value)
        return grants.change_team(caller_in(self.context), instance)


class TeamViewSet(
    mixins.CreateModelMixin,
    mixins.RetrieveModelMixin,
    mixins.UpdateModelMixin,
    mixins.DestroyModelMixin,
    mixins.ListModelMixin,
    ScopedViewSet,
):
    """Teams own projects. Operators make them, owners rename them and choose their members."""

    queryset = Team.objects.all()
    serializer_class = TeamSerializer
    page_ordering = ("name", "pk")

    def perform_destroy(self, instance: Team) -> None:
        grants.delete_team(self.caller, instance)


class MemberSerializer(serializers.ModelSerializer[Membership]):
    username = serializers.CharField(source="user.username", max_length=150)
    role = serializers.ChoiceField(choices=Role.choices)

    class Meta:
        model = Membership
        fields = ["id", "username", "role", "created_at"]
        read_only_fields = ["created_at"]

    def validate_username(self, value: str) -> str:
        if self.instance is not None and value != self.instance.user.username:
            raise serializers.ValidationError("A membership stays with its person: add the other one instead.")
        return value

    def create(self, validated_data: dict[str, Any]) -> Membership:
        team = self.context["view"].team
        username = validated_data["user"]["username"]
        # Rights come first: who may not add anybody does not learn who exists.
        grants.require_owner(caller_in(self.context), team, f"change the members of team {team}")
        user = User.objects.filter(username=username, is_active=True).first()
        if user is None:
            raise serializers.ValidationError({"username": f"There is nobody called {username} here."})
        if Membership.objects.filter(team=team, user=user).exists():
            raise serializers.ValidationError({"username": f"{username} is in the team already: change the role."})
        return grants.join(caller_in(self.context), team, user, validated_data["role"])

    def update(self, instance: Membership, validated_data: dict[str, Any]) -> Membership:
        role = validated_data.get("role", instance.role)
        return grants.join(caller_in(self.context), instance.team, instance.user, role)


class MemberViewSet(
    mixins.CreateModelMixin,
    mixins.RetrieveModelMixin,
    mixins.UpdateModelMixin,
    mixins.DestroyModelMixin,
    mixins.ListModelMixin,
    ScopedViewSet,
):
    """Who is in the team, each in one role. The last owner stays; everybody may leave."""

    queryset = Membership.objects.select_related("user", "team")
    serializer_class = MemberSerializer
    # accounts.grants decides: members may take themselves out, which the table of verbs cannot say.
    action_verbs: ClassVar[dict[str, Verb]] = {
        "update": Verb.READ,
        "partial_update": Verb.READ,
        "destroy": Verb.READ,
    }
    http_method_names = ["get", "post", "patch", "delete", "head", "options"]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self.team: Team = visible_or_404(Team.objects.all(), self.caller, pk=self.kwargs["team_pk"])

    def get_queryset(self) -> QuerySet[Any]:
        queryset = super().get_queryset()
        return queryset if getattr(self, "swagger_fake_view", False) else queryset.filter(team=self.team)

    def perform_destroy(self, instance: Membership) -> None:
        grants.leave(self.caller, instance.team, instance.user)
