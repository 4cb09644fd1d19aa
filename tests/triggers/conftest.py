"""A project with a webhook and its key, and a client that delivers to it as a sender would."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from accounts import keys
from accounts.models import Project, User
from tests.factories import ProjectFactory, TeamFactory, WebhookFactory, member
from triggers.models import Trigger, TriggerKey


@pytest.fixture(autouse=True)
def _counts_of_its_own(settings: Any, tmp_path: Path) -> None:
    """Requests that another test made do not count against this one."""
    settings.REACTIONS_RUN_DIR = tmp_path / "run"
    if settings.REDIS_URL:
        import redis

        redis.Redis.from_url(settings.REDIS_URL).delete("reactions:rate:failures 127.0.0.1")


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
def webhook(project: Project) -> Trigger:
    return WebhookFactory(project=project, route="packages", name="Packages")


@pytest.fixture
def key(webhook: Trigger) -> str:
    return key_of(webhook)


def key_of(trigger: Trigger, **more: Any) -> str:
    return keys.issue(TriggerKey(trigger=trigger, **more), keys.TRIGGER)


Deliver = Callable[..., HttpResponse]


@pytest.fixture
def deliver(key: str) -> Deliver:
    """`deliver({"a": 1})` posts JSON with the key in a header; keyword arguments change one thing each."""

    def post(
        body: Any = None,
        *,
        route: str = "packages",
        query: str = "",
        content_type: str = "application/json",
        key: str | None = key,
        headers: dict[str, str] | None = None,
    ) -> HttpResponse:
        sent = {**({"X-Api-Key": key} if key is not None else {}), **(headers or {})}
        client = Client(raise_request_exception=True)
        address = f"/triggers/{route}{'?' + query if query else ''}"
        return client.post(address, {} if body is None else body, content_type, headers=sent)

    return post
