"""How many runs of a team wait for a worker, for those who must not let the queue grow without end (SEC-90)."""

from uuid import UUID

from actions.models import Run, RunStatus
from triggers.ceiling import counted


def queued_runs(team_id: UUID, most: int) -> int:
    """Counted no further than `most`, and of everybody while that is less."""
    return counted(Run.objects.filter(status=RunStatus.QUEUED).order_by(), "team", team_id, most)
