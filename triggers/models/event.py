"""One occurrence, immutable. The row is also the outbox: matched_at is null until reactions were decided."""

import uuid

from django.db import models
from django.db.models import Q

from accounts.models import Project
from reactions_project.exact_json import ExactJSONField
from triggers.models.catalog import Environment
from triggers.models.trigger import Trigger
from triggers.sources.base import PING

PING_REASON = "The sender only asked whether this endpoint is there: a ping is recorded and starts nothing."


class Event(models.Model):
    """Written by triggers.ledger.record only.

    A null project means that the event concerns the whole space (a machine was registered). `deployment` and
    the names inside `payload` are plain values, so that the ledger outlives what it tells of.
    """

    project_path = "project"
    uid = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    type = models.CharField(max_length=60)
    project = models.ForeignKey(Project, null=True, on_delete=models.CASCADE, related_name="events", db_index=False)
    environment = models.ForeignKey(
        Environment, null=True, on_delete=models.SET_NULL, related_name="events", db_index=False
    )
    trigger = models.ForeignKey(Trigger, null=True, on_delete=models.SET_NULL, related_name="events", db_index=False)
    source = models.CharField(max_length=60, help_text="catalog, webhook, octopus …")
    subject = models.CharField(
        max_length=200, blank=True, help_text="One line for people: Core Web 1.2.0 to Production."
    )
    deployment = models.CharField(max_length=60, blank=True, help_text="Deployments-N, where there is one.")
    actor = models.CharField(max_length=200, blank=True)
    delivery_id = models.CharField(max_length=200, null=True)
    duplicates = models.PositiveIntegerField(
        default=0, help_text="Later deliveries with the same id; they start nothing."
    )
    payload = ExactJSONField(null=True)
    query = models.JSONField(default=dict)
    headers = models.JSONField(default=dict)
    cause_run = models.UUIDField(null=True)
    root = models.UUIDField(db_index=True)
    chain = models.JSONField(default=list, help_text="Ids of the reactions that led here, oldest first (SEC-91).")
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    matched_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["trigger", "delivery_id"],
                condition=Q(delivery_id__isnull=False, trigger__isnull=False),
                name="delivery_unique_per_trigger",
            ),
            models.UniqueConstraint(
                fields=["source", "delivery_id"],
                # Events of deleted webhooks lose their trigger, and their ids were never unique among each other.
                condition=Q(delivery_id__isnull=False, trigger__isnull=True) & ~Q(source="webhook"),
                name="delivery_unique_per_source",
            ),
        ]
        indexes = [
            models.Index(fields=["id"], condition=Q(matched_at__isnull=True), name="event_unmatched"),
            models.Index(fields=["project", "-id"], name="event_by_project"),
            models.Index(fields=["recorded_at"], name="event_by_age"),
            models.Index(fields=["trigger"], condition=Q(trigger__isnull=False), name="event_by_trigger"),
            models.Index(fields=["environment"], condition=Q(environment__isnull=False), name="event_by_environment"),
            models.Index(fields=["project", "deployment"], condition=~Q(deployment=""), name="event_by_deployment"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.subject}".strip()

    @property
    def starts_nothing_because(self) -> str:
        """Why no reaction is considered for such an event; empty for all others."""
        return PING_REASON if self.source == "webhook" and self.type == PING else ""
