"""A page costs the same number of queries for one row as for many."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.actions.views.ledgers import decision_of, event_of, log_of, run_of
from tests.factories import EnvironmentFactory, InternalTriggerFactory, ReactionFactory, WebhookFactory


def grow(reaction, count: int, start: int) -> None:
    hook = WebhookFactory(project=reaction.project)
    for number in range(start, start + count):
        triggers = list(reaction.triggers.all())
        other = ReactionFactory(name=f"Another {number}", action=reaction.action, triggers=triggers)
        event = event_of(reaction.project, environment=EnvironmentFactory(), trigger=hook, source="webhook")
        for each in (reaction, other):
            decision_of(event, each, "fired", run=run_of(event, each))


@pytest.fixture
def queries(browse):
    client = browse("alice")

    def count(url: str) -> int:
        client.get(url)
        with CaptureQueriesContext(connection) as captured:
            assert client.get(url).status_code == 200
        return len(captured)

    return count


@pytest.mark.parametrize(
    ("name", "most"), [("reaction-list", 9), ("event-list", 8), ("run-list", 7), ("project-list", 6)]
)
def test_lists_cost_a_fixed_number_of_queries(reaction, queries, name, most):
    InternalTriggerFactory(project=reaction.project, event_type="ReleaseCreated")
    grow(reaction, 2, 0)
    few = queries(reverse(name))
    grow(reaction, 8, 2)
    assert queries(reverse(name)) == few
    assert few <= most


def test_single_pages_cost_a_fixed_number_of_queries(reaction, queries):
    grow(reaction, 2, 0)
    event = event_of(reaction.project)
    run = run_of(event, reaction, "succeeded")
    decision_of(event, reaction, "fired", run=run)
    urls = {
        "reaction": reverse("reaction-detail", args=[reaction.pk]),
        "event": reverse("event-detail", args=[event.uid]),
        "run": reverse("run-detail", args=[run.uid]),
        "project": reverse("project-detail", args=[reaction.project.slug]),
    }
    few = {name: queries(url) for name, url in urls.items()}
    grow(reaction, 6, 2)
    for number in range(5):
        decision_of(event, reaction, "fired", sequence=number + 2, run=run_of(event, reaction, sequence=number + 2))
    log_of(run, *map(str, range(50)))
    many = {name: queries(url) for name, url in urls.items()}
    assert many == few
    assert max(many.values()) <= 22
