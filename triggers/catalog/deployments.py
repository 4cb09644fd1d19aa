"""Deployments: a small state machine whose every move is an event (RFC, "Internal Events")."""

from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.callers import Caller
from accounts.permissions import require, require_in
from accounts.roles import Verb
from reactions_project import clock
from triggers.catalog import snapshots
from triggers.ledger import EventData, cause_of, record
from triggers.models import Deployment, Environment, Release
from triggers.models.catalog import DeploymentState as State


class WrongState(ValidationError):
    """The deployment's present state does not allow the move."""


# verb -> (allowed from, to, event type)
TRANSITIONS: dict[str, tuple[frozenset[State], State, str]] = {
    "start": (frozenset({State.QUEUED}), State.RUNNING, "DeploymentStarted"),
    "succeed": (frozenset({State.RUNNING}), State.SUCCEEDED, "DeploymentSucceeded"),
    "fail": (frozenset({State.RUNNING, State.QUEUED}), State.FAILED, "DeploymentFailed"),
    "cancel": (frozenset({State.RUNNING, State.QUEUED}), State.CANCELED, "DeploymentCanceled"),
}


@transaction.atomic
def create_deployment(caller: Caller, release: Release, environment: Environment, comments: str = "") -> Deployment:
    """Queue a deployment of the release and record DeploymentQueued."""
    require_in(caller, Verb.CREATE, "catalog", release.project)
    deployment = Deployment(release=release, environment=environment, comments=comments, created_by=caller.label)
    deployment.full_clean(exclude=["octopus_id"])
    deployment.save(force_insert=True)
    _record(caller, deployment, "DeploymentQueued")
    return deployment


@transaction.atomic
def move(caller: Caller, deployment: Deployment, verb: str, error: str = "") -> Deployment:
    """Start, succeed, fail or cancel. Raises WrongState when the present state does not allow it; of two that move
    at once, one does."""
    require(caller, Verb.UPDATE, deployment)
    allowed, after, event_type = TRANSITIONS[verb]
    now = clock.now()
    stamp = {"started_at": now} if verb == "start" else {"finished_at": now}
    moved = Deployment.objects.filter(pk=deployment.pk, state__in=allowed).update(state=after, error=error, **stamp)
    deployment.refresh_from_db()
    if not moved:
        raise WrongState(
            f"{deployment.octopus_id} is {deployment.state}, so it cannot {verb}: "
            f"that needs it to be {' or '.join(sorted(allowed))}."
        )
    _record(caller, deployment, event_type)
    return deployment


def _record(caller: Caller, deployment: Deployment, event_type: str) -> None:
    release, environment = deployment.release, deployment.environment
    record(
        EventData(
            type=event_type,
            source="catalog",
            project=release.project,
            environment=environment,
            subject=f"{release.project.name} {release.version} to {environment.name}",
            deployment=deployment.octopus_id,
            actor=caller.label,
            payload={
                "Project": snapshots.of_project(release.project),
                "Environment": snapshots.of_environment(environment),
                "Release": snapshots.of_release(release) | snapshots.releases_before(deployment),
                "Deployment": snapshots.of_deployment(deployment) | snapshots.success_before(deployment),
            },
            cause=cause_of(caller),
        )
    )
