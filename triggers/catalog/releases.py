"""Releases."""

from django.db import transaction

from accounts import audit
from accounts.callers import Caller
from accounts.models import Project
from accounts.permissions import require, require_in
from accounts.roles import Verb
from triggers.catalog import snapshots
from triggers.ledger import EventData, cause_of, record
from triggers.models import Release


@transaction.atomic
def create_release(caller: Caller, project: Project, version: str, notes: str = "") -> Release:
    """Make a release and record ReleaseCreated. Raises PermissionDenied, ValidationError (version taken)."""
    require_in(caller, Verb.CREATE, "catalog", project)
    release = Release(project=project, version=version, notes=notes, created_by=caller.label)
    release.full_clean(exclude=["octopus_id"])
    release.save(force_insert=True)
    record(
        EventData(
            type="ReleaseCreated",
            source="catalog",
            project=project,
            subject=f"{project.name} {version}",
            actor=caller.label,
            payload={"Project": snapshots.of_project(project), "Release": snapshots.of_release(release)},
            cause=cause_of(caller),
        )
    )
    return release


@transaction.atomic
def delete_release(caller: Caller, release: Release) -> None:
    """Delete a release with its deployments; raises PermissionDenied. What its events tell of it stays."""
    require(caller, Verb.DELETE, release)
    audit.record(caller, "delete", release, project=release.project)
    release.delete()
