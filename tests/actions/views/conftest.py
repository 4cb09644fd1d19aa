"""A project with one reaction, its people, and a browser's session for each of them."""

from collections.abc import Callable

import pytest
from django.test import Client

from accounts.models import Role, User
from actions.models import Reaction
from tests.factories import ReactionFactory, UserFactory, member


@pytest.fixture
def reaction(db) -> Reaction:
    return ReactionFactory(
        name="Tell the monitoring system",
        conditions=[{"field": "environment", "operator": "is", "value": "Production"}],
    )


@pytest.fixture
def people(reaction: Reaction) -> dict[str, User]:
    """Alice owns, Ed edits, Vera views; Charlie is outside."""
    team = reaction.project.team
    return {
        "alice": member(team, Role.OWNER, "alice"),
        "ed": member(team, Role.EDITOR, "ed"),
        "vera": member(team, Role.VIEWER, "vera"),
        "charlie": UserFactory(username="charlie"),
    }


@pytest.fixture
def browse(people: dict[str, User]) -> Callable[[str], Client]:
    """`browse("alice")` is her browser, signed in; `browse("")` is nobody's."""

    def make(name: str) -> Client:
        client = Client()
        if name:
            client.force_login(people[name])
        return client

    return make
