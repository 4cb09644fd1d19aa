import pytest
from rest_framework.test import APIClient

from accounts.models import Project, User
from tests.factories import ProjectFactory, TeamFactory, member


@pytest.fixture
def project() -> Project:
    return ProjectFactory(name="Core Web", slug="core-web")


@pytest.fixture
def alice(project: Project) -> User:
    return member(project.team, "owner", "alice")


@pytest.fixture
def charlie() -> User:
    return member(TeamFactory(), "owner", "charlie")


@pytest.fixture
def signed_in():
    """`signed_in(user)` is a client with that person's session."""

    def make(user: User) -> APIClient:
        client = APIClient()
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return client

    return make
