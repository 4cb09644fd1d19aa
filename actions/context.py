"""Run to ExecutionContext: everything one attempt may know, with rights and bindings checked again (SEC-07)."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.db.models import Model

from accounts import keys, vault
from accounts.models import Project, RunToken
from actions.earlier import NOTHING, Earlier
from actions.kinds.base import ExecutionContext, UnrunnableError
from actions.models import Action, ActionSecret, ActionVersion, Reaction, Run
from actions.models.reaction import refuse_passthrough
from actions.variables import event_variables, run_variables
from reactions_project import clock
from reactions_project.crypto import DecryptionError
from reactions_project.prepared import Among, PreparedRows, many
from triggers.models import Event, Trigger

M = TypeVar("M", bound=Model)

# Under which name a connection's secret is known to its actions.
CONNECTION_SECRET = "Connection.Secret"  # noqa: S105 - a name
# What the API client of a script is told to talk to; the socket decides where that goes.
SCRIPT_API_URL = "http://localhost"


# Of so many runs at most all is asked for at once; of more, each thing that they share is read and made once.
_FEW = 3
_few_runs = PreparedRows(
    lambda ids: (
        Run.objects.filter(Among("pk", ids))
        .select_related("event__trigger", "action_version__action__connection__secret", "project__team", "reaction")
        .order_by("pk")
    )
)
_runs = PreparedRows(lambda ids: Run.objects.filter(Among("pk", ids)).select_related("event").order_by("pk"))
_versions = PreparedRows(
    lambda ids: ActionVersion.objects.filter(Among("pk", ids)).select_related("action__connection__secret")
)
_projects = PreparedRows(lambda ids: Project.objects.filter(Among("pk", ids)).select_related("team"))
_reactions = PreparedRows(lambda ids: Reaction.objects.filter(Among("pk", ids)))
_triggers = PreparedRows(lambda ids: Trigger.objects.filter(Among("pk", ids)))
_bindings = PreparedRows(lambda ids: ActionSecret.objects.filter(Among("action__pk", ids)).select_related("secret"))


def loaded(run_ids: Iterable[int]) -> list[Run]:
    """Runs with all that context_for reads, in a fixed number of queries."""
    ids = list(run_ids)
    if len(ids) <= _FEW:
        runs = _few_runs.all(many(ids))
        for run in runs:
            _bind({run.action_version.action_id: run.action_version.action})
        return runs
    runs = _runs.all(many(ids))
    versions = _by_key(_versions, {run.action_version_id for run in runs})
    projects = _by_key(_projects, {run.project_id for run in runs})
    reactions = _by_key(_reactions, {run.reaction_id for run in runs})
    triggers = _by_key(_triggers, {run.event.trigger_id for run in runs})
    actions: dict[Any, Action] = {}
    for version in versions.values():
        version._state.fields_cache["action"] = actions.setdefault(version.action_id, version.action)
    _bind(actions)
    for run in runs:
        known = run._state.fields_cache
        known["action_version"], known["project"] = versions[run.action_version_id], projects[run.project_id]
        known["reaction"] = reactions.get(run.reaction_id)
        run.event._state.fields_cache["trigger"] = triggers.get(run.event.trigger_id)
    return runs


def bind(runs: Iterable[Run]) -> None:
    """Add the secrets of their actions to runs that were just made: all else that context_for reads they have."""
    actions = {run.action_version.action_id: run.action_version.action for run in runs}
    if actions:
        _bind(actions)


def _by_key(rows: PreparedRows[M], keys: set[Any]) -> dict[Any, M]:
    wanted = keys - {None}
    return {row.pk: row for row in rows.all(many(wanted))} if wanted else {}


def _bind(actions: dict[Any, Action]) -> None:
    """As prefetch_related would leave it: `action.bindings.all()` asks nobody."""
    found: dict[Any, list[ActionSecret]] = {key: [] for key in actions}
    for binding in _bindings.all(many(actions)):
        found[binding.action_id].append(binding)
    for key, action in actions.items():
        bindings: Any = action.bindings.all()
        bindings._result_cache, bindings._prefetch_done = found[key], True
        setattr(action, "_prefetched_objects_cache", {"bindings": bindings})  # noqa: B010 - unknown to the stubs


def context_for(run: Run, earlier: Earlier = NOTHING) -> ExecutionContext:
    """Raises UnrunnableError with the reason that the run will show."""
    version = run.action_version
    action = version.action
    event = run.event
    _check(run, action, event, run.reaction)
    if earlier.waits_for:
        raise UnrunnableError("waiting", earlier.waits_for, retryable=True)
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
    if (held := action.connection) is not None and held.secret is not None:
        try:
            secrets[CONNECTION_SECRET] = vault.reveal(held.secret)
        except DecryptionError as error:
            raise UnrunnableError("secret", f"Secret {held.secret.name}: {error}") from None
        if held.secret.allowed_hosts:
            hosts[CONNECTION_SECRET] = tuple(held.secret.allowed_hosts)
    variables = {**event_variables(event), **earlier.outputs, **run_variables(run, run.reaction, action)}
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
