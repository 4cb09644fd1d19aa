"""Operators' view of reactions, actions and the run history."""

import contextlib
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.exceptions import NotRegistered
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django_q import models as queue_models

from accounts.callers import caller_for
from accounts.models import User
from actions import execution, pausing
from actions.definitions import save_action, save_reaction
from actions.models import (
    Action,
    ActionSecret,
    ActionVersion,
    Attempt,
    Connection,
    Decision,
    Heartbeat,
    LogChunk,
    Pause,
    Reaction,
    ReactionTrigger,
    Run,
    TargetState,
)
from reactions_project.operators import HistoryAdmin, HistoryInline, OperatorAdmin, ProcessForm, for_each
from triggers.models import Trigger

# The queue holds wake-ups, never work, and a schedule is code to run: neither is edited here (SEC-08).
for model in (queue_models.Schedule, queue_models.Success, queue_models.Failure, queue_models.OrmQ):
    with contextlib.suppress(NotRegistered):
        admin.site.unregister(model)


class ActionForm(ProcessForm):
    class Meta:
        model = Action
        fields = (
            "project",
            "name",
            "kind",
            "config",
            "connection",
            "is_enabled",
            "timeout_seconds",
            "max_attempts",
            "retry_waits",
            "is_repeatable",
        )

    def perform(self, instance: Action) -> None:
        save_action(caller_for(self.user), instance)


@admin.register(Action)
class ActionAdmin(OperatorAdmin):
    form = ActionForm
    list_display = ("name", "kind", "project", "version", "is_enabled", "updated_at")
    list_filter = ("kind", "is_enabled", "project")
    search_fields = ("name", "project__name")
    list_select_related = ("project",)
    raw_id_fields = ("connection",)

    def get_readonly_fields(self, request: HttpRequest, obj: Action | None = None) -> tuple[str, ...]:
        return ("project", "kind") if obj else ()


