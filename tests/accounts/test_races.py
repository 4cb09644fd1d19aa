"""Two at once: what one of them may do alone, both together may not."""

import threading
from collections.abc import Callable

import pytest
from django.core.exceptions import ValidationError
from django.db import connections

from accounts import grants
from accounts.callers import caller_for
from accounts.models import Membership, Role
from actions.listening import internal_triggers
from tests.factories import ProjectFactory, TeamFactory, member
from triggers.models import Trigger

pytestmark = [
    pytest.mark.django_db(transaction=True),
]


def both(*attempts: Callable[[], object]) -> list[BaseException | None]:
    """Run each in a thread with a connection of its own, all let go at the same moment."""
    outcomes: list[BaseException | None] = [None] * len(attempts)
    barrier = threading.Barrier(len(attempts))

    def attempt(index: int) -> None:
        try:
            barrier.wait()
            attempts[index]()
        except Exception as error:
            outcomes[index] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=attempt, args=(index,)) for index in range(len(attempts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


@pytest.mark.parametrize("_round", range(5))
def test_of_two_owners_who_leave_at_once_one_stays(_round: int):
    team = TeamFactory()
    alice, bob = member(team, Role.OWNER), member(team, Role.OWNER)
    outcomes = both(
        lambda: grants.leave(caller_for(alice), team, alice),
        lambda: grants.join(caller_for(bob), team, bob, Role.VIEWER),
    )
    assert sum(isinstance(outcome, ValidationError) for outcome in outcomes) == 1
    assert Membership.objects.filter(team=team, role=Role.OWNER).count() == 1


@pytest.mark.parametrize("_round", range(5))
def test_two_reactions_saved_at_once_share_one_trigger(_round: int):
    project = ProjectFactory()
    alice = caller_for(member(project.team, Role.OWNER))
    outcomes = both(*[lambda: internal_triggers(alice, project, ["ReleaseCreated", "DeploymentStarted"])] * 4)
    assert outcomes == [None] * 4
    assert Trigger.objects.filter(project=project).count() == 2
