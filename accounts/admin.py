"""Operators' view of people, teams, keys and secrets."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts import grants, keys, vault
from accounts.callers import caller_for
from accounts.models import (
    ApiKey,
    AuditEntry,
    Counter,
    Membership,
    Project,
    ProjectGroupObjectPermission,
    ProjectShare,
    ProjectUserObjectPermission,
    RunToken,
    Secret,
    SignInFailure,
    Team,
    TeamRole,
    User,
)
from reactions_project.operators import HistoryAdmin, ModelForm, OperatorAdmin, for_each

# Groups are the inside of team roles: memberships are the way to change them.
admin.site.unregister(Group)


@admin.register(User)
class UserAdmin(OperatorAdmin, DjangoUserAdmin):  # type: ignore[type-arg]
    list_display = ("username", "email", "is_active", "is_staff", "last_login")
    list_filter = ("is_active", "is_staff")
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        ("Person", {"fields": ("first_name", "last_name", "email")}),
        ("Rights", {"fields": ("is_active", "is_staff", "is_superuser")}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )
    filter_horizontal = ()

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        # Nobody grants a right they lack (SEC-06).
        return (
            ("last_login", "date_joined")
            if request.user.is_superuser
            else (
                "last_login",
                "date_joined",
                "is_superuser",
                "is_staff",
            )
        )


@admin.register(Team)
class TeamAdmin(OperatorAdmin):
    list_display = ("name", "slug", "is_enabled", "allows_authors", "created_at")
    list_filter = ("is_enabled", "allows_authors")
    search_fields = ("name", "slug")
    prepopulated_fields = {"slug": ("name",)}

    def save_model(self, request: HttpRequest, obj: Team, form: Any, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
            return
        made = grants.create_team(
            caller_for(_user(request)), obj.name, obj.slug, allows_authors=obj.allows_authors, variables=obj.variables
        )
        obj.pk, obj._state.adding = made.pk, False


@admin.register(Membership)
class MembershipAdmin(OperatorAdmin):
    list_display = ("user", "team", "role", "created_at")
    list_filter = ("role", "team")
    search_fields = ("user__username", "team__name")
    list_select_related = ("user", "team")
    autocomplete_fields = ("user", "team")

    def save_model(self, request: HttpRequest, obj: Membership, form: Any, change: bool) -> None:
        made = grants.join(caller_for(_user(request)), obj.team, obj.user, obj.role)
        obj.pk, obj._state.adding = made.pk, False

    def get_readonly_fields(self, request: HttpRequest, obj: Membership | None = None) -> tuple[str, ...]:
        return ("user", "team") if obj else ()

    def delete_model(self, request: HttpRequest, obj: Membership) -> None:
        grants.leave(caller_for(_user(request)), obj.team, obj.user)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Membership]) -> None:
        for membership in queryset:
            self.delete_model(request, membership)


@admin.register(Project)
class ProjectAdmin(OperatorAdmin):
    list_display = ("name", "slug", "team", "octopus_id", "created_at")
    list_filter = ("team",)
    search_fields = ("name", "slug", "octopus_id")
    list_select_related = ("team",)
    prepopulated_fields = {"slug": ("name",)}

    def get_readonly_fields(self, request: HttpRequest, obj: Project | None = None) -> tuple[str, ...]:
        return ("team", "octopus_id") if obj else ("octopus_id",)

    def get_prepopulated_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return {} if obj else self.prepopulated_fields

    def save_model(self, request: HttpRequest, obj: Project, form: Any, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
            return
        made = grants.create_project(
            caller_for(_user(request)), obj.team, obj.name, obj.slug, obj.description, obj.variables
        )
        obj.pk, obj._state.adding = made.pk, False


@admin.register(ProjectShare)
class ProjectShareAdmin(OperatorAdmin):
    list_display = ("project", "team", "role")
    list_filter = ("role", "team")
    search_fields = ("project__name", "team__name")
    list_select_related = ("project", "team")

    def get_readonly_fields(self, request: HttpRequest, obj: ProjectShare | None = None) -> tuple[str, ...]:
        return ("project", "team") if obj else ()

    def save_model(self, request: HttpRequest, obj: ProjectShare, form: Any, change: bool) -> None:
        made = grants.share(caller_for(_user(request)), obj.project, obj.team, obj.role)
        obj.pk, obj._state.adding = made.pk, False

    def delete_model(self, request: HttpRequest, obj: ProjectShare) -> None:
        grants.unshare(caller_for(_user(request)), obj.project, obj.team)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[ProjectShare]) -> None:
        for share in queryset:
            self.delete_model(request, share)


class SecretForm(ModelForm):
    """The value goes in and never comes out (SEC-21)."""

    value = forms.CharField(
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        required=False,
        help_text="Leave empty to keep the present value; it is never shown.",
    )

    class Meta:
        model = Secret
        fields = ("project", "name", "allowed_hosts")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if self.instance._state.adding and not cleaned.get("value"):
            self.add_error("value", "A new secret needs a value.")
        return cleaned


@admin.register(Secret)
class SecretAdmin(OperatorAdmin):
    form = SecretForm
    list_display = ("name", "project", "updated_at")
    list_filter = ("project",)
    search_fields = ("name", "project__name")
    list_select_related = ("project",)

    def get_readonly_fields(self, request: HttpRequest, obj: Secret | None = None) -> tuple[str, ...]:
        return ("project", "name") if obj else ()

    def save_model(self, request: HttpRequest, obj: Secret, form: Any, change: bool) -> None:
        value = form.cleaned_data.get("value")
        if value:
            made = vault.store(caller_for(_user(request)), obj.project, obj.name, value, obj.allowed_hosts)
            obj.pk, obj._state.adding = made.pk, False
        else:
            Secret.objects.filter(pk=obj.pk).update(allowed_hosts=obj.allowed_hosts)


class KeyAdmin(HistoryAdmin):
    """Keys are made where their owner sees the text once; operators list and revoke them."""

    actions = ("revoke",)

    @admin.action(description="Revoke the selected keys")
    def revoke(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for_each(request, queryset, keys.revoke, "keys revoked")


@admin.register(ApiKey)
class ApiKeyAdmin(KeyAdmin):
    list_display = ("name", "prefix", "user", "scopes", "created_at", "expires_at", "last_used_at", "revoked_at")
    list_filter = ("revoked_at", "expires_at")
    search_fields = ("name", "prefix", "user__username")
    list_select_related = ("user",)
    exclude = ("digest",)


@admin.register(RunToken)
class RunTokenAdmin(KeyAdmin):
    list_display = ("label", "prefix", "project", "created_at", "expires_at", "revoked_at")
    search_fields = ("prefix", "run", "label")
    list_filter = ("project",)
    list_select_related = ("project",)
    exclude = ("digest",)


@admin.register(AuditEntry)
class AuditEntryAdmin(HistoryAdmin):
    list_display = ("at", "actor_label", "verb", "object_type", "object_label", "project", "key_prefix")
    list_filter = ("verb", "object_type")
    search_fields = ("actor_label", "object_label", "object_id", "key_prefix")
    list_select_related = ("project",)
    date_hierarchy = "at"


@admin.register(SignInFailure)
class SignInFailureAdmin(HistoryAdmin):
    list_display = ("at", "address")
    search_fields = ("address",)
    exclude = ("account",)


@admin.register(Counter)
class CounterAdmin(HistoryAdmin):
    list_display = ("prefix", "value")


@admin.register(TeamRole)
class TeamRoleAdmin(HistoryAdmin):
    list_display = ("team", "role", "group")
    list_filter = ("role", "team")
    search_fields = ("team__name",)
    list_select_related = ("team", "group")


@admin.register(ProjectGroupObjectPermission)
class ProjectGroupPermissionAdmin(HistoryAdmin):
    """What guardian holds: which role's group has which role in which project."""

    list_display = ("content_object", "group", "permission")
    search_fields = ("content_object__name", "group__name")
    list_select_related = ("content_object", "group", "permission__content_type")


@admin.register(ProjectUserObjectPermission)
class ProjectUserPermissionAdmin(HistoryAdmin):
    list_display = ("content_object", "user", "permission")
    search_fields = ("content_object__name", "user__username")
    list_select_related = ("content_object", "user", "permission__content_type")


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user
