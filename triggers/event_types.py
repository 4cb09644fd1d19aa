"""The internal events a trigger can listen for (RFC, "Triggers and Actions"), and what each one's payload says.

Pure data: catalogue code records these types, filters and templates read the fields, and a feed of a real Octopus
server maps its own categories to them.
"""

from dataclasses import dataclass

from reactions_project.registry import Registry


@dataclass(frozen=True)
class PayloadField:
    """One member of the payload by its path below `payload`, with an example for pages and previews."""

    name: str
    label: str
    example: str


@dataclass(frozen=True)
class OctopusCategory:
    """What Octopus calls the same occurrence.

    Octopus has few dedicated categories: "Created" and "Modified" speak of any document, so `about` names the id
    prefixes of which one must begin the event's first message reference. Empty means that the category suffices.
    """

    category: str
    about: tuple[str, ...] = ()


@dataclass(frozen=True)
class EventType:
    """`space_wide`: no project owns it, so it reaches the triggers of every project that listens for it."""

    name: str
    label: str
    description: str
    payload_fields: tuple[PayloadField, ...]
    octopus_categories: tuple[OctopusCategory, ...] = ()
    space_wide: bool = False


event_types: Registry[EventType] = Registry("event type")


_PROJECT = (
    PayloadField("Project.Id", "Project id", "Projects-12"),
    PayloadField("Project.Name", "Project name", "Core Web"),
    PayloadField("Project.Slug", "Project slug", "core-web"),
)
_ENVIRONMENT = (
    PayloadField("Environment.Id", "Environment id", "Environments-4"),
    PayloadField("Environment.Name", "Environment name", "Production"),
    PayloadField("Environment.Slug", "Environment slug", "production"),
)
_RELEASE = (
    PayloadField("Release.Id", "Release id", "Releases-31"),
    PayloadField("Release.Number", "Release version", "1.2.0"),
    PayloadField("Release.Notes", "Release notes", "Fixes the basket."),
    PayloadField("Release.Previous.Number", "Version of the release before it", "1.1.4"),
)
_DEPLOYMENT = (
    *_PROJECT,
    *_ENVIRONMENT,
    *_RELEASE,
    PayloadField("Deployment.Id", "Deployment id", "Deployments-77"),
    PayloadField("Deployment.Name", "Deployment name", "Deploy to Production"),
    PayloadField("Deployment.State", "State", "succeeded"),
    PayloadField("Deployment.Comments", "Comments", "Evening release"),
    PayloadField("Deployment.CreatedBy", "Who queued it", "alice"),
    PayloadField("Deployment.Error", "Why it failed", ""),
)
_MACHINE = (
    PayloadField("Machine.Id", "Machine id", "Machines-9"),
    PayloadField("Machine.Name", "Machine name", "web-01"),
    PayloadField("Machine.Roles", "Roles, a list", '["web-server"]'),
    PayloadField("Machine.Uri", "Address", "https://web-01.example.com:10933/"),
    PayloadField("Machine.Health", "Health", "Healthy"),
    PayloadField("Machine.Environments[*].Name", "Names of its environments", "Production"),
)
_RUNBOOK_RUN = (
    *_PROJECT,
    *_ENVIRONMENT,
    PayloadField("Runbook.Id", "Runbook id", "Runbooks-3"),
    PayloadField("Runbook.Name", "Runbook name", "Restart web servers"),
    PayloadField("RunbookRun.Id", "Id of the runbook's run", "RunbookRuns-15"),
)

for _event_type in (
    EventType(
        "DeploymentQueued",
        "Deployment queued",
        "A deployment of a release to an environment was asked for and waits to start.",
        _DEPLOYMENT,
        (OctopusCategory("DeploymentQueued"),),
    ),
    EventType(
        "DeploymentStarted",
        "Deployment started",
        "A deployment began.",
        _DEPLOYMENT,
        (OctopusCategory("DeploymentStarted"),),
    ),
    EventType(
        "DeploymentSucceeded",
        "Deployment succeeded",
        "A deployment ended well: the release now runs in the environment.",
        _DEPLOYMENT,
        (OctopusCategory("DeploymentSucceeded"),),
    ),
    EventType(
        "DeploymentFailed",
        "Deployment failed",
        "A deployment ended with an error.",
        _DEPLOYMENT,
        (OctopusCategory("DeploymentFailed"),),
    ),
    EventType(
        "DeploymentCanceled",
        "Deployment canceled",
        "Somebody canceled a deployment before it ended.",
        _DEPLOYMENT,
        (OctopusCategory("TaskCanceled", about=("Deployments-",)),),
    ),
    EventType(
        "ReleaseCreated",
        "Release created",
        "A project got a new release.",
        (*_PROJECT, *_RELEASE),
        (OctopusCategory("Created", about=("Releases-",)),),
    ),
    EventType(
        "MachineRegistered",
        "Machine registered",
        "A Tentacle or another deployment target was registered.",
        _MACHINE,
        # One registration can show as both, so whoever maps them counts a machine once.
        (OctopusCategory("MachineAdded"), OctopusCategory("Created", about=("Machines-",))),
        space_wide=True,
    ),
    EventType(
        "MachineHealthChanged",
        "Machine health changed",
        "A health check found a machine in another state than before.",
        _MACHINE,
        (
            OctopusCategory("MachineHealthy"),
            OctopusCategory("MachineUnhealthy"),
            OctopusCategory("MachineUnavailable"),
            OctopusCategory("MachineHasWarnings"),
        ),
        space_wide=True,
    ),
    EventType(
        "DeploymentProcessUpdated",
        "Deployment process updated",
        "The steps by which a project is deployed were changed.",
        (
            *_PROJECT,
            PayloadField("DeploymentProcess.Id", "Process id", "deploymentprocess-Projects-12"),
            PayloadField("DeploymentProcess.Version", "Version of the process", "7"),
            PayloadField("DeploymentProcess.Steps", "Number of steps", "3"),
            PayloadField("Message", "What was said of the change", "Added a smoke test"),
        ),
        (OctopusCategory("Modified", about=("deploymentprocess-", "DeploymentProcesses-")),),
    ),
    EventType(
        "ProjectCreated",
        "Project created",
        "A new project exists.",
        _PROJECT,
        (OctopusCategory("Created", about=("Projects-",)),),
    ),
    EventType(
        "InterruptionRaised",
        "Interruption raised",
        "A deployment waits for a person: a manual intervention or guided failure.",
        (*_DEPLOYMENT, PayloadField("Interruption.Id", "Interruption id", "Interruptions-2")),
        (OctopusCategory("GuidedFailureInterruptionRaised"), OctopusCategory("ManualInterventionInterruptionRaised")),
    ),
    EventType(
        "RunbookRunSucceeded",
        "Runbook run succeeded",
        "A runbook ended well.",
        _RUNBOOK_RUN,
        (OctopusCategory("RunbookRunSucceeded"),),
    ),
    EventType(
        "RunbookRunFailed",
        "Runbook run failed",
        "A runbook ended with an error.",
        _RUNBOOK_RUN,
        (OctopusCategory("RunbookRunFailed"),),
    ),
):
    event_types.add(_event_type)
