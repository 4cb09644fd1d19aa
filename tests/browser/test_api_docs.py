"""The documentation page in a real browser, under the site's own policy."""

from typing import Any

import pytest
from playwright.sync_api import Page


@pytest.mark.django_db(transaction=True)
def test_sec_71_swagger_ui_shows_the_api_without_breaking_the_policy(page: Page, live_server: Any) -> None:
    page.goto(f"{live_server.url}/api/docs/")
    page.wait_for_selector("#operations-reactions-reactions_list")
    page.click("#operations-reactions-reactions_list button")
    page.wait_for_selector("#operations-reactions-reactions_list .opblock-body")
    assert page.inner_text(".info .title").startswith("Reactions")
