"""Every variable that Octopus documents for our events is there, or it is said why it is not."""

import re
from typing import Any

import pytest

from actions.models import Reaction, Run
from actions.octostache import Opaque, evaluate
from actions.variables import event_variables, own_variables, preview_variables, run_variables
from tests.accounts.world import ledger_of
from tests.factories import (
    ActionFactory,
    EnvironmentFactory,
    ProjectFactory,
    ReleaseFactory,
    WebhookFactory,
    operator_caller,
)
from triggers.catalog.deployments import create_deployment, move
from triggers.catalog.processes import update_process
from triggers.ledger import EventData, record
from triggers.models import Event, Machine

pytestmark = pytest.mark.django_db

# Octopus has it and we do not, since the catalogue has no such thing.
ABSENT = {
    "Octopus.ProjectGroup": "there are no project groups",
    "Octopus.Release.Channel": "there are no channels",
    "Octopus.Release.CustomFields": "there are no custom fields",
    "Octopus.Release.Git": "processes are kept here, not in Git",
    "Octopus.Deployment.CreatedBy.Id": "the ledger keeps names of people",
    "Octopus.Deployment.CreatedBy.EmailAddress": "addresses of people stay out of templates",
    "Octopus.Deployment.Machines": "deployments do not name machines",
    "Octopus.Deployment.SpecificMachines": "deployments do not name machines",
    "Octopus.Deployment.ExcludedMachines": "deployments do not name machines",
    "Octopus.Deployment.Targets": "deployments do not name machines",
    "Octopus.Deployment.Tenant": "there are no tenants",
    "Octopus.Deployment.Trigger": "deployments are started by people and keys",
    "Octopus.Deployment.Changes": "there is no build information",
    "Octopus.Deployment.WorkItems": "there is no build information",
    "Octopus.Deployment.PackageBuildInformation": "there is no build information",
    "Octopus.Deployment.ChangesMarkdown": "there is no build information",
    "Octopus.Task": "a deployment is no task here",
    "Octopus.RunbookSnapshot": "there are no runbooks of our own",
    "Octopus.Action.FailScriptOnErrorOutput": "its author may set it",
    "Octopus.Action.PowerShell.ExecuteWithoutProfile": "its author may set it",
    "Octopus.Action.Script.SuppressEnvironmentLogging": "its author may set it",
    "Octopus.Action.Output": "a style, not a name",
    "Octopus.Event.UserId": "people have no such id here",
    "Octopus.Machine.Hostname": "of listening Tentacles only",
    "Octopus.Reaction.Id": "of runs only",
    "Request.Query": "by name",
    "Request.Header": "by name",
    "Request.RemoteAddress": "the ledger does not keep addresses",
    "Octopus.Template": "inside a block only",
    "Octopus.Deployment.Error": "of failed deployments only",
}


@pytest.fixture
def project() -> Any:
    return ProjectFactory(name="Core Web", slug="core-web")


@pytest.fixture
def deployed(project: Any) -> Any:
    """A second deployment to the environment, behind one that succeeded and one that failed."""
    caller, environment = operator_caller(), EnvironmentFactory(name="Production")

    def deploy(version: str, *verbs: str) -> Any:
        release = ReleaseFactory(project=project, version=version)
        deployment = create_deployment(caller, release, environment)
        for verb in verbs:
            move(caller, deployment, verb, "broken" if verb == "fail" else "")
        return deployment

    deploy("1.0.0", "start", "succeed")
    deploy("1.1.0", "start", "fail")
    return deploy("1.2.0", "start", "succeed")


def last(event_type: str) -> Event:
    return Event.objects.filter(type=event_type).latest("pk")


def of(event: Event) -> dict[str, str]:
    action = ActionFactory(project=event.project or ProjectFactory(), name=f"Action {event.pk}")
    return preview_variables(event, "Tell them", action, action.project)


def test_a_deployment_tells_what_its_environment_had_before(deployed: Any) -> None:
    found = of(last("DeploymentSucceeded"))
    assert found["Octopus.Release.Number"] == "1.2.0"
    assert found["Octopus.Release.Previous.Number"] == "1.1.0"
    assert found["Octopus.Release.CurrentForEnvironment.Number"] == "1.0.0"
    assert found["Octopus.Release.PreviousForEnvironment.Number"] == "1.1.0"
    assert found["Octopus.Deployment.PreviousSuccessful.Id"].startswith("Deployments-")
    assert found["Octopus.Deployment.PreviousSuccessful.Id"] != found["Octopus.Deployment.Id"]


def test_a_first_deployment_has_nothing_before_it(deployed: Any) -> None:
    first = event_variables(Event.objects.filter(type="DeploymentSucceeded").earliest("pk"))
    assert "Octopus.Release.CurrentForEnvironment.Number" not in first
    assert "Octopus.Deployment.PreviousSuccessful.Id" not in first


def test_a_machine_tells_its_host_roles_and_environment() -> None:
    payload = {
        "Machine": {
            "Id": "Machines-9",
            "Name": "web-01",
            "Roles": ["web", "db"],
            "Uri": "https://Web-01.example.com:10933/",
            "Environments": [{"Id": "Environments-4", "Name": "Production", "SortOrder": 2}],
        }
    }
    found = of(record(EventData(type="MachineRegistered", source="catalog", payload=payload)).event)
    told = {name.removeprefix("Octopus."): value for name, value in found.items()}
    assert (told["Machine.Id"], told["Machine.Name"], told["Machine.Roles"]) == ("Machines-9", "web-01", "web,db")
    assert (told["Machine.Hostname"], told["Environment.Name"], told["Environment.SortOrder"]) == (
        "web-01.example.com",
        "Production",
        "2",
    )
    assert Machine.objects.count() == 0


