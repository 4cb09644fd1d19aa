"""One reaction to one event: the row is queue, state and history. actions.execution is the only writer of status."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from accounts.models import Project, Team
from actions.models.action import ActionVersion
from actions.models.pause import Pause
from actions.models.reaction import Reaction
from triggers.models import Event


class RunStatus(models.TextChoices):
    QUEUED = "queued", "Queued"
    HELD = "held", "Held"
    RUNNING = "running", "Running"
    SUCCEEDED = "succeeded", "Succeeded"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"
    INTERRUPTED = "interrupted", "Interrupted"


# From each state, where a run may go; terminal states never change.
TRANSITIONS: dict[str, frozenset[str]] = {
    RunStatus.QUEUED: frozenset({RunStatus.RUNNING, RunStatus.HELD, RunStatus.CANCELLED, RunStatus.FAILED}),
    RunStatus.HELD: frozenset({RunStatus.QUEUED, RunStatus.CANCELLED}),
    RunStatus.RUNNING: frozenset(
        {
            RunStatus.QUEUED,
            RunStatus.HELD,
            RunStatus.SUCCEEDED,
            RunStatus.FAILED,
            RunStatus.CANCELLED,
            RunStatus.INTERRUPTED,
        }
    ),
    RunStatus.SUCCEEDED: frozenset(),
    RunStatus.FAILED: frozenset(),
    RunStatus.CANCELLED: frozenset(),
    RunStatus.INTERRUPTED: frozenset(),
}
TERMINAL = frozenset(status for status, after in TRANSITIONS.items() if not after)


class Run(models.Model):
    """`target_key` is the host:port that an HTTP run will talk to, or `script:`; caps and circuits go by it."""

    project_path = "project"
    uid = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="runs", db_index=False)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="runs")
    event = models.ForeignKey(Event, on_delete=models.RESTRICT, related_name="runs", db_index=False)
    reaction = models.ForeignKey(Reaction, null=True, on_delete=models.SET_NULL, related_name="runs", db_index=False)
    reaction_name = models.CharField(max_length=150)
    reaction_version = models.PositiveIntegerField()
    action_version = models.ForeignKey(ActionVersion, on_delete=models.RESTRICT, related_name="runs")
    sequence = models.PositiveIntegerField(default=1)
    executor = models.CharField(max_length=10, choices=[("http", "HTTP"), ("script", "Script")])
    target_key = models.CharField(max_length=300, blank=True)

    status = models.CharField(max_length=12, choices=RunStatus.choices, default=RunStatus.QUEUED)
    due_at = models.DateTimeField()
    lease_until = models.DateTimeField(null=True)
    lease_token = models.CharField(max_length=40, blank=True)
    attempt_count = models.PositiveIntegerField(default=0)
    max_attempts = models.PositiveIntegerField(default=1)
    is_repeatable = models.BooleanField(default=False)
    held_by = models.ForeignKey(
        Pause, null=True, blank=True, on_delete=models.SET_NULL, related_name="held_runs", db_index=False
    )
    dismissed_at = models.DateTimeField(null=True, help_text="When somebody took it off the list of dead letters.")
    cancel_requested_at = models.DateTimeField(null=True)

    outcome = models.CharField(max_length=30, blank=True, help_text="A short cause: http_404, exit_2, timeout …")
    reason = models.TextField(blank=True, help_text="One sentence for people.")
    outputs = models.JSONField(default=dict, help_text="Values a script set or a response gave, secrets masked.")
    progress = models.PositiveIntegerField(null=True)
    was_sandboxed = models.BooleanField(null=True, help_text="Of a script: whether it ran in the sandbox (SEC-51).")
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    replay_of = models.ForeignKey("self", null=True, on_delete=models.SET_NULL, related_name="replays", db_index=False)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["reaction", "event", "sequence"], name="one_run_per_consideration"),
            models.CheckConstraint(condition=Q(status__in=RunStatus.values), name="run_status_known"),
        ]
        indexes = [
            models.Index(fields=["executor", "team", "due_at", "id"], condition=Q(status="queued"), name="run_queued"),
            models.Index(fields=["held_by", "id"], condition=Q(status="held"), name="run_held"),
            models.Index(
                fields=["project", "outcome"],
                condition=Q(status__in=("failed", "interrupted"), dismissed_at__isnull=True),
                name="run_dead_letter",
            ),
            models.Index(fields=["lease_until"], condition=Q(status="running"), name="run_leased"),
            models.Index(fields=["project", "-id"], name="run_by_project"),
            models.Index(fields=["event", "id"], name="run_by_event"),
            models.Index(fields=["finished_at"], name="run_by_age"),
            # Foreign keys have no index of their own where another one begins with them, and one of the few rows that
            # have a value where most have none: each index costs every run twice.
            models.Index(fields=["held_by"], condition=Q(held_by__isnull=False), name="run_by_pause"),
            models.Index(fields=["replay_of"], condition=Q(replay_of__isnull=False), name="run_by_former"),
            models.Index(fields=["requested_by"], condition=Q(requested_by__isnull=False), name="run_by_person"),
        ]

    def __str__(self) -> str:
        return f"run {self.pk} of {self.reaction_name}"

    @property
    def is_finished(self) -> bool:
        return self.status in TERMINAL


class Attempt(models.Model):
    """One try of a run. Requests and answers are stored with secrets masked."""

    project_path = "run__project"
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="attempts", db_index=False)
    number = models.PositiveIntegerField()
    worker = models.CharField(max_length=100, blank=True, help_text="host:pid")
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=30, blank=True)
    reason = models.TextField(blank=True)
    exit_code = models.IntegerField(null=True)
    http_status = models.PositiveIntegerField(null=True)
    request = models.JSONField(null=True)
    response = models.JSONField(null=True)
    timings = models.JSONField(default=dict)

    class Meta:
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["run", "number"], name="attempt_number_unique")]

    def __str__(self) -> str:
        return f"attempt {self.number} of run {self.run_id}"


class LogChunk(models.Model):
    """A few lines of one stream and level, masked; `sequence` is the cursor of a log's reader."""

    project_path = "attempt__run__project"
    attempt = models.ForeignKey(Attempt, on_delete=models.CASCADE, related_name="log", db_index=False)
    sequence = models.PositiveIntegerField()
    stream = models.CharField(max_length=6, choices=[("stdout", "stdout"), ("stderr", "stderr"), ("system", "system")])
    level = models.CharField(max_length=10, default="info")
    text = models.TextField()
    at = models.DateTimeField()

    class Meta:
        ordering = ["attempt", "sequence"]
        constraints = [models.UniqueConstraint(fields=["attempt", "sequence"], name="log_sequence_unique")]

    def __str__(self) -> str:
        return self.text[:80]
