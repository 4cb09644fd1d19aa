"""A project belongs to one team for good and may be shared with others; guardian rows carry who may what."""

import uuid

from django.core.exceptions import ValidationError
from django.db import models
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase

from accounts.models.numbering import OctopusNumbered
from accounts.models.team import Role, Team
from accounts.own_variables import variables_problem


class Project(OctopusNumbered):
    octopus_prefix = "Projects"
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="projects")
    name = models.CharField(max_length=150, unique=True)
    slug = models.SlugField(max_length=150, unique=True)
    description = models.TextField(blank=True)
    variables = models.JSONField(
        default=dict, blank=True, help_text="Names and texts for templates and scripts; not for secrets."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    project_path = ""

    class Meta:
        ordering = ["name"]
        # Codenames are roles: accounts.roles says which verbs a role has on which kind of object.
        permissions = [(f"{role.value}_of_project", f"Is {role.value} of the project") for role in Role]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        if self.variables is None:
            # What a form makes of an empty field.
            self.variables = {}
        if problem := variables_problem(self.variables):
            raise ValidationError({"variables": problem})


class ProjectShare(models.Model):
    """Another team's members hold `role` at most in this project."""

    project_path = "project"
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="shares")
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="shares")
    role = models.CharField(max_length=10, choices=Role.choices)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "team"], name="one_share_per_project_and_team")]

    def __str__(self) -> str:
        return f"{self.project} shared with {self.team} as {self.role}"


class ProjectUserObjectPermission(UserObjectPermissionBase):
    content_object = models.ForeignKey(Project, on_delete=models.CASCADE)


class ProjectGroupObjectPermission(GroupObjectPermissionBase):
    content_object = models.ForeignKey(Project, on_delete=models.CASCADE)
