"""A project with a webhook and its key, and a client that delivers to it as a sender would."""

import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import quote

import pytest
import redis
from django.http import HttpResponse
from django.test import Client

from accounts import keys
from accounts.models import Project, User
from reactions_project.wsgi_over_asgi import Delivery
from tests.factories import ProjectFactory, TeamFactory, WebhookFactory, member
from triggers.models import Trigger, TriggerKey
from triggers.views.deliveries import answer_all, is_plain


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


@pytest.fixture(params=["alone", "together"])
def deliver(key: str, request: pytest.FixtureRequest) -> Deliver:
    """`deliver({"a": 1})` posts JSON with the key in a header; keyword arguments change one thing each. By both ways
    that a delivery may take through the web server."""

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
        client = Together() if request.param == "together" else Client(raise_request_exception=True)
        address = f"/triggers/{route}{'?' + query if query else ''}"
        return client.post(address, {} if body is None else body, content_type, headers=sent)

    return post


class Together(Client):
    """What is a plain delivery goes the way of those that share a commit."""

    def request(self, **request: Any) -> Any:
        environ = self._base_environ(**request)
        path = quote(environ["PATH_INFO"].encode("latin-1")).encode()
        headers = {
            name.removeprefix("HTTP_").replace("_", "-").lower(): str(value)
            for name, value in environ.items()
            if name.startswith("HTTP_") or name in {"CONTENT_TYPE", "CONTENT_LENGTH"}
        }
        headers.setdefault("host", "testserver")
        if not is_plain(environ["REQUEST_METHOD"], path, headers, environ["wsgi.url_scheme"]):
            return super().request(**request)
        body = environ["wsgi.input"].read()
        delivery = Delivery(path, headers, environ["QUERY_STRING"], environ["REMOTE_ADDR"], "1.1", body)
        # It would end the transaction that the test is in, as Django's own client knows too.
        with patch("triggers.views.deliveries.close_old_connections"):
            ((status, pairs, content),) = answer_all([delivery])
        named = {name.decode().title().replace("Www-", "WWW-"): value.decode() for name, value in pairs}
        answer: Any = HttpResponse(content, status=status, headers=named)
        answer.json = lambda: json.loads(content)
        return answer
