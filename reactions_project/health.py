"""Liveness and readiness."""

from typing import Any

urlpatterns: list[Any] = []
