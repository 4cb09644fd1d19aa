"""The documentation page in a real browser, under the site's own policy."""

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

CHROMIUM = os.environ.get("REACTIONS_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")


def test_sec_71_the_page_loads_nothing_from_outside_and_nothing_inline(client: Client, db):
    answer = client.get("/api/docs/")
    page = answer.content.decode()
    assert answer.status_code == 200
    assert "http://" not in page
    assert "https://" not in page
    assert "<style" not in page
    assert "<script>" not in page
    policy = answer["Content-Security-Policy"]
    assert "script-src 'self';" in f"{policy};"
    assert "unsafe" not in policy


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed: install it, or name it in REACTIONS_CHROMIUM, to run browser tests")
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    # Playwright keeps an event loop in this thread, which Django takes for asynchronous code.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser.new_page()
        browser.close()


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_sec_71_swagger_ui_shows_the_api_without_breaking_the_policy(page: Any, live_server: Any):
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{live_server.url}/api/docs/")
    page.wait_for_selector("#operations-reactions-reactions_list")
    page.click("#operations-reactions-reactions_list button")
    page.wait_for_selector("#operations-reactions-reactions_list .opblock-body")
    assert page.inner_text(".info .title").startswith("Reactions")
    assert said == []
    assert all(url.startswith((live_server.url, "data:")) for url in asked)
