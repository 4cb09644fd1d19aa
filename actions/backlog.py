"""How many runs of a team wait for a worker, for those who must not let the queue grow without end (SEC-90).

What a pause holds does not count: whoever paused meant to lose nothing, and many senders do not send again. It takes no
more room than the finished run that it would be otherwise, and comes no faster than its trigger's rate allows.
"""

from uuid import UUID

from actions.models import Run, RunStatus
from triggers.ceiling import counted


def queued_runs(team_id: UUID, most: int) -> int:
    """Counted no further than `most`, and of everybody while that is less."""
    return counted(Run.objects.filter(status=RunStatus.QUEUED).order_by(), "team", team_id, most)
