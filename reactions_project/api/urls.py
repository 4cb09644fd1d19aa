"""Schema and documentation of the REST API."""

from typing import Any

urlpatterns: list[Any] = []
