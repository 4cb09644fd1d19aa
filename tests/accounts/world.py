"""One object of every kind of the permission matrix, in one project."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Model

from accounts.models import ApiKey, AuditEntry, Project, Secret
from actions.models import Action, ActionVersion, Attempt, Connection, Decision, LogChunk, Reaction, Run
from reactions_project import clock
from tests.factories import EnvironmentFactory, InternalTriggerFactory, ReleaseFactory
from triggers.ledger import EventData, record
from triggers.models import Machine


@dataclass(frozen=True)
class Ledger:
    """What one event left behind."""

    event: Any
    run: Run
    decision: Decision
    chunk: LogChunk


CONFIGS = {
    "http": {"method": "POST", "url": "https://monitor.example.com/"},
    "script": {"language": "python", "source": "print('hello')"},
}


def action_of(project: Project, kind: str = "http", name: str = "Notify") -> Action:
    return Action.objects.create(project=project, name=name, kind=kind, config=CONFIGS[kind])


def reaction_of(project: Project, action: Action | None = None, name: str = "Tell them") -> Reaction:
    return Reaction.objects.create(project=project, name=name, action=action or action_of(project, name=f"For {name}"))


def ledger_of(project: Project, name: str = "Past") -> Ledger:
    now = clock.now()
    reaction = reaction_of(project, name=name)
    action = reaction.action
    version = ActionVersion.objects.create(
        action=action,
        version=1,
        kind=action.kind,
        config=action.config,
        timeout_seconds=30,
        max_attempts=1,
        is_repeatable=False,
    )
    event = record(EventData(type="DeploymentSucceeded", source="catalog", project=project)).event
    names = {"reaction": reaction, "reaction_name": reaction.name, "reaction_version": 1}
    run = Run.objects.create(
        project=project,
        team=project.team,
        event=event,
        action_version=version,
        executor="http",
        due_at=now,
        created_at=now,
        **names,
    )
    decision = Decision.objects.create(
        event=event, project=project, verdict="fired", reason="It passed.", run=run, at=now, **names
    )
    attempt = Attempt.objects.create(run=run, number=1, started_at=now)
    chunk = LogChunk.objects.create(attempt=attempt, sequence=1, stream="stdout", text="hello", at=now)
    return Ledger(event, run, decision, chunk)


def object_of(kind: str, project: Project) -> Model:
    """A saved object of that row of the matrix."""
    match kind:
        case "team":
            return project.team
        case "project":
            return project
        case "endpoint":
            return InternalTriggerFactory(project=project)
        case "reaction":
            return reaction_of(project)
        case "http_action":
            return action_of(project)
        case "script_action":
            return action_of(project, "script", "Script")
        case "secret":
            return Secret.objects.create(project=project, name="token", ciphertext="sealed")
        case "connection":
            return Connection.objects.create(project=project, name="Monitor", integration="new_relic")
        case "event_payload":
            return ledger_of(project).event
        case "run":
            return ledger_of(project).run
        case "run_log":
            return ledger_of(project).chunk
        case "decision":
            return ledger_of(project).decision
        case "catalog":
            return ReleaseFactory(project=project)
        case "environment":
            return EnvironmentFactory()
        case "machine":
            return Machine.objects.create(name="web-01")
        case "audit_log":
            return AuditEntry.objects.filter(project=project).get()
        case "api_key":
            raise LookupError("A key belongs to a person, not to a project.")
    raise LookupError(f"There is no {kind} in the matrix.")


def key_of(user: Any) -> ApiKey:
    return ApiKey.objects.create(user=user, name="test", prefix=f"p{user.pk}", digest="d", scopes=["read"])
