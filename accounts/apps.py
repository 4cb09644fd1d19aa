"""Who may: teams, projects, keys, secrets, permissions."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"
