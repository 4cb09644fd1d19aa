"""The registry of action kinds; actions/kinds/__init__.py fills it."""

from actions.kinds.base import ActionKind
from reactions_project.registry import Registry

kinds: Registry[ActionKind] = Registry("action kind")
