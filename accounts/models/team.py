"""Teams own projects; a role in a team is an auth group, so that guardian rows name groups, not people."""

import uuid
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import models, transaction

from accounts.own_variables import variables_problem


class Role(models.TextChoices):
    """Rows OW, AU, ED, VI of the matrix. They do not nest: an owner who writes scripts needs `author`."""

    OWNER = "owner", "Owner"
    AUTHOR = "author", "Author (code runs on the server)"
    EDITOR = "editor", "Editor"
    VIEWER = "viewer", "Viewer"


class TeamQuerySet(models.QuerySet["Team"]):
    @transaction.atomic
    def delete(self) -> tuple[int, dict[str, int]]:
        """With the groups, which would otherwise keep their members' rights in projects shared with the team."""
        groups = list(Group.objects.filter(team_role__team__in=self).values_list("pk", flat=True))
        deleted = super().delete()
        Group.objects.filter(pk__in=groups).delete()
        return deleted


class Team(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=100, unique=True)
    slug = models.SlugField(max_length=100, unique=True)
    allows_authors = models.BooleanField(
        default=False,
        help_text="Authors run code on this server. The first author of a team is granted by an operator (SEC-06).",
    )
    is_enabled = models.BooleanField(default=True, help_text="A disabled team fires nothing (SEC-92).")
    variables = models.JSONField(
        default=dict, blank=True, help_text="Names and texts for templates and scripts; not for secrets."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = TeamQuerySet.as_manager()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        if self.variables is None:
            # What a form makes of an empty field.
            self.variables = {}
        if problem := variables_problem(self.variables):
            raise ValidationError({"variables": problem})

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        return type(self).objects.filter(pk=self.pk).delete()


class TeamRole(models.Model):
    """One role of one team: the group whose members hold it."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="roles")
    role = models.CharField(max_length=10, choices=Role.choices)
    group = models.OneToOneField(Group, on_delete=models.PROTECT, related_name="team_role")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "role"], name="one_group_per_team_and_role")]

    def __str__(self) -> str:
        return f"{self.team} {self.role}"


class Membership(models.Model):
    """A person's one role in a team. Create and delete through accounts.grants, which keeps the group in step."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role.choices)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "user"], name="one_role_per_member")]

    def __str__(self) -> str:
        return f"{self.user} is {self.role} of {self.team}"
