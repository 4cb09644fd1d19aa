"""What to do: a kind and its configuration. Every change of it is kept as a version, and runs name theirs."""

import uuid

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from accounts.models import Project, Secret, Shareable
from actions.kinds.base import ConfigError
from actions.kinds.registry import kinds
from actions.models.connection import Connection
from actions.retry import schedule_problem


def kind_choices() -> list[tuple[str, str]]:
    """Callable, so that a new kind needs no migration."""
    return kinds.choices()


class Action(Shareable):
    """Change through actions.definitions.save_action, which checks rights and writes the version."""

    project_path = "project"
    # Which rows of the permission matrix an action falls under, by kind.
    permission_kinds = {"script_action": Q(kind="script"), "http_action": ~Q(kind="script")}

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="actions")
    name = models.CharField(max_length=150)
    kind = models.CharField(max_length=20, choices=kind_choices)
    config = models.JSONField(default=dict)
    connection = models.ForeignKey(Connection, null=True, blank=True, on_delete=models.RESTRICT, related_name="actions")
    is_enabled = models.BooleanField(default=True)
    timeout_seconds = models.PositiveIntegerField(
        default=30, validators=[MinValueValidator(1), MaxValueValidator(3600)]
    )
    max_attempts = models.PositiveIntegerField(default=8, validators=[MinValueValidator(1), MaxValueValidator(20)])
    retry_waits = models.JSONField(
        default=list, blank=True, help_text="Seconds before the second, third … try; empty: eight tries in about a day."
    )
    is_repeatable = models.BooleanField(
        default=False, help_text="Safe to run again when a worker died in the middle of it (SEC-93)."
    )
    version = models.PositiveIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["project", "name"], name="action_name_unique_in_project")]

    def __str__(self) -> str:
        return self.name

    @property
    def sends_http(self) -> bool:
        """Whether running it sends an outgoing request, which an external webhook must never start (SEC-35)."""
        return kinds.get(self.kind).sends_http

    @property
    def permission_kind(self) -> str:
        return "script_action" if self.kind == "script" else "http_action"

    def clean(self) -> None:
        if self.pk and not self._state.adding:
            stored = Action.objects.filter(pk=self.pk).values_list("kind", flat=True).first()
            if stored and stored != self.kind:
                raise ValidationError({"kind": "The kind of an action cannot change: make a new action."})
        if not isinstance(self.config, dict):
            raise ValidationError({"config": "Give the settings as an object of names and values."})
        if self.kind in kinds:
            try:
                kinds.get(self.kind).validate(self.config)
            except ConfigError as error:
                raise ValidationError({"config": [f"{name}: {text}" for name, text in error.errors.items()]}) from error
        if self.retry_waits is None:
            # What a form makes of an empty field.
            self.retry_waits = []
        if problem := schedule_problem(self.retry_waits):
            raise ValidationError({"retry_waits": problem})
        if self.connection and self.connection.project_id != self.project_id:
            raise ValidationError(
                {"connection": "The connection belongs to another project: pick one of this project."}
            )


class ActionVersion(models.Model):
    """What an action was when runs of that version were made; never changed."""

    project_path = "action__project"
    permission_kinds = Action.permission_kinds
    action = models.ForeignKey(Action, on_delete=models.CASCADE, related_name="versions")
    version = models.PositiveIntegerField()
    kind = models.CharField(max_length=20)
    config = models.JSONField()
    timeout_seconds = models.PositiveIntegerField()
    max_attempts = models.PositiveIntegerField()
    retry_waits = models.JSONField(default=list)
    is_repeatable = models.BooleanField()
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        ordering = ["-version"]
        constraints = [models.UniqueConstraint(fields=["action", "version"], name="action_version_unique")]

    def __str__(self) -> str:
        return f"{self.action} v{self.version}"


class ActionSecret(models.Model):
    """A secret that an action may use, under a variable name."""

    project_path = "action__project"
    action = models.ForeignKey(Action, on_delete=models.CASCADE, related_name="bindings")
    secret = models.ForeignKey(Secret, on_delete=models.RESTRICT, related_name="bindings")
    variable = models.CharField(max_length=100)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["action", "variable"], name="one_secret_per_variable")]

    def __str__(self) -> str:
        return f"{self.variable} = {self.secret}"