class ReactionForm(ProcessForm):
    triggers = forms.ModelMultipleChoiceField(Trigger.objects.all())

    class Meta:
        model = Reaction
        fields = (
            "project",
            "name",
            "description",
            "conditions",
            "action",
            "once_per",
            "once_seconds",
            "is_enabled",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.instance._state.adding:
            self.fields["triggers"].initial = list(self.instance.triggers.all())

    def perform(self, instance: Reaction) -> None:
        save_reaction(caller_for(self.user), instance, self.cleaned_data["triggers"])


@admin.register(Reaction)
class ReactionAdmin(OperatorAdmin):
    form = ReactionForm
    list_display = ("name", "project", "action", "version", "is_enabled", "updated_at")
    list_filter = ("is_enabled", "project", "action__kind")
    search_fields = ("name", "project__name", "action__name")
    list_select_related = ("project", "action")
    raw_id_fields = ("action",)
    actions = ("enable", "disable")

    def get_readonly_fields(self, request: HttpRequest, obj: Reaction | None = None) -> tuple[str, ...]:
        return ("project",) if obj else ()

    @admin.action(description="Enable the selected reactions")
    def enable(self, request: HttpRequest, queryset: QuerySet[Reaction]) -> None:
        self._switch(request, queryset, True)

    @admin.action(description="Disable the selected reactions")
    def disable(self, request: HttpRequest, queryset: QuerySet[Reaction]) -> None:
        self._switch(request, queryset, False)

    def _switch(self, request: HttpRequest, queryset: QuerySet[Reaction], on: bool) -> None:
        def switch(reaction: Reaction) -> None:
            reaction.is_enabled = on
            save_reaction(caller_for(_user(request)), reaction)

        for_each(request, queryset, switch, "reactions enabled" if on else "reactions disabled")


class AttemptInline(HistoryInline):
    model = Attempt
    fields = ("number", "outcome", "reason", "http_status", "exit_code", "started_at", "finished_at", "worker")


class LogInline(HistoryInline):
    model = LogChunk
    fields = ("sequence", "at", "stream", "level", "text")
    show_change_link = False


@admin.register(Run)
class RunAdmin(HistoryAdmin):
    list_display = ("id", "reaction_name", "status", "outcome", "project", "event", "attempt_count", "created_at")
    list_filter = ("status", "executor", "outcome", "project")
    search_fields = ("uid", "reaction_name", "outcome", "reason", "target_key")
    list_select_related = ("project", "event")
    date_hierarchy = "created_at"
    inlines = (AttemptInline,)
    actions = ("retry", "cancel", "replay")

    @admin.action(description="Retry the selected runs with the version they had")
    def retry(self, request: HttpRequest, queryset: QuerySet[Run]) -> None:
        caller = caller_for(_user(request))
        for_each(request, queryset, lambda run: execution.retry(caller, run), "runs queued again")

    @admin.action(description="Cancel the selected runs")
    def cancel(self, request: HttpRequest, queryset: QuerySet[Run]) -> None:
        caller = caller_for(_user(request))
        for_each(request, queryset, lambda run: execution.cancel(caller, run), "runs cancelled")

    @admin.action(description="Replay the selected runs with the present version")
    def replay(self, request: HttpRequest, queryset: QuerySet[Run]) -> None:
        caller = caller_for(_user(request))
        for_each(request, queryset, lambda run: execution.replay(caller, run, version="current"), "runs replayed")


class PauseForm(ProcessForm):
    class Meta:
        model = Pause
        fields = ("reaction", "team", "reason")

    def perform(self, instance: Pause) -> None:
        made = pausing.pause(
            caller_for(self.user), reason=instance.reason, reaction=instance.reaction, team=instance.team
        )
        instance.pk, instance._state.adding = made.pk, False


@admin.register(Pause)
class PauseAdmin(HistoryAdmin):
    """Without reaction and team a pause is for everything."""

    form = PauseForm
    list_display = ("scope", "reason", "paused_by", "paused_at", "resumed_by", "resumed_at", "released")
    list_filter = ("resumed_at",)
    search_fields = ("reason", "reaction__name", "team__name")
    list_select_related = ("reaction", "team")
    autocomplete_fields = ("reaction", "team")
    actions = ("resume",)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return [*super().get_fields(request, obj), *(["resuming"] if obj else [])]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return [*super().get_readonly_fields(request, obj), "resuming"]

    @admin.display(description="Resuming lets go")
    def resuming(self, pause: Pause) -> str:
        held = pausing.held_by(pause)
        oldest = f", the oldest of {held.oldest:%Y-%m-%d %H:%M} UTC" if held.oldest else ""
        kept = f"; another pause goes on to hold {held.kept}" if held.kept else ""
        return f"{held.count} runs{oldest}{kept}."

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.has_view_permission(request)

    @admin.action(description="Resume the selected pauses")
    def resume(self, request: HttpRequest, queryset: QuerySet[Pause]) -> None:
        caller = caller_for(_user(request))
        for_each(request, queryset, lambda pause: pausing.resume(caller, pause), "pauses ended")


@admin.register(Attempt)
class AttemptAdmin(HistoryAdmin):
    list_display = ("run", "number", "outcome", "http_status", "exit_code", "started_at", "finished_at", "worker")
    list_filter = ("outcome", "http_status")
    search_fields = ("run__uid", "run__reaction_name", "reason")
    list_select_related = ("run",)
    inlines = (LogInline,)


@admin.register(LogChunk)
class LogChunkAdmin(HistoryAdmin):
    list_display = ("attempt", "sequence", "at", "stream", "level", "text")
    list_filter = ("stream", "level")
    search_fields = ("attempt__run__uid", "text")
    list_select_related = ("attempt",)


@admin.register(Decision)
class DecisionAdmin(HistoryAdmin):
    list_display = ("id", "reaction_name", "verdict", "reason", "event", "run", "at")
    list_filter = ("verdict", "project")
    search_fields = ("reaction_name", "reason", "event__uid")
    list_select_related = ("event", "run")
    date_hierarchy = "at"


@admin.register(Connection)
class ConnectionAdmin(OperatorAdmin):
    list_display = ("name", "integration", "project", "created_at")
    list_filter = ("integration", "project")
    search_fields = ("name", "project__name")
    list_select_related = ("project",)
    raw_id_fields = ("secret",)


@admin.register(ActionVersion)
class ActionVersionAdmin(HistoryAdmin):
    list_display = ("action", "version", "kind", "created_by", "created_at")
    list_filter = ("kind",)
    search_fields = ("action__name",)
    list_select_related = ("action", "created_by")


@admin.register(ActionSecret)
class ActionSecretAdmin(HistoryAdmin):
    list_display = ("action", "variable", "secret")
    search_fields = ("action__name", "variable", "secret__name")
    list_select_related = ("action", "secret")


@admin.register(ReactionTrigger)
class ReactionTriggerAdmin(HistoryAdmin):
    list_display = ("reaction", "trigger")
    search_fields = ("reaction__name", "trigger__name")
    list_select_related = ("reaction", "trigger")


@admin.register(TargetState)
class TargetStateAdmin(HistoryAdmin):
    list_display = ("target_key", "consecutive_failures", "open_until", "last_reason", "updated_at")
    search_fields = ("target_key",)


@admin.register(Heartbeat)
class HeartbeatAdmin(HistoryAdmin):
    list_display = ("host", "cluster", "pid", "beat_at", "in_flight", "claimed_total", "version")
    list_filter = ("cluster", "host")


def _user(request: HttpRequest) -> User:
    if not isinstance(request.user, User):
        raise PermissionDenied("Sign in as an operator first.")
    return request.user
