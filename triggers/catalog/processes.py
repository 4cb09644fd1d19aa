"""Deployment processes: every change is the next version and an event."""

from typing import Any

from django.db import transaction

from accounts.callers import Caller
from accounts.models import Project
from accounts.permissions import require_in
from accounts.roles import Verb
from triggers.catalog import snapshots
from triggers.ledger import EventData, cause_of, record
from triggers.models import DeploymentProcess


@transaction.atomic
def update_process(
    caller: Caller, project: Project, steps: list[dict[str, Any]], message: str = ""
) -> DeploymentProcess:
    """Replace the steps and record DeploymentProcessUpdated."""
    require_in(caller, Verb.UPDATE, "catalog", project)
    process, created = DeploymentProcess.objects.select_for_update().get_or_create(
        project=project, defaults={"steps": steps, "updated_by": caller.user}
    )
    # It is in hand, so that nobody asks for it again.
    process.project = project
    if not created:
        process.version += 1
        process.steps = steps
        process.updated_by = caller.user
        process.save()
    record(
        EventData(
            type="DeploymentProcessUpdated",
            source="catalog",
            project=project,
            subject=f"{project.name} process version {process.version}",
            actor=caller.label,
            payload={
                "Project": snapshots.of_project(project),
                "DeploymentProcess": snapshots.of_process(process),
                "Message": message,
            },
            cause=cause_of(caller),
        )
    )
    return process
