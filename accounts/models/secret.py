"""The only encrypted column of the schema. Store and reveal through accounts.vault."""

import uuid

from django.db import models

from accounts.models.project import Project


class Secret(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="secrets")
    name = models.CharField(max_length=100)
    ciphertext = models.TextField(editable=False)
    allowed_hosts = models.JSONField(default=list, blank=True, help_text="Hosts this value may be sent to (SEC-23).")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    project_path = "project"

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["project", "name"], name="secret_name_unique_in_project")]

    def __str__(self) -> str:
        return self.name
