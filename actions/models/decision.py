"""Why a reaction did or did not fire for an event. Expires sooner than runs."""

from django.db import models

from accounts.models import Project
from actions.models.reaction import Reaction
from triggers.models import Event


class Verdict(models.TextChoices):
    FIRED = "fired", "Fired"
    FILTERED = "filtered", "Filter did not pass"
    DISABLED = "disabled", "Disabled"
    DUPLICATE = "duplicate", "Duplicate"
    LOOP = "loop", "Loop stopped"
    REFUSED = "refused", "Refused"
    ERROR = "error", "Error in filter or template"


class Decision(models.Model):
    """One row for every reaction that was considered; `reason` is one sentence, `trace` every condition."""

    project_path = "project"
    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="decisions", db_index=False)
    reaction = models.ForeignKey(
        Reaction, null=True, on_delete=models.SET_NULL, related_name="decisions", db_index=False
    )
    reaction_name = models.CharField(max_length=150)
    reaction_version = models.PositiveIntegerField()
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="decisions")
    sequence = models.PositiveIntegerField(default=1, help_text="1 when the event came in, more for each replay.")
    verdict = models.CharField(max_length=10, choices=Verdict.choices)
    reason = models.TextField()
    trace = models.JSONField(default=list)
    once_key = models.CharField(max_length=200, blank=True)
    run = models.ForeignKey("Run", null=True, on_delete=models.SET_NULL, related_name="decisions")
    at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["event", "reaction", "sequence"], name="one_decision_per_consideration")
        ]
        indexes = [
            models.Index(fields=["reaction", "-id"], name="decision_by_reaction"),
            models.Index(fields=["at"], name="decision_by_age"),
            models.Index(
                fields=["reaction", "once_key", "at"],
                condition=models.Q(verdict="fired") & ~models.Q(once_key=""),
                name="decision_by_once_key",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.reaction_name}: {self.verdict}"
