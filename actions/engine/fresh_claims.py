"""Claiming runs in the transaction that makes them: in a quiet moment what was decided is carried out without being
looked for, locked and read again. The lease is that of any claim, and so is what becomes of it when the worker dies."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from actions.engine.claims import Share
from actions.models import Run, RunStatus


class FreshClaim:
    """For a worker that has just found nothing due, so that nobody who waits is overtaken. The lease begins when the
    runs are made, which may be long after the share was told."""

    def __init__(self, share: Share, now: Callable[[], datetime]) -> None:
        self._share = share
        self._now = now
        self._left = share.limit
        self._of_target = Counter(share.in_flight)

    def take(self, runs: Sequence[Run]) -> None:
        """Of runs that are about to be written, make those the worker's that it may begin at once."""
        share = replace(self._share, now=self._now())
        for run in runs:
            if self._fits(run):
                self._left -= 1
                self._of_target[run.target_key] += 1
                run.status, run.attempt_count, run.started_at = RunStatus.RUNNING, run.attempt_count + 1, share.now
                run.lease_token, run.lease_until = share.token, share.lease_until

    def _fits(self, run: Run) -> bool:
        share = self._share
        return (
            self._left > 0
            and run.status == RunStatus.QUEUED
            and run.executor == share.executor
            and run.target_key not in share.targets
            and run.team_id not in share.teams
            and (share.per_target is None or self._of_target[run.target_key] < share.per_target)
        )
