"""What we do: reactions, actions, runs."""

from django.apps import AppConfig


class ActionsConfig(AppConfig):
    name = "actions"
