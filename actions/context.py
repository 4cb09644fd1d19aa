"""Run to ExecutionContext: everything one attempt may know, with rights and bindings checked again (SEC-07)."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import QuerySet

from accounts import keys, vault
from accounts.models import RunToken
from actions.kinds.base import ExecutionContext, UnrunnableError
from actions.models import Action, Reaction, Run
from actions.models.reaction import refuse_passthrough
from actions.variables import event_variables, run_variables
from reactions_project import clock
from reactions_project.crypto import DecryptionError
from triggers.models import Event

# What the API client of a script is told to talk to; the socket decides where that goes.
SCRIPT_API_URL = "http://localhost"


def loaded(run_ids: Iterable[int]) -> QuerySet[Run]:
    """Runs with all that context_for reads, in a fixed number of queries."""
    return (
        Run.objects.filter(pk__in=list(run_ids))
        .select_related("event__trigger", "reaction", "project__team", "action_version__action__connection__secret")
        .prefetch_related("action_version__action__bindings__secret")
    )


def context_for(run: Run) -> ExecutionContext:
    """Raises UnrunnableError with the reason that the run will show."""
    version = run.action_version
    action = version.action
    event = run.event
    _check(run, action, event, run.reaction)
    secrets: dict[str, str] = {}
    hosts: dict[str, tuple[str, ...]] = {}
    for binding in action.bindings.all():
        if binding.secret.project_id != run.project_id:
            raise UnrunnableError("binding", f"Secret {binding.secret.name} belongs to another project: bind it again.")
        try:
            secrets[binding.variable] = vault.reveal(binding.secret)
        except DecryptionError as error:
            raise UnrunnableError("secret", f"Secret {binding.secret.name}: {error}") from None
        if binding.secret.allowed_hosts:
            hosts[binding.variable] = tuple(binding.secret.allowed_hosts)
    variables = {**event_variables(event), **run_variables(run, run.reaction, action)}
    return ExecutionContext(
        run_uid=run.uid,
        run_number=run.pk,
        attempt=run.attempt_count,
        action_name=action.name,
        reaction_name=run.reaction_name,
        config=version.config,
        timeout_seconds=version.timeout_seconds,
        variables=variables,
        payload=event.payload,
        query=dict(event.query),
        event=event_facts(event),
        secrets=secrets,
        allowed_hosts=hosts,
        connection=dict(action.connection.settings) if action.connection else {},
        api_url=SCRIPT_API_URL if run.executor == "script" else "",
        api_token=_token(run, version.timeout_seconds) if run.executor == "script" else "",
    )


def event_facts(event: Event) -> dict[str, Any]:
    """The event as a script sees it."""
    return {
        "Id": str(event.uid),
        "Type": event.type,
        "Subject": event.subject,
        "Source": event.source,
        "Actor": event.actor,
        "Occurred": event.occurred_at.isoformat(),
        "Deployment": event.deployment or None,
    }


def _check(run: Run, action: Action, event: Event, reaction: Reaction | None) -> None:
    if not action.is_enabled:
        raise UnrunnableError("disabled", f"The action {action.name} was disabled before the run started: enable it.")
    if not run.project.team.is_enabled:
        raise UnrunnableError("disabled", f"The team {run.project.team.name} was disabled by an operator.")
    if action.project_id != run.project_id or (reaction is not None and reaction.project_id != run.project_id):
        raise UnrunnableError("binding", f"The action {action.name} no longer belongs to this project.")
    if event.trigger is not None:
        try:
            refuse_passthrough(action, [event.trigger])
        except ValidationError as error:
            raise UnrunnableError("refused", error.messages[0]) from None


def _token(run: Run, timeout_seconds: int) -> str:
    reaction = [str(run.reaction_id)] if run.reaction_id else []
    token = RunToken(
        project_id=run.project_id,
        run=run.uid,
        label=f"reaction {run.reaction_name}"[:200],
        root=run.event.root,
        chain=[*run.event.chain, *reaction],
        # A backstop: the end of the run revokes it.
        expires_at=clock.now() + timedelta(seconds=timeout_seconds + 60),
    )
    return keys.issue(token, keys.RUN)
