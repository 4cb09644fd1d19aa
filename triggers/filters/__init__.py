"""The filter of a reaction: conditions on an event, all of which must pass. Pure.

`validate` when a reaction is saved, `evaluate` when an event is decided, `describe` for pages.
"""

from triggers.filters.conditions import Problem, describe, validate
from triggers.filters.evaluation import ConditionTrace, Verdict, evaluate
from triggers.filters.fields import EventFacts, Found, Missing, fields, look_up
from triggers.filters.operators import operators

__all__ = [
    "ConditionTrace",
    "EventFacts",
    "Found",
    "Missing",
    "Problem",
    "Verdict",
    "describe",
    "evaluate",
    "fields",
    "look_up",
    "operators",
    "validate",
]
