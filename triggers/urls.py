"""Addresses of this app. The webhook takes all that is left under /triggers/, so it stays last."""

from typing import Any

from django.urls import path, register_converter
from django.urls.converters import StringConverter

from triggers.views.webhook import webhook


class AnyText(StringConverter):
    """Slashes, line breaks, nothing: every address under /triggers/ that is no endpoint answers alike (SEC-13)."""

    regex = r"(?s:.*)"


register_converter(AnyText, "any")

urlpatterns: list[Any] = [
    path("triggers/<any:route>", webhook, name="webhook"),
]
