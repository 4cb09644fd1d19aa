"""SEC-90: a team whose queue is full is told to send later, and nobody else is."""

from typing import Any

import pytest

from accounts.models import Project
from actions.backlog import queued_runs
from actions.models import Run
from reactions_project import clock
from tests.actions.views.ledgers import event_of, run_of
from tests.factories import ProjectFactory, ReactionFactory, WebhookFactory
from tests.triggers.conftest import Deliver, key_of
from triggers.ceiling import Ceiling, ceiling, unmatched_events
from triggers.models import Event

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_remembered() -> None:
    ceiling._told.clear()


def queue_runs(project: Project, count: int) -> None:
    reaction = ReactionFactory(action__project=project)
    event = event_of(project, type="ReleaseCreated")
    Event.objects.filter(pk=event.pk).update(matched_at=clock.now())
    for sequence in range(1, count + 1):
        run_of(event, reaction, "queued", sequence=sequence)
    run_of(event, reaction, "succeeded", sequence=count + 1)


def test_sec_90_a_team_whose_runs_wait_is_told_to_send_later(
    deliver: Deliver, project: Project, settings: Any, client_for: Any, alice: Any, webhook: Any
) -> None:
    settings.REACTIONS_QUEUE_CEILING = 3
    queue_runs(project, 3)
    answer = deliver({})
    assert answer.status_code == 429
    assert answer["Retry-After"] == "60"
    assert "3 events or runs of this team wait already" in answer.json()["detail"]
    refused = client_for(alice).get(f"/api/triggers/{webhook.pk}/refusals/").json()
    assert refused == {"refused": {"queue": 1}}


def test_sec_90_what_a_pause_holds_turns_no_delivery_away(deliver: Deliver, project: Project, settings: Any) -> None:
    settings.REACTIONS_QUEUE_CEILING = 3
    queue_runs(project, 3)
    Run.objects.filter(status="queued").update(status="held")
    assert deliver({}).status_code == 202


def test_sec_90_one_teams_queue_turns_no_other_team_away(deliver: Deliver, settings: Any) -> None:
    settings.REACTIONS_QUEUE_CEILING = 3
    queue_runs(ProjectFactory(), 5)
    assert deliver({}).status_code == 202
    other = key_of(WebhookFactory(project=ProjectFactory(), route="other"))
    assert deliver({}, route="other", key=other).status_code == 202


def test_sec_90_events_that_nobody_decides_fill_the_queue_too_and_nought_is_no_ceiling(
    deliver: Deliver, settings: Any
) -> None:
    settings.REACTIONS_QUEUE_CEILING = 2
    statuses = []
    for _ in range(3):
        ceiling._told.clear()
        statuses.append(deliver({}).status_code)
    assert statuses == [202, 202, 429]
    settings.REACTIONS_QUEUE_CEILING = 0
    assert deliver({}).status_code == 202
    settings.REACTIONS_QUEUE_CEILING = 2
    Event.objects.update(matched_at=clock.now())
    ceiling._told.clear()
    assert deliver({}).status_code == 202


def test_no_more_is_counted_than_must_be(project: Project) -> None:
    queue_runs(project, 4)
    assert queued_runs(project.team_id, 3) == 3
    assert queued_runs(project.team_id, 4) == 4
    assert queued_runs(ProjectFactory().team_id, 4) == 0
    assert unmatched_events(project.team_id, 4) == 0


def test_the_answer_is_remembered_for_a_second(project: Project, settings: Any, django_assert_num_queries: Any) -> None:
    settings.REACTIONS_QUEUE_CEILING = 10
    uptime = [50.0]
    own = Ceiling(lambda: uptime[0])
    for seconds, queries in ((0.0, 1), (0.9, 0), (0.2, 1)):
        uptime[0] += seconds
        with django_assert_num_queries(queries):
            assert not own.is_reached(project.team_id)
