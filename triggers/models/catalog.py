"""The catalogue: projects' releases, deployments and processes, and the space's environments and machines.

Rows are made and changed by triggers.catalog, which records the event in the same transaction.
"""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from accounts.models import Project
from accounts.models.numbering import OctopusNumbered


class Environment(OctopusNumbered):
    """Shared by all projects, as in Octopus."""

    octopus_prefix = "Environments"
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=100, unique=True)
    slug = models.SlugField(max_length=100, unique=True)
    sort_order = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["sort_order", "name"]

    def __str__(self) -> str:
        return self.name


class Release(OctopusNumbered):
    octopus_prefix = "Releases"
    project_path = "project"
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="releases")
    version = models.CharField(max_length=100)
    notes = models.TextField(blank=True)
    created_by = models.CharField(max_length=200, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [models.UniqueConstraint(fields=["project", "version"], name="release_version_unique_in_project")]

    def __str__(self) -> str:
        return f"{self.project} {self.version}"


class DeploymentState(models.TextChoices):
    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    SUCCEEDED = "succeeded", "Succeeded"
    FAILED = "failed", "Failed"
    CANCELED = "canceled", "Canceled"


class Deployment(OctopusNumbered):
    """Its allowed moves are triggers.catalog.deployments.TRANSITIONS."""

    octopus_prefix = "Deployments"
    project_path = "release__project"
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    release = models.ForeignKey(Release, on_delete=models.CASCADE, related_name="deployments")
    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="deployments")
    state = models.CharField(
        max_length=10, choices=DeploymentState.choices, default=DeploymentState.QUEUED, editable=False
    )
    comments = models.TextField(blank=True)
    error = models.TextField(blank=True, editable=False)
    created_by = models.CharField(max_length=200, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, editable=False)
    finished_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=DeploymentState.values), name="deployment_state_known")
        ]
        indexes = [models.Index(fields=["environment", "state", "-created_at"], name="deployment_by_environment")]

    def __str__(self) -> str:
        return f"{self.release} to {self.environment}"


class Machine(OctopusNumbered):
    """A registered Tentacle or other deployment target."""

    octopus_prefix = "Machines"
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=150, unique=True)
    environments = models.ManyToManyField(Environment, related_name="machines", blank=True)
    roles = models.JSONField(default=list, blank=True)
    thumbprint = models.CharField(max_length=100, blank=True)
    uri = models.CharField(max_length=300, blank=True)
    health = models.CharField(
        max_length=12,
        default="Unknown",
        choices=[(s, s) for s in ("Healthy", "Unavailable", "Unknown", "HasWarnings", "Unhealthy")],
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["thumbprint"], condition=~Q(thumbprint=""), name="machine_thumbprint_unique_if_set"
            )
        ]

    def __str__(self) -> str:
        return self.name


class DeploymentProcess(models.Model):
    """The steps of a project; every change takes the next version and records DeploymentProcessUpdated."""

    project_path = "project"
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.OneToOneField(Project, on_delete=models.CASCADE, related_name="deployment_process")
    version = models.PositiveIntegerField(default=1, editable=False)
    steps = models.JSONField(default=list, blank=True)
    updated_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+", editable=False
    )
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = "deployment processes"

    def __str__(self) -> str:
        return f"process of {self.project}"

    @property
    def octopus_id(self) -> str:
        return f"deploymentprocess-{self.project.octopus_id}"
