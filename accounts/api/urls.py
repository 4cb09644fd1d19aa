"""REST routes of this app, under /api/."""

from typing import Any

from accounts.api import schema  # noqa: F401  # importing it registers the descriptions

urlpatterns: list[Any] = []
