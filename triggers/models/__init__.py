from triggers.models.catalog import Deployment, DeploymentProcess, Environment, Machine, Release
from triggers.models.event import Event
from triggers.models.trigger import Trigger, TriggerKey

__all__ = [
    "Deployment",
    "DeploymentProcess",
    "Environment",
    "Event",
    "Machine",
    "Release",
    "Trigger",
    "TriggerKey",
]
