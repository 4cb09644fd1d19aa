"""What the engine shares between hosts: breaker state per target, and who is alive."""

from django.db import models


class TargetState(models.Model):
    target_key = models.CharField(max_length=300, primary_key=True)
    consecutive_failures = models.PositiveIntegerField(default=0)
    open_until = models.DateTimeField(null=True)
    last_reason = models.TextField(blank=True)
    updated_at = models.DateTimeField()

    class Meta:
        ordering = ["target_key"]

    def __str__(self) -> str:
        return self.target_key


class Heartbeat(models.Model):
    """One row per executing process, renewed every few seconds."""

    host = models.CharField(max_length=100)
    pid = models.PositiveIntegerField()
    cluster = models.CharField(max_length=20)
    started_at = models.DateTimeField()
    beat_at = models.DateTimeField()
    in_flight = models.PositiveIntegerField(default=0)
    claimed_total = models.PositiveBigIntegerField(default=0)
    version = models.CharField(max_length=20, blank=True)
    facts = models.JSONField(default=dict, help_text="What this worker can do: interpreters, sandbox.")

    class Meta:
        ordering = ["host", "cluster", "pid"]
        constraints = [models.UniqueConstraint(fields=["host", "pid", "cluster"], name="one_heartbeat_per_process")]

    def __str__(self) -> str:
        return f"{self.cluster} on {self.host} ({self.pid})"
