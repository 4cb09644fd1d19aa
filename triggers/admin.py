"""Operators' view of triggers, events and the catalogue."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts import keys
from accounts.callers import caller_for, caller_of
from reactions_project.operators import HistoryAdmin, OperatorAdmin, ProcessForm, for_each
from triggers.definitions import save_trigger
from triggers.models import Deployment, DeploymentProcess, Environment, Event, Machine, Release, Trigger, TriggerKey


class TriggerForm(ProcessForm):
    class Meta:
        model = Trigger
        fields = (
            "project",
            "kind",
            "name",
            "is_enabled",
            "event_type",
            "route",
            "source",
            "accepts_query_key",
            "signature_scheme",
            "signing_secret",
            "former_signing_secret",
            "delivery_id_path",
        )

    def perform(self, instance: Trigger) -> None:
        save_trigger(caller_for(self.user), instance)


@admin.register(Trigger)
class TriggerAdmin(OperatorAdmin):
    form = TriggerForm
    list_display = ("name", "kind", "listens_for", "project", "is_enabled", "created_at")
    list_filter = ("kind", "is_enabled", "event_type", "project")
    search_fields = ("name", "route", "event_type", "project__name")
    list_select_related = ("project",)
    raw_id_fields = ("signing_secret", "former_signing_secret")
    actions = ("enable", "disable")

    @admin.display(description="Listens for")
    def listens_for(self, trigger: Trigger) -> str:
        return trigger.path or trigger.event_type

    def get_readonly_fields(self, request: HttpRequest, obj: Trigger | None = None) -> tuple[str, ...]:
        return ("project", "kind") if obj else ()

    @admin.action(description="Enable the selected triggers")
    def enable(self, request: HttpRequest, queryset: QuerySet[Trigger]) -> None:
        self._switch(request, queryset, on=True)

    @admin.action(description="Disable the selected triggers")
    def disable(self, request: HttpRequest, queryset: QuerySet[Trigger]) -> None:
        self._switch(request, queryset, on=False)

    def _switch(self, request: HttpRequest, queryset: QuerySet[Trigger], *, on: bool) -> None:
        caller = caller_of(request)

        def switch(trigger: Trigger) -> None:
            trigger.is_enabled = on
            save_trigger(caller, trigger)

        for_each(request, queryset, switch, f"triggers {'enabled' if on else 'disabled'}")


@admin.register(TriggerKey)
class TriggerKeyAdmin(HistoryAdmin):
    list_display = ("prefix", "name", "trigger", "created_at", "expires_at", "last_used_at", "revoked_at")
    list_filter = ("revoked_at",)
    search_fields = ("prefix", "name", "trigger__name", "trigger__route")
    list_select_related = ("trigger",)
    exclude = ("digest",)
    actions = ("revoke",)

    @admin.action(description="Revoke the selected keys")
    def revoke(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for_each(request, queryset, keys.revoke, "keys revoked")


@admin.register(Event)
class EventAdmin(HistoryAdmin):
    list_display = ("id", "type", "subject", "project", "trigger", "duplicates", "recorded_at", "matched_at")
    list_filter = ("type", "source", "project", ("matched_at", admin.EmptyFieldListFilter))
    search_fields = ("uid", "subject", "delivery_id", "deployment", "actor")
    list_select_related = ("project", "trigger")
    date_hierarchy = "recorded_at"


@admin.register(Environment)
class EnvironmentAdmin(OperatorAdmin):
    list_display = ("name", "slug", "sort_order", "octopus_id")
    search_fields = ("name", "slug", "octopus_id")
    readonly_fields = ("octopus_id",)


@admin.register(Release)
class ReleaseAdmin(HistoryAdmin):
    list_display = ("version", "project", "octopus_id", "created_by", "created_at")
    list_filter = ("project",)
    search_fields = ("version", "project__name", "octopus_id")
    list_select_related = ("project",)


@admin.register(Deployment)
class DeploymentAdmin(HistoryAdmin):
    list_display = ("octopus_id", "release", "environment", "state", "created_by", "created_at", "finished_at")
    list_filter = ("state", "environment")
    search_fields = ("octopus_id", "release__version", "release__project__name")
    list_select_related = ("release__project", "environment")


@admin.register(Machine)
class MachineAdmin(HistoryAdmin):
    list_display = ("name", "octopus_id", "health", "thumbprint", "created_at")
    list_filter = ("health", "environments")
    search_fields = ("name", "octopus_id", "thumbprint")


@admin.register(DeploymentProcess)
class DeploymentProcessAdmin(HistoryAdmin):
    list_display = ("project", "version", "updated_by", "updated_at")
    search_fields = ("project__name",)
    list_select_related = ("project", "updated_by")
