"""When a trigger happens, only if the filter passes, then the action runs (RFC, "What this might look like")."""

import uuid
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models

from accounts.models import Project, Shareable
from actions.models.action import Action
from triggers.models import Trigger

NO_PASSTHROUGH = (
    "An external webhook cannot start an outgoing HTTP request, since Reactions is not a broker: "
    "run a script, or listen for an internal event instead."
)


def refuse_passthrough(action: Action, triggers: Iterable[Trigger]) -> None:
    """Raise ValidationError for a webhook joined to a kind that sends HTTP (RFC, "External Events and Outgoing HTTP
    Actions"; SEC-35). Called when saved, when decided, when run and when replayed."""
    if action.sends_http and any(trigger.is_external for trigger in triggers):
        raise ValidationError({"action": ValidationError(NO_PASSTHROUGH, code="passthrough")})


class Reaction(Shareable):
    """Change through actions.definitions.save_reaction, which checks rights, links and conditions."""

    project_path = "project"
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="reactions")
    name = models.CharField(max_length=150)
    description = models.TextField(blank=True)
    triggers = models.ManyToManyField(Trigger, through="ReactionTrigger", related_name="reactions")
    action = models.ForeignKey(Action, on_delete=models.RESTRICT, related_name="reactions")
    conditions = models.JSONField(default=list, blank=True)
    once_per = models.CharField(
        max_length=200,
        blank=True,
        help_text="Fire once per value of this field, such as machine.name or payload.Identifier.",
    )
    once_seconds = models.PositiveIntegerField(default=60, help_text="How long a value counts as the same.")
    is_enabled = models.BooleanField(default=True)
    version = models.PositiveIntegerField(default=1, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+", editable=False
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["project", "name"], name="reaction_name_unique_in_project")]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        if self.action_id and self.project_id and self.action.project_id != self.project_id:
            raise ValidationError({"action": "The action belongs to another project: pick one of this project."})
        if self.action_id and not self._state.adding:
            refuse_passthrough(self.action, self.triggers.all())

    def save(self, *args: Any, **kwargs: Any) -> None:
        # Not only in clean(): code that sets another action and saves must meet the refusal too.
        if not self._state.adding and self.action_id:
            refuse_passthrough(self.action, self.triggers.all())
        super().save(*args, **kwargs)


class ReactionTriggerQuerySet(models.QuerySet["ReactionTrigger"]):
    def bulk_create(self, objs: Iterable["ReactionTrigger"], *args: Any, **kwargs: Any) -> list["ReactionTrigger"]:
        """`reaction.triggers.add()` and `.set()` end here, so they are refused like any other way in."""
        rows = list(objs)
        for row in rows:
            row.clean()
        return super().bulk_create(rows, *args, **kwargs)


class ReactionTrigger(models.Model):
    reaction = models.ForeignKey(Reaction, on_delete=models.CASCADE, related_name="links")
    trigger = models.ForeignKey(Trigger, on_delete=models.CASCADE, related_name="links")

    objects = ReactionTriggerQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["reaction", "trigger"], name="trigger_once_per_reaction")]

    def __str__(self) -> str:
        return f"{self.trigger} starts {self.reaction}"

    def clean(self) -> None:
        if self.trigger.project_id != self.reaction.project_id:
            raise ValidationError({"triggers": "The trigger belongs to another project: pick one of this project."})
        refuse_passthrough(self.reaction.action, [self.trigger])

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.clean()
        super().save(*args, **kwargs)
