from actions.models.action import Action, ActionSecret, ActionVersion
from actions.models.connection import Connection
from actions.models.decision import Decision, Verdict
from actions.models.engine import Heartbeat, TargetState
from actions.models.pause import Pause
from actions.models.reaction import Reaction, ReactionTrigger
from actions.models.run import Attempt, LogChunk, Run, RunStatus

__all__ = [
    "Action",
    "ActionSecret",
    "ActionVersion",
    "Attempt",
    "Connection",
    "Decision",
    "Heartbeat",
    "LogChunk",
    "Pause",
    "Reaction",
    "ReactionTrigger",
    "Run",
    "RunStatus",
    "TargetState",
    "Verdict",
]
