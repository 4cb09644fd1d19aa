"""Start/stop pairs: a run uses what earlier runs of the same deployment gave."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from actions.context import loaded
from actions.earlier import earlier_of, outputs_before
from actions.engine.matching import match_due
from actions.engine.synchronous import run_due
from actions.models import Action, Reaction, Run
from reactions_project import clock
from tests.factories import ActionFactory, InternalTriggerFactory, ProjectFactory, ReactionFactory
from tests.fakes.receiver import Answer, Receiver
from triggers.ledger import EventData, record

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _settings(settings: Any, tmp_path: Any) -> None:
    settings.REACTIONS_ALLOW_PRIVATE_ADDRESSES = "127.0.0.1/32"
    settings.REACTIONS_SCRIPT_SANDBOX = "off"
    settings.REACTIONS_SCRIPT_WORK_DIR = tmp_path / "scripts"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        numbers = iter(range(100, 200))
        running.respond = lambda request: Answer(body=b'{"id": %d}' % next(numbers))
        yield running


def listener(project: Any, event_type: str, action: Action) -> Reaction:
    trigger = project.triggers.filter(event_type=event_type).first() or InternalTriggerFactory(
        project=project, event_type=event_type
    )
    return ReactionFactory(action=action, triggers=[trigger])


@pytest.fixture
def project(receiver: Receiver) -> Any:
    """A start that captures an id and an end that uses it."""
    project = ProjectFactory()
    start = {"method": "POST", "url": f"{receiver.url}/windows", "capture": {"WindowId": "id"}}
    end = {"method": "DELETE", "url": f"{receiver.url}/windows/#{{Octopus.Action[Open].Output.WindowId}}"}
    listener(project, "DeploymentStarted", ActionFactory(project=project, name="Open", config=start))
    listener(project, "DeploymentSucceeded", ActionFactory(project=project, name="Close", config=end, max_attempts=3))
    return project


def happen(project: Any, event_type: str, deployment: str) -> None:
    record(EventData(type=event_type, source="catalog", project=project, deployment=deployment))


def paths(receiver: Receiver) -> list[str]:
    return [f"{request.method} {request.path}" for request in receiver.requests]


def test_the_end_uses_what_the_start_of_its_own_deployment_captured(project: Any, receiver: Receiver) -> None:
    for deployment in ("Deployments-1", "Deployments-2"):
        happen(project, "DeploymentStarted", deployment)
        run_due()
    for deployment in ("Deployments-2", "Deployments-1"):
        happen(project, "DeploymentSucceeded", deployment)
        run_due()
    assert paths(receiver)[2:] == ["DELETE /windows/101", "DELETE /windows/100"]


def test_of_two_starts_the_later_counts(project: Any, receiver: Receiver) -> None:
    for event_type in ("DeploymentStarted", "DeploymentStarted", "DeploymentSucceeded"):
        happen(project, event_type, "Deployments-1")
        run_due()
    assert paths(receiver)[-1] == "DELETE /windows/101"


def test_without_a_start_the_end_fails_once_and_names_what_is_missing(project: Any, receiver: Receiver) -> None:
    happen(project, "DeploymentSucceeded", "Deployments-1")
    run_due()
    run = Run.objects.get()
    assert (run.status, run.outcome, run.attempt_count) == ("failed", "unresolved", 1)
    assert "#{Octopus.Action[Open].Output.WindowId}" in run.reason
    assert receiver.requests == []


def test_another_project_with_a_deployment_of_the_same_name_gives_nothing(project: Any, receiver: Receiver) -> None:
    other = ProjectFactory()
    start = {"method": "POST", "url": f"{receiver.url}/windows", "capture": {"WindowId": "id"}}
    listener(other, "DeploymentStarted", ActionFactory(project=other, name="Open", config=start))
    happen(other, "DeploymentStarted", "Deployments-1")
    happen(project, "DeploymentSucceeded", "Deployments-1")
    run_due()
    assert Run.objects.get(project=project).outcome == "unresolved"


def test_the_end_waits_for_a_start_that_has_not_ended(project: Any, receiver: Receiver) -> None:
    answers = iter([Answer(503), Answer(body=b'{"id": 7}'), Answer(204, b"", ())])
    receiver.respond = lambda request: next(answers)
    happen(project, "DeploymentStarted", "Deployments-1")
    run_due()
    happen(project, "DeploymentSucceeded", "Deployments-1")
    run_due()
    start, end = Run.objects.order_by("pk")
    assert (end.status, end.outcome) == ("queued", "waiting")
    assert f"Run {start.pk} of Open, whose outputs this one uses, has not ended yet." in end.reason
    Run.objects.filter(pk=start.pk).update(due_at=clock.now())
    run_due()
    run_due(clock.now() + timedelta(hours=2))
    assert paths(receiver)[-1] == "DELETE /windows/7"
    assert set(Run.objects.values_list("status", flat=True)) == {"succeeded"}


def test_sec_60_what_a_target_answered_is_never_expanded(project: Any, receiver: Receiver) -> None:
    receiver.respond = lambda request: Answer(body=b'{"id": "#{Octopus.Event.Id}/.."}')
    for event_type in ("DeploymentStarted", "DeploymentSucceeded"):
        happen(project, event_type, "Deployments-1")
        run_due()
    assert paths(receiver)[-1] == "DELETE /windows/%23%7BOctopus.Event.Id%7D%2F.."


def test_a_script_reads_what_a_request_captured(project: Any, receiver: Receiver) -> None:
    source = 'print("window", get_octopusvariable("Octopus.Action[Open].Output.WindowId"))'
    config = {"language": "python", "source": source}
    listener(project, "DeploymentSucceeded", ActionFactory(project=project, name="Tell", kind="script", config=config))
    for event_type in ("DeploymentStarted", "DeploymentSucceeded"):
        happen(project, event_type, "Deployments-1")
        run_due()
    run = Run.objects.get(executor="script")
    said = "".join(run.attempts.get().log.values_list("text", flat=True))
    assert "window 100" in said


def test_a_preview_sees_them_too(project: Any, receiver: Receiver) -> None:
    happen(project, "DeploymentStarted", "Deployments-1")
    run_due()
    event = Run.objects.get().event
    assert outputs_before(event) == {"Octopus.Action[Open].Output.WindowId": "100"}


def test_a_batch_asks_once_and_only_when_an_action_speaks_of_outputs(
    project: Any, django_assert_num_queries: Any
) -> None:
    for index in range(5):
        happen(project, "DeploymentStarted", f"Deployments-{index}")
    match_due()
    runs = list(loaded(Run.objects.values_list("pk", flat=True)))
    with django_assert_num_queries(0):
        assert earlier_of(runs) == {}
    for index in range(5):
        happen(project, "DeploymentSucceeded", f"Deployments-{index}")
    match_due()
    runs = list(loaded(Run.objects.values_list("pk", flat=True)))
    with django_assert_num_queries(1):
        assert len(earlier_of(runs)) == 5
