"""Projects and deployments."""

import pytest
from django.urls import reverse

from tests.actions.views.ledgers import event_of
from tests.factories import EnvironmentFactory, ReleaseFactory, WebhookFactory, operator_caller
from triggers.catalog.deployments import create_deployment, move


@pytest.fixture
def alice(browse):
    return browse("alice")


def test_a_project_shows_its_reactions_triggers_events_and_deployments(alice, reaction, settings):
    settings.REACTIONS_BASE_URL = "https://reactions.example.com"
    WebhookFactory(project=reaction.project, route="packages")
    event_of(reaction.project, subject="Something happened")
    create_deployment(operator_caller(), ReleaseFactory(project=reaction.project, version="7.1"), EnvironmentFactory())
    text = alice.get(reverse("project-detail", args=[reaction.project.slug])).content.decode()
    assert reaction.name in text
    assert "https://reactions.example.com/triggers/packages" in text
    assert "Something happened" in text
    assert "7.1" in text


def test_the_list_counts_reactions(alice, reaction):
    [project] = alice.get(reverse("project-list")).context["projects"]
    assert (project.name, project.reaction_count) == (reaction.project.name, 1)


def test_a_deployment_tells_its_story(alice, reaction):
    release = ReleaseFactory(project=reaction.project, version="7.1")
    deployment = create_deployment(operator_caller(), release, EnvironmentFactory(name="Production"))
    move(operator_caller(), deployment, "start")
    move(operator_caller(), deployment, "fail", error="Step 3 timed out")
    url = reverse("deployment-detail", args=[reaction.project.slug, deployment.octopus_id])
    text = alice.get(url).content.decode()
    for words in ("7.1 to Production", "Failed", "Step 3 timed out", "Deployment queued", "Deployment started"):
        assert words in text


def test_a_deployment_that_only_events_tell_of_has_a_page(alice, reaction):
    event_of(reaction.project, deployment="Deployments-9001")
    url = reverse("deployment-detail", args=[reaction.project.slug, "Deployments-9001"])
    assert "knows the deployment from events only" in alice.get(url).content.decode()


def test_an_unknown_deployment_is_not_there(alice, reaction):
    url = reverse("deployment-detail", args=[reaction.project.slug, "Deployments-9002"])
    assert alice.get(url).status_code == 404
