"""Factories of teams, people, projects, triggers, actions and reactions, made through the product's own functions."""

from tests.factories.accounts import ProjectFactory, TeamFactory, UserFactory, api_key, member, operator_caller
from tests.factories.actions import ActionFactory, ReactionFactory
from tests.factories.triggers import EnvironmentFactory, InternalTriggerFactory, ReleaseFactory, WebhookFactory

__all__ = [
    "ActionFactory",
    "EnvironmentFactory",
    "InternalTriggerFactory",
    "ProjectFactory",
    "ReactionFactory",
    "ReleaseFactory",
    "TeamFactory",
    "UserFactory",
    "WebhookFactory",
    "api_key",
    "member",
    "operator_caller",
]
