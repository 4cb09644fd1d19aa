"""The only encrypted column of the schema. Store and reveal through accounts.vault."""

import re
import uuid

from django.core.exceptions import ValidationError
from django.db import models

from accounts.models.project import Project

# A name or an IPv4 or bracketed IPv6 address.
_HOST = re.compile(r"\A([A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])\Z")


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

    def clean(self) -> None:
        hosts = self.allowed_hosts
        if not isinstance(hosts, list) or not all(isinstance(host, str) and _HOST.match(host) for host in hosts):
            raise ValidationError(
                {"allowed_hosts": "Name hosts only, such as api.example.com: no scheme, path or wildcard."}
            )
        self.allowed_hosts = [host.lower() for host in hosts]
