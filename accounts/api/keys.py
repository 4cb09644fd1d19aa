"""/api/api-keys/: one's own keys. Whoever comes with a key may not even see that there are others (SEC-12)."""

from typing import Any

from django.db import transaction
from rest_framework import mixins, serializers
from rest_framework.permissions import BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts import keys
from accounts.api.base import ScopedViewSet
from accounts.api.fields import caller_in
from accounts.audit import record
from accounts.callers import caller_of
from accounts.models import ApiKey
from accounts.permissions import require_in
from accounts.roles import KEY_SCOPES, Verb
from reactions_project import clock


class SignedInPerson(BasePermission):
    message = "API keys are managed by a signed-in person, never with a key: sign in and try again."

    def has_permission(self, request: Request, view: APIView) -> bool:
        return caller_of(request).is_session


class ApiKeySerializer(serializers.ModelSerializer[ApiKey]):
    scopes = serializers.ListField(child=serializers.ChoiceField(choices=KEY_SCOPES), allow_empty=False)
    user = serializers.CharField(source="user.username", read_only=True)

    class Meta:
        model = ApiKey
        fields = ["id", "name", "prefix", "scopes", "user", "created_at", "expires_at", "revoked_at", "last_used_at"]
        read_only_fields = ["prefix", "created_at", "revoked_at", "last_used_at"]

    def validate_expires_at(self, value: Any) -> Any:
        if value is not None and value <= clock.now():
            raise serializers.ValidationError("The key would have expired already: give a time to come.")
        return value


class NewApiKeySerializer(ApiKeySerializer):
    key = serializers.CharField(read_only=True, help_text="The key itself, shown this once.")

    class Meta(ApiKeySerializer.Meta):
        fields = [*ApiKeySerializer.Meta.fields, "key"]

    @transaction.atomic
    def create(self, validated_data: dict[str, Any]) -> ApiKey:
        caller = caller_in(self.context)
        require_in(caller, Verb.CREATE, "api_key", None)
        assert caller.person is not None
        made, text = keys.issue_api_key(caller.person, **validated_data)
        record(caller, "create", made, changes={"scopes": made.scopes})
        made.key = text  # type: ignore[attr-defined]
        return made


class ApiKeyViewSet(
    mixins.CreateModelMixin,
    mixins.RetrieveModelMixin,
    mixins.DestroyModelMixin,
    mixins.ListModelMixin,
    ScopedViewSet,
):
    """Keys for programs, each with scopes and never worth more than its holder. Deleting one revokes it at once."""

    queryset = ApiKey.objects.select_related("user")
    permission_classes = (IsAuthenticated, SignedInPerson)
    page_ordering = ("-created_at", "pk")

    def get_serializer_class(self) -> type[ApiKeySerializer]:
        return NewApiKeySerializer if self.action == "create" else ApiKeySerializer

    @transaction.atomic
    def perform_destroy(self, instance: ApiKey) -> None:
        keys.revoke(instance)
        record(self.caller, "revoke", instance)
