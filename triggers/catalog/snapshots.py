"""What an internal event's payload says of catalogue objects: plain values in Octopus' names, frozen at the moment."""

from typing import Any

from django.db.models import QuerySet

from accounts.models import Project
from triggers.models import Deployment, DeploymentProcess, Environment, Machine, Release
from triggers.models.catalog import DeploymentState


def of_project(project: Project) -> dict[str, Any]:
    return {"Id": project.octopus_id, "Name": project.name, "Slug": project.slug}


def of_environment(environment: Environment) -> dict[str, Any]:
    return {
        "Id": environment.octopus_id,
        "Name": environment.name,
        "Slug": environment.slug,
        "SortOrder": environment.sort_order,
    }


def of_release(release: Release) -> dict[str, Any]:
    previous = (
        Release.objects.filter(project_id=release.project_id, created_at__lt=release.created_at)
        .order_by("-created_at")
        .first()
    )
    return {
        "Id": release.octopus_id,
        "Number": release.version,
        "Notes": release.notes,
        "Created": release.created_at.isoformat(),
        "Previous": _short(previous) if previous else None,
    }


def of_deployment(deployment: Deployment) -> dict[str, Any]:
    return {
        "Id": deployment.octopus_id,
        "Name": f"Deploy to {deployment.environment.name}",
        "State": deployment.state,
        "Comments": deployment.comments,
        "Created": deployment.created_at.isoformat(),
        "CreatedBy": deployment.created_by,
        "Error": deployment.error,
    }


def releases_before(deployment: Deployment) -> dict[str, Any]:
    """What this environment had before: the release that was last deployed well to it, and the last one that was
    deployed to it at all and is another than this one (Octopus' CurrentForEnvironment and PreviousForEnvironment)."""
    others = _others(deployment)
    current = others.filter(state=DeploymentState.SUCCEEDED).first()
    previous = others.filter(started_at__isnull=False).exclude(release=deployment.release_id).first()
    return {
        "CurrentForEnvironment": _short(current.release) if current else None,
        "PreviousForEnvironment": _short(previous.release) if previous else None,
    }


def success_before(deployment: Deployment) -> dict[str, Any]:
    """The last deployment to the same environment that ended well."""
    before = _others(deployment).filter(state=DeploymentState.SUCCEEDED).first()
    return {"PreviousSuccessful": {"Id": before.octopus_id} if before else None}


def _others(deployment: Deployment) -> QuerySet[Deployment]:
    return (
        Deployment.objects.filter(
            release__project=deployment.release.project_id,
            environment=deployment.environment_id,
            created_at__lte=deployment.created_at,
        )
        .exclude(pk=deployment.pk)
        .select_related("release")
        .order_by("-created_at", "-pk")
    )


def _short(release: Release) -> dict[str, str]:
    return {"Id": release.octopus_id, "Number": release.version}


def of_machine(machine: Machine) -> dict[str, Any]:
    return {
        "Id": machine.octopus_id,
        "Name": machine.name,
        "Roles": list(machine.roles),
        "Uri": machine.uri,
        "Health": machine.health,
        "Environments": [of_environment(environment) for environment in machine.environments.all()],
    }


def of_process(process: DeploymentProcess) -> dict[str, Any]:
    return {"Id": process.octopus_id, "Version": process.version, "Steps": len(process.steps)}
