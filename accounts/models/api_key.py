"""Keys are 256 random bits, stored as prefix and keyed digest, shown once (SEC-10)."""

import uuid
from datetime import datetime

from django.conf import settings
from django.db import models


class KeyBase(models.Model):
    """What every kind of key has. Issue, look up and revoke through accounts.keys."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    prefix = models.CharField(max_length=16, unique=True, editable=False)
    digest = models.CharField(max_length=64, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        abstract = True

    def is_valid(self, now: datetime) -> bool:
        """Neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > now)


class ApiKey(KeyBase):
    """A person's key for the management API; never worth more than its holder (SEC-12)."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=100)
    scopes = models.JSONField(default=list, help_text="Any of read, write, run.")

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"


class RunToken(KeyBase):
    """The key of one run's API client: limited to the run's project, dead when the run ends (SEC-53).

    The run is named by plain values, since runs live in a layer above; they make events that the script
    causes carry their chain (SEC-91).
    """

    project = models.ForeignKey("accounts.Project", on_delete=models.CASCADE, related_name="run_tokens")
    run = models.UUIDField(db_index=True)
    label = models.CharField(max_length=200)
    root = models.UUIDField()
    chain = models.JSONField(default=list)

    def __str__(self) -> str:
        return f"run {self.run}"
