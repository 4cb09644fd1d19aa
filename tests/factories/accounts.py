"""Teams, people, projects and keys."""

from collections.abc import Iterable
from typing import Any

import factory
from django.contrib.auth.hashers import make_password

from accounts import grants, keys
from accounts.callers import Caller, caller_for
from accounts.models import Project, Role, Team, User


def operator_caller() -> Caller:
    """A site operator, made once per test."""
    user, _ = User.objects.get_or_create(username="operator", defaults={"is_staff": True, "is_superuser": True})
    return caller_for(user)


class UserFactory(factory.django.DjangoModelFactory[User]):
    class Meta:
        model = User

    username = factory.Sequence(lambda n: f"person-{n}")
    email = factory.LazyAttribute(lambda o: f"{o.username}@example.com")
    password = factory.LazyFunction(lambda: make_password(None))


class TeamFactory(factory.Factory[Team]):
    class Meta:
        model = Team

    name = factory.Sequence(lambda n: f"Team {n}")
    slug = factory.Sequence(lambda n: f"team-{n}")
    allows_authors = True

    @classmethod
    def _create(cls, model_class: Any, *args: Any, **kwargs: Any) -> Team:
        return grants.create_team(operator_caller(), **kwargs)


class ProjectFactory(factory.Factory[Project]):
    class Meta:
        model = Project

    name = factory.Sequence(lambda n: f"Project {n}")
    slug = factory.Sequence(lambda n: f"project-{n}")
    team = factory.SubFactory(TeamFactory)

    @classmethod
    def _create(cls, model_class: Any, *args: Any, **kwargs: Any) -> Project:
        return grants.create_project(operator_caller(), **kwargs)


def member(team: Team, role: Role | str, username: str = "") -> User:
    """A person who holds the role in the team: `alice = member(project.team, Role.OWNER, "alice")`."""
    user = UserFactory(**({"username": username} if username else {}))
    grants.join(operator_caller(), team, user, role)
    return user


def api_key(user: User, scopes: Iterable[str] = ("read", "write", "run")) -> str:
    """The text of a fresh key of that person."""
    return keys.issue_api_key(user, "test", list(scopes))[1]
