"""Writing results: many runs in one transaction, guarded so that only who still holds the lease writes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from accounts import keys
from actions.engine.leases import still_held
from actions.execution import after_attempt
from actions.kinds.base import Outcome
from actions.models import Attempt, Run
from reactions_project.prepared import PreparedInsert, PreparedUpdate


@dataclass(frozen=True)
class Finished:
    """One attempt that ended. `run` is as it was claimed; `attempt_id` is set where the row
    was written at the start."""

    run: Run
    outcome: Outcome
    started_at: datetime
    finished_at: datetime
    attempt_id: int | None = None


FIELDS_AFTER_ATTEMPT = [
    "status",
    "due_at",
    "lease_until",
    "lease_token",
    "outcome",
    "reason",
    "outputs",
    "finished_at",
    "was_sandboxed",
]
_runs, _attempts = PreparedUpdate(Run, FIELDS_AFTER_ATTEMPT), PreparedInsert(Attempt)


@transaction.atomic
def flush(finished: Sequence[Finished], token: str, worker: str) -> list[Finished]:
    """Write attempts and new states of the runs that are still ours, and return those."""
    held = still_held([one.run for one in finished], token)
    ours = [one for one in finished if (one.run.pk, one.run.attempt_count) in held]
    changed: list[Run] = []
    for one in ours:
        if held[one.run.pk, one.run.attempt_count]:
            # Asked for since the run was claimed.
            one.run.cancel_requested_at = one.run.cancel_requested_at or one.finished_at
        after_attempt(one.run, one.outcome, one.finished_at)
        changed.append(one.run)
    _runs.update_all(changed)
    _attempts.insert_values([_attempt(one, worker) for one in ours if one.attempt_id is None])
    for one in ours:
        if one.attempt_id is not None:
            Attempt.objects.filter(pk=one.attempt_id).update(**_result(one))
            keys.revoke_run_tokens(one.run.uid)
    return ours


def _attempt(one: Finished, worker: str) -> dict[str, Any]:
    return {
        "run_id": one.run.pk,
        "number": one.run.attempt_count,
        "worker": worker,
        "started_at": one.started_at,
        **_result(one),
    }


def _result(one: Finished) -> dict[str, Any]:
    outcome = one.outcome
    return {
        "finished_at": one.finished_at,
        "outcome": outcome.code,
        "reason": outcome.reason,
        "exit_code": outcome.exit_code,
        "http_status": outcome.http_status,
        "request": dict(outcome.request) if outcome.request is not None else None,
        "response": dict(outcome.response) if outcome.response is not None else None,
        "timings": dict(outcome.timings),
    }