@pytest.mark.parametrize("uri", ["poll://abc/", "https://[broken", "", None, 5])
def test_a_machine_without_an_address_has_no_host_name(uri: Any) -> None:
    payload = {"Machine": {"Id": "Machines-9", "Uri": uri, "Environments": "odd", "Roles": 3}}
    event = record(EventData(type="MachineRegistered", source="catalog", payload=payload)).event
    assert "Octopus.Machine.Hostname" not in event_variables(event)


def test_times_of_an_event_are_one_moment_in_every_form(deployed: Any) -> None:
    event = last("DeploymentStarted")
    found = event_variables(event)
    seconds = event.occurred_at.timestamp()
    assert int(found["Octopus.Event.OccurredUnix"]) == int(seconds)
    assert int(found["Octopus.Event.OccurredUnixMs"]) == int(seconds * 1000)
    nanoseconds = found["Octopus.Event.OccurredUnixNs"]
    assert nanoseconds == f"{int(seconds)}{event.occurred_at.microsecond:06}000"
    assert found["Octopus.Event.OccurredUtc"].endswith("Z")
    assert found["Octopus.Event.OccurredLocalIso"] == f"{event.occurred_at:%Y-%m-%dT%H:%M:%S}"


def test_own_variables_of_the_project_win_over_the_teams_and_may_refer_to_others(project: Any) -> None:
    project.team.variables = {"Channel": "#team", "Mail": "team@example.com"}
    project.variables = {"channel": "#web", "Title": "#{Octopus.Release.Number} for #{Mail}"}
    assert own_variables(project) == {
        "Mail": "team@example.com",
        "channel": "#web",
        "Title": project.variables["Title"],
    }
    event = record(
        EventData(type="ReleaseCreated", source="catalog", project=project, payload={"Release": {"Number": "#{Mail}"}})
    ).event
    action = ActionFactory(project=project)
    found = preview_variables(event, "r", action, project)
    assert evaluate("#{Title} in #{Channel}", found).text == "#{Mail} for team@example.com in #web"


def test_sec_60_own_values_are_the_authors_and_an_events_are_not(project: Any, deployed: Any) -> None:
    project.variables = {"Mail": "web@example.com"}
    found = preview_variables(last("DeploymentStarted"), "r", ActionFactory(project=project), project)
    assert not isinstance(found["Mail"], Opaque)
    assert isinstance(found["Octopus.Release.Notes"], Opaque)


def test_what_a_deleted_webhook_brought_never_passes_for_an_internal_event(project: Any) -> None:
    payload = {"Project": {"Name": "Forged"}, "Release": {"Number": "9"}}
    event = record(EventData(type="WebhookReceived", source="webhook", project=project, payload=payload)).event
    found = event_variables(event)
    assert (found["Octopus.Trigger.Kind"], "Octopus.Release.Number" in found) == ("external", False)


@pytest.fixture
def every_name(project: Any, deployed: Any) -> set[str]:
    """The names that one event or another gives, in lower case, an index as []."""
    update_process(operator_caller(), project, [{"name": "Deploy"}], "said")
    machine = {"Id": "Machines-9", "Name": "web-01", "Roles": ["web"], "Uri": "https://web-01.example.com/"}
    record(EventData(type="MachineRegistered", source="catalog", payload={"Machine": machine}))
    runbook = {
        "Project": {"Id": "Projects-1", "Name": "Core Web"},
        "Runbook": {"Id": "Runbooks-1", "Name": "Restart"},
        "RunbookRun": {"Id": "RunbookRuns-1", "Name": "Run", "Created": "2026-11-23"},
    }
    record(EventData(type="RunbookRunSucceeded", source="catalog", project=project, payload=runbook))
    record(
        EventData(
            type="WebhookReceived",
            source="webhook",
            project=project,
            trigger=WebhookFactory(project=project),
            payload={},
            query={"q": "1"},
            headers={"content-type": "application/json"},
        )
    )
    names: set[str] = set()
    for event in Event.objects.select_related("project__team", "trigger"):
        names |= set(of(event))
    script = ActionFactory(project=project, python=True)
    names |= set(preview_variables(Event.objects.earliest("pk"), "r", script, project))
    return {re.sub(r"\[.*?\]", "", name).lower() for name in names}


def test_every_documented_variable_is_there_or_its_absence_has_a_reason(
    shared_folder: Any, every_name: set[str]
) -> None:
    text = (shared_folder / "octopus" / "variables.md").read_text()
    section = text[text.index("## A.") : text.index("## D.")]
    documented: set[str] = set()
    for line in section.splitlines():
        base = ""
        for code in re.findall(r"`([A-Za-z.*\[\]]+)", line.split(" | ")[0] if line.startswith("|") else line):
            name = re.sub(r"\[.*?\]", "", code).rstrip("*.")
            if name.startswith("."):
                name = base.rpartition(".")[0] + name
            elif name.startswith(("Octopus.", "Payload", "Request.")):
                base = name
            else:
                continue
            documented.add(name)
    assert len(documented) > 60
    missing = {
        name
        for name in documented
        if name.lower() not in every_name
        and not any(name.startswith(absent) for absent in ABSENT)
        and not any(known.startswith(f"{name.lower()}.") for known in every_name)
    }
    assert missing == set()


def test_a_runs_variables_name_the_run(project: Any, deployed: Any) -> None:

    run = Run.objects.select_related("event", "project__team").get(pk=ledger_of(project).run.pk)
    reaction = Reaction.objects.get(pk=run.reaction_id)
    found = run_variables(run, reaction, reaction.action)
    assert found["Octopus.Reaction.RunId"] == str(run.uid)
    assert found["Octopus.Reaction.RunLink"].endswith(f"/runs/{run.uid}/")
