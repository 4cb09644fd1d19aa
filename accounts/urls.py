"""Pages of this app."""

from typing import Any

urlpatterns: list[Any] = []
