"""Who did what, when, via which key (SEC-80). Append-only: no route updates or deletes."""

from django.conf import settings
from django.db import models


class AuditQuerySet(models.QuerySet["AuditEntry"]):
    def update(self, **kwargs: object) -> int:
        raise ValueError("Audit entries cannot be changed: write a new one.")

    def delete(self) -> tuple[int, dict[str, int]]:
        raise ValueError("Audit entries cannot be deleted.")


class AuditEntry(models.Model):
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="audit_entries"
    )
    actor_label = models.CharField(max_length=200)
    key_prefix = models.CharField(max_length=16, blank=True)
    verb = models.CharField(max_length=60)
    object_type = models.CharField(max_length=60)
    object_id = models.CharField(max_length=60)
    object_label = models.CharField(max_length=200)
    project = models.ForeignKey("accounts.Project", null=True, on_delete=models.SET_NULL, related_name="audit_entries")
    team = models.ForeignKey("accounts.Team", null=True, on_delete=models.SET_NULL, related_name="audit_entries")
    changes = models.JSONField(default=dict)
    at = models.DateTimeField(auto_now_add=True)

    project_path = "project"
    objects = AuditQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "audit entries"
        indexes = [models.Index(fields=["object_type", "object_id", "-at"], name="audit_by_object")]

    def __str__(self) -> str:
        return f"{self.actor_label} {self.verb} {self.object_label}"

    def save(self, *args: object, **kwargs: object) -> None:
        if self.pk:
            raise ValueError("Audit entries cannot be changed: write a new one.")
        super().save(*args, **kwargs)  # type: ignore[arg-type]

    def delete(self, *args: object, **kwargs: object) -> tuple[int, dict[str, int]]:
        raise ValueError("Audit entries cannot be deleted.")
