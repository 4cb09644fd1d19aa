"""The demo's teams, people, keys and projects."""

import base64
import hashlib
import hmac
from dataclasses import dataclass

from django.conf import settings

from accounts import grants, keys
from accounts.callers import Caller, caller_for
from accounts.models import ApiKey, Membership, Project, Role, Team, User

_SCOPES = ("read", "write", "run")


@dataclass(frozen=True)
class Person:
    username: str
    role: str
    password: str
    api_key: str


@dataclass(frozen=True)
class Space:
    """What the rest of the demo is built upon."""

    operator: Caller
    project: Project
    other_project: Project
    people: tuple[Person, ...]


def password_of(username: str) -> str:
    """The same for the same name on this server."""
    raw = hmac.new(settings.SECRET_KEY.encode(), f"demo password {username}".encode(), hashlib.sha256).digest()
    return base64.b32encode(raw).decode().lower()[:16]


def load_people() -> Space:
    """Operator, one person per role in the Web team, and an outsider who owns another team's project."""
    people = [_person("operator", "operator", is_operator=True)]
    operator = caller_for(User.objects.get(username="operator"))
    web = _team(operator, "Web team", "web-team", allows_authors=True)
    billing = _team(operator, "Billing team", "billing-team")
    for role in Role:
        people.append(_person(role.value, role.value))
        _join(operator, web, role.value, role)
    people.append(_person("outsider", "outsider"))
    _join(operator, billing, "outsider", Role.OWNER)
    return Space(
        operator=operator,
        project=_project(operator, web, "Core Web", "core-web", "The web shop that everybody sees."),
        other_project=_project(operator, billing, "Billing", "billing", "Invoices; another team's."),
        people=tuple(people),
    )


def _person(username: str, role: str, *, is_operator: bool = False) -> Person:
    user, created = User.objects.get_or_create(
        username=username,
        defaults={"email": f"{username}@example.com", "is_staff": is_operator, "is_superuser": is_operator},
    )
    password = password_of(username)
    if created:
        user.set_password(password)
        user.save()
    text = keys.derived_text(keys.API, f"demo {username}")
    if not ApiKey.objects.filter(prefix=keys.prefix_of(keys.API, text)).exists():
        keys.issue_api_key(user, "demo", _SCOPES, text=text)
    return Person(username, role, password, text)


def _team(operator: Caller, name: str, slug: str, *, allows_authors: bool = False) -> Team:
    return Team.objects.filter(slug=slug).first() or grants.create_team(
        operator, name, slug, allows_authors=allows_authors
    )


def _join(operator: Caller, team: Team, username: str, role: Role) -> None:
    user = User.objects.get(username=username)
    if not Membership.objects.filter(team=team, user=user).exists():
        grants.join(operator, team, user, role)


def _project(operator: Caller, team: Team, name: str, slug: str, description: str) -> Project:
    return Project.objects.filter(slug=slug).first() or grants.create_project(operator, team, name, slug, description)
