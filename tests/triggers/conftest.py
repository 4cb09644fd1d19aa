"""A project with a webhook and its key, and a client that delivers to it as a sender would."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from django.http import HttpResponse
from django.test import Client

from accounts import keys
from accounts.models import Project, User
from tests.factories import ProjectFactory, TeamFactory, WebhookFactory, member
from triggers.models import Trigger, TriggerKey


@pytest.fixture(autouse=True)
def _counts_of_its_own(settings: Any) -> Iterator[None]:
    """Requests that another test made do not count against this one."""
    if settings.REDIS_URL:
        with redis.Redis.from_url(settings.REDIS_URL) as counts:
            for name in [*counts.scan_iter("reactions:rate:*"), *counts.scan_iter("reactions:refused:*")]:
                counts.delete(name)
    # Not tmp_path, which is too long for sockets.
    with tempfile.TemporaryDirectory(prefix="reactions-") as folder:
        settings.REACTIONS_RUN_DIR = Path(folder)
        yield


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
