"""A real Chromium against a live server. Whatever a page does, it must break no rule of the policy, log no error, reach
no other host and meet no 500: every test here checks that at its end."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client
from playwright.sync_api import Page, Request, Response

from accounts.models import Role, User
from actions.models import Reaction
from tests.factories import ReactionFactory, member

# Playwright's own event loop runs in the test's thread, where Django would refuse to touch the database.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
AXE = Path(__file__).parent / "vendor" / "axe-core-4.14.1" / "axe.min.js"
_RULES = ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]
_WATCH_POLICY = """
document.addEventListener("securitypolicyviolation", event => console.error(
  "POLICY " + event.violatedDirective + " " + event.blockedURI + " " + event.sample));
"""


def _chromium() -> str | None:
    wanted = os.environ.get("REACTIONS_CHROMIUM")
    return wanted or next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    own = [item for item in items if here in item.path.parents]
    for item in own:
        item.add_marker(pytest.mark.browser)
        if _chromium() is None and os.environ.get("REACTIONS_REQUIRE_BROWSER") != "1":
            item.add_marker(
                pytest.mark.skip("no Chromium was found: install chromium, or name it in REACTIONS_CHROMIUM")
            )


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    path = _chromium()
    if path is None:
        pytest.fail("REACTIONS_REQUIRE_BROWSER is set and no Chromium was found: install the package chromium")
    return {
        "executable_path": path,
        "args": [
            "--no-sandbox",
            "--disable-dev-shm-usage",
            "--force-color-profile=srgb",
            "--font-render-hinting=none",
        ],
    }


@pytest.fixture(scope="session")
def browser_context_args() -> dict[str, Any]:
    return {
        "viewport": {"width": 1280, "height": 800},
        "locale": "en-GB",
        "timezone_id": "UTC",
        "reduced_motion": "reduce",
    }


class Watch:
    """What a page did that it must not do. A test that means to meet an error says so with `expect`."""

    def __init__(self, page: Page, origin: str) -> None:
        self.wrong: list[str] = []
        self.bytes_by_url: dict[str, int] = {}
        self._expected: list[str] = []
        self._origin = origin
        page.add_init_script(_WATCH_POLICY)
        page.on("console", lambda message: message.type == "error" and self._note(f"console: {message.text}"))
        page.on("pageerror", lambda error: self._note(f"error: {error}"))
        page.on("dialog", lambda dialog: (self._note(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("request", self._request)
        page.on("response", self._response)

    def expect(self, part: str) -> None:
        self._expected.append(part)

    def _note(self, what: str) -> None:
        self.wrong.append(what)

    def _request(self, request: Request) -> None:
        if not request.url.startswith((self._origin, "data:")):
            self._note(f"request to another host: {request.url}")

    def _response(self, response: Response) -> None:
        if response.status >= 500:
            self._note(f"{response.status} from {response.url}")

    def unexpected(self) -> list[str]:
        return [what for what in self.wrong if not any(part in what for part in self._expected)]


@pytest.fixture(autouse=True)
def watch(request: pytest.FixtureRequest, page: Page, live_server: Any) -> Iterator[Watch]:
    page.set_default_timeout(15_000)
    watch = Watch(page, live_server.url)
    yield watch
    assert watch.unexpected() == []


@pytest.fixture
def reaction(transactional_db: None) -> Reaction:
    return ReactionFactory(
        name="Tell the monitoring system",
        conditions=[{"field": "environment", "operator": "is", "value": "Production"}],
    )


@pytest.fixture
def alice(reaction: Reaction) -> User:
    return member(reaction.project.team, Role.OWNER, "alice")


@pytest.fixture
def sign_in(page: Page, live_server: Any) -> Callable[[User], None]:
    """Put a person's session into the browser without going through the form."""

    def use(user: User) -> None:
        client = Client()
        client.force_login(user)
        name = django_settings.SESSION_COOKIE_NAME
        page.context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": live_server.url}])

    return use


@pytest.fixture
def visit(page: Page, live_server: Any) -> Callable[[str], Page]:
    def go(path: str) -> Page:
        page.goto(f"{live_server.url}{path}")
        return page

    return go


@pytest.fixture
def axe(page: Page) -> Callable[[], list[str]]:
    """What axe finds wrong with the present page, a line for each element."""

    def look() -> list[str]:
        page.evaluate(AXE.read_text())
        found = page.evaluate("rules => axe.run(document, {runOnly: rules})", _RULES)
        return [
            f"{violation['id']}: {node['target']} {node['failureSummary']}"
            for violation in found["violations"]
            for node in violation["nodes"]
        ]

    return look


def pretty(value: Any) -> str:
    return json.dumps(value, indent=2)
