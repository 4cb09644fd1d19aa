"""The account settings of one third-party integration; its secret part is bound by reference."""

import uuid

from django.db import models

from accounts.models import Project, Secret


class Connection(models.Model):
    project_path = "project"
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="connections")
    integration = models.CharField(max_length=40)
    name = models.CharField(max_length=100)
    settings = models.JSONField(default=dict, blank=True)
    secret = models.ForeignKey(Secret, null=True, blank=True, on_delete=models.RESTRICT, related_name="connections")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["project", "name"], name="connection_name_unique_in_project")]

    def __str__(self) -> str:
        return self.name
