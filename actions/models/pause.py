"""A halt that somebody ordered: for one reaction, for a team, or for everything. Change through actions.pausing."""

import uuid

from django.db import models
from django.db.models import Q

from accounts.models import Team
from actions.models.reaction import Reaction


class Pause(models.Model):
    """Without reaction and team it is for everything. It stays as history once it is over; `skip_before` and
    `per_second` say how its runs are let go."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    reaction = models.ForeignKey(Reaction, null=True, blank=True, on_delete=models.CASCADE, related_name="pauses")
    team = models.ForeignKey(Team, null=True, blank=True, on_delete=models.CASCADE, related_name="pauses")
    reason = models.CharField(max_length=300)
    paused_by = models.CharField(max_length=200)
    paused_at = models.DateTimeField()
    resumed_by = models.CharField(max_length=200, blank=True)
    resumed_at = models.DateTimeField(null=True, blank=True)
    skip_before = models.DateTimeField(null=True, blank=True)
    per_second = models.PositiveIntegerField(null=True, blank=True)
    released = models.PositiveIntegerField(default=0, help_text="How many of its runs were let go.")

    class Meta:
        ordering = ["-paused_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(reaction__isnull=True) | Q(team__isnull=True), name="pause_is_of_one_scope"
            ),
            models.UniqueConstraint(
                fields=["reaction"],
                condition=Q(resumed_at__isnull=True, reaction__isnull=False),
                name="one_pause_per_reaction",
            ),
            models.UniqueConstraint(
                # Empty for all that are in force.
                fields=["resumed_by"],
                condition=Q(resumed_at__isnull=True, reaction__isnull=True, team__isnull=True),
                name="one_pause_of_everything",
            ),
            models.UniqueConstraint(
                fields=["team"], condition=Q(resumed_at__isnull=True, team__isnull=False), name="one_pause_per_team"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.scope}: {self.reason}"

    @property
    def scope(self) -> str:
        """What is paused, for people."""
        if self.reaction is not None:
            return f"reaction {self.reaction.name}"
        return f"team {self.team.name}" if self.team is not None else "everything"

    @property
    def is_over(self) -> bool:
        return self.resumed_at is not None

    @property
    def sentence(self) -> str:
        """Why a run does not start."""
        return f"Held: {self.paused_by} paused {self.scope}. Reason: {self.reason}"
