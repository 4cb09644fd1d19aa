"""The state machine of deployments, from both sides at once."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection

from accounts.callers import caller_for
from tests.factories import EnvironmentFactory, ReleaseFactory, member
from triggers.catalog.deployments import TRANSITIONS, WrongState, create_deployment, move
from triggers.models import Deployment, Event
from triggers.models.catalog import DeploymentState


@pytest.mark.django_db(transaction=True)
def test_of_two_that_end_a_deployment_at_once_one_does():
    release = ReleaseFactory()
    alice = caller_for(member(release.project.team, "owner"))
    deployment = move(alice, create_deployment(alice, release, EnvironmentFactory()), "start")

    def end(verb: str) -> bool:
        try:
            move(alice, Deployment.objects.get(pk=deployment.pk), verb)
        except WrongState:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(end, ["succeed", "fail", "cancel", "succeed"])) == [False, False, False, True]
    assert Event.objects.count() == 3


@pytest.mark.django_db
def test_a_move_leaves_its_time():
    release = ReleaseFactory()
    alice = caller_for(member(release.project.team, "owner"))
    deployment = create_deployment(alice, release, EnvironmentFactory())
    assert (deployment.started_at, deployment.finished_at) == (None, None)
    move(alice, deployment, "start")
    assert deployment.started_at is not None
    assert deployment.finished_at is None
    move(alice, deployment, "succeed")
    assert deployment.finished_at is not None


@pytest.mark.django_db
def test_somebody_without_the_right_changes_nothing_and_leaves_no_event():
    release, environment = ReleaseFactory(), EnvironmentFactory()
    viewer = caller_for(member(release.project.team, "viewer"))
    with pytest.raises(PermissionDenied):
        create_deployment(viewer, release, environment)
    alice = caller_for(member(release.project.team, "owner"))
    deployment = create_deployment(alice, release, environment)
    with pytest.raises(PermissionDenied):
        move(viewer, deployment, "start")
    assert Event.objects.count() == 1
    assert Deployment.objects.get().state == DeploymentState.QUEUED


def test_no_move_leads_out_of_an_end():
    ends = {DeploymentState.SUCCEEDED, DeploymentState.FAILED, DeploymentState.CANCELED}
    assert all(not allowed & ends for allowed, _, _ in TRANSITIONS.values())
