"""The RFC's two stories as definitions: a package makes a release; a deployment tells the monitoring system."""

from dataclasses import dataclass
from typing import Any

from accounts import keys, vault
from accounts.callers import Caller
from accounts.models import Project, Secret
from actions.definitions import save_action, save_reaction
from actions.demo import scripts
from actions.kinds.script import available_languages
from actions.models import Action, Reaction
from triggers.models import Environment, Trigger, TriggerKey

ROUTE = "mygetpackage"


@dataclass(frozen=True)
class Stories:
    environments: dict[str, Environment]
    webhook: Trigger
    webhook_key: str
    triggers: dict[str, Trigger]
    reactions: dict[str, Reaction]


def load_stories(operator: Caller, project: Project, monitor_url: str) -> Stories:
    """Make what is missing; change only what another monitor address makes necessary."""
    environments = {
        name: Environment.objects.get_or_create(name=name, defaults={"slug": name.lower(), "sort_order": order})[0]
        for order, name in enumerate(("Development", "Staging", "Production"))
    }
    webhook, _ = Trigger.objects.get_or_create(
        route=ROUTE,
        kind="webhook",
        defaults={"project": project, "name": "MyGet package", "source": "myget"},
    )
    triggers = {
        name: Trigger.objects.get_or_create(
            project=project, kind="internal", event_type=name, defaults={"name": f"{project.name}: {name}"}
        )[0]
        for name in ("DeploymentStarted", "DeploymentSucceeded", "DeploymentFailed", "ReleaseCreated")
    }
    reactions = _package_story(operator, project, webhook)
    reactions["monitor"] = _monitor_story(operator, project, list(triggers.values())[:2], monitor_url)
    return Stories(environments, webhook, _webhook_key(webhook), triggers, reactions)


def _package_story(operator: Caller, project: Project, webhook: Trigger) -> dict[str, Reaction]:
    """PowerShell where pwsh is installed, its Python twin where it is not; the other one stands beside it, disabled."""
    has_powershell = "powershell" in available_languages()
    twins = {"python": ("Python", scripts.PYTHON)}
    if has_powershell:
        twins["powershell"] = ("PowerShell", scripts.POWERSHELL)
    found: dict[str, Reaction] = {}
    for language, (label, source) in twins.items():
        action = _action(
            operator, project, f"Create a release ({label})", "script", {"language": language, "source": source}
        )
        found[f"release_{language}"] = _reaction(
            operator,
            project,
            f"Release from MyGet package ({label})",
            action,
            [webhook],
            [
                {"field": "payload.Payload.PackageIdentifier", "operator": "is", "value": "Acme.Web"},
                {"field": "payload.Payload.PackageVersion", "operator": "is_release"},
            ],
            is_enabled=(language == "powershell") == has_powershell,
        )
    return found


def _monitor_story(operator: Caller, project: Project, triggers: list[Trigger], monitor_url: str) -> Reaction:
    secret = Secret.objects.filter(project=project, name="monitor-key").first() or vault.store(
        operator, project, "monitor-key", "demo-monitor-key-4711"
    )
    action = _action(operator, project, "Tell the monitoring system", "http", _monitor_request(monitor_url))
    if not action.bindings.exists():
        save_action(operator, action, bindings={"Monitor.ApiKey": secret})
    return _reaction(
        operator,
        project,
        "Mark deployments in monitoring",
        action,
        triggers,
        [
            {"field": "project", "operator": "is", "value": "Core Web"},
            {"field": "environment", "operator": "is", "value": "Production"},
        ],
    )


def _monitor_request(monitor_url: str) -> dict[str, Any]:
    return {
        "method": "POST",
        "url": f"{monitor_url}/v2/applications/#{{Octopus.Project.Id}}/deployments.json",
        "headers": {"Api-Key": "#{Monitor.ApiKey}", "X-Release": "#{Octopus.Release.Number}"},
        "body": {
            "kind": "json",
            "json": {
                "deployment": {
                    "revision": "#{Octopus.Release.Number}",
                    "changelog": "#{Octopus.Release.Notes}",
                    "description": "#{Octopus.Event.Category}: #{Octopus.Deployment.Name}",
                    "user": "#{Octopus.Deployment.CreatedBy.Username}",
                }
            },
        },
    }


def _action(operator: Caller, project: Project, name: str, kind: str, config: dict[str, Any]) -> Action:
    action = Action.objects.filter(project=project, name=name).first()
    if action is None:
        timeout, attempts = (60, 1) if kind == "script" else (30, 8)
        action = Action(
            project=project, name=name, kind=kind, config=config, timeout_seconds=timeout, max_attempts=attempts
        )
        return save_action(operator, action)
    if kind == "http" and action.config.get("url") != config["url"]:
        action.config = config
        return save_action(operator, action)
    return action


def _reaction(
    operator: Caller,
    project: Project,
    name: str,
    action: Action,
    triggers: list[Trigger],
    conditions: list[dict[str, Any]],
    *,
    is_enabled: bool = True,
) -> Reaction:
    reaction = Reaction.objects.filter(project=project, name=name).first()
    if reaction is not None:
        return reaction
    return save_reaction(
        operator,
        Reaction(project=project, name=name, action=action, conditions=conditions, is_enabled=is_enabled),
        triggers,
    )


def _webhook_key(webhook: Trigger) -> str:
    text = keys.derived_text(keys.TRIGGER, f"demo {ROUTE}")
    if not TriggerKey.objects.filter(prefix=keys.prefix_of(keys.TRIGGER, text)).exists():
        keys.issue(TriggerKey(trigger=webhook, name="demo"), keys.TRIGGER, text)
    return text
