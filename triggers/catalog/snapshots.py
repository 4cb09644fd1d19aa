"""What an internal event's payload says of catalogue objects: plain values in Octopus' names, frozen at the moment."""

from typing import Any

from accounts.models import Project
from triggers.models import Deployment, DeploymentProcess, Environment, Machine, Release


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
        "Previous": {"Id": previous.octopus_id, "Number": previous.version} if previous else None,
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
