"""What happened: triggers, events, the catalogue."""

from django.apps import AppConfig


class TriggersConfig(AppConfig):
    name = "triggers"
