"""What a project listens for: a webhook on a route of its own, or one type of internal event."""

import uuid

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q

from accounts.models import KeyBase, Project, Secret, Shareable
from triggers.event_types import event_types
from triggers.signatures import schemes


class TriggerKind(models.TextChoices):
    INTERNAL = "internal", "Internal event"
    WEBHOOK = "webhook", "External webhook"


def event_type_choices() -> list[tuple[str, str]]:
    """Callable, so that a new event type needs no migration."""
    return event_types.choices()


def signature_scheme_choices() -> list[tuple[str, str]]:
    """Likewise for a new signature scheme; empty is none."""
    return schemes.choices()


class Trigger(Shareable):
    project_path = "project"
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="triggers")
    kind = models.CharField(max_length=10, choices=TriggerKind.choices)
    name = models.CharField(max_length=150)
    is_enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    event_type = models.CharField(max_length=60, blank=True, choices=event_type_choices)

    route = models.CharField(
        max_length=100,
        blank=True,
        help_text="The last part of the address: /triggers/<route>.",
        validators=[
            RegexValidator(
                r"^[A-Za-z0-9][A-Za-z0-9._~-]*\Z",
                "A route begins with a letter or digit and holds letters, digits, dot, dash, tilde or underscore only.",
            )
        ],
    )
    source = models.CharField(max_length=40, blank=True, default="", help_text="Who sends: generic, myget, github …")
    accepts_query_key = models.BooleanField(default=True, help_text="Accept the key in ?apikey= (SEC-11).")
    signature_scheme = models.CharField(max_length=20, choices=signature_scheme_choices, blank=True, default="")
    signing_secret = models.ForeignKey(
        Secret, null=True, blank=True, on_delete=models.RESTRICT, related_name="signing_triggers"
    )
    former_signing_secret = models.ForeignKey(
        Secret, null=True, blank=True, on_delete=models.RESTRICT, related_name="former_signing_triggers"
    )
    delivery_id_path = models.CharField(
        max_length=200,
        blank=True,
        help_text="Where a delivery names itself: header.X-GitHub-Delivery or payload.Identifier (SEC-33).",
    )

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["route"], condition=Q(kind="webhook"), name="webhook_route_unique"),
            models.UniqueConstraint(
                fields=["project", "event_type"], condition=Q(kind="internal"), name="one_internal_trigger_per_type"
            ),
            models.CheckConstraint(
                condition=(Q(kind="internal") & Q(route="") & ~Q(event_type=""))
                | (Q(kind="webhook") & Q(event_type="") & ~Q(route="")),
                name="trigger_kind_has_its_fields",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_external(self) -> bool:
        return self.kind == TriggerKind.WEBHOOK

    @property
    def path(self) -> str:
        """The address under this server; empty for an internal trigger."""
        return f"/triggers/{self.route}" if self.is_external else ""


class TriggerKey(KeyBase):
    """Belongs to an endpoint, not to a person; valid nowhere else (SEC-11)."""

    project_path = "trigger__project"
    trigger = models.ForeignKey(Trigger, on_delete=models.CASCADE, related_name="keys")
    name = models.CharField(max_length=100, blank=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.name or 'key'} ({self.prefix}…)"
