"""Writing results: many runs in one transaction, guarded so that only who still holds the lease writes."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db import transaction

from accounts import keys
from actions.engine.leases import still_held
from actions.engine.storable import storable
from actions.execution import after_attempt
from actions.kinds.base import Outcome
from actions.models import Attempt, Run
from reactions_project.prepared import PreparedInsert, PreparedUpdate

log = logging.getLogger("reactions.engine")


@dataclass(frozen=True)
class Finished:
    """One attempt that ended. `run` is as it was claimed; `attempt_id` is set where the row
    was written at the start."""

    run: Run
    outcome: Outcome
    started_at: datetime
    finished_at: datetime
    attempt_id: int | None = None
    # Stands for one that the database refused.
    is_substitute: bool = False


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
    ours = [_storable(one) for one in finished if (one.run.pk, one.run.attempt_count) in held]
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


def without_what_was_refused(finished: Sequence[Finished], error: Exception) -> list[list[Finished]]:
    """What to write, one after the other, instead of what the database refused together: each half, or of a single
    result a plain failure that says so. Nothing when it refused that too: then the fault is not the result's."""
    if len(finished) > 1:
        half = len(finished) // 2
        return [list(finished[:half]), list(finished[half:])]
    (one,) = finished
    if one.is_substitute:
        return []
    log.error("what came of run %s was refused by the database", one.run.uid, exc_info=error)
    reason = (
        f"It was carried out ({one.outcome.code}), but what came of it could not be stored: the database refused it "
        f"({type(error).__name__}). See run {one.run.uid} in the worker's log."
    )
    # Writing it had begun.
    one.run.outputs = {name: value for name, value in one.run.outputs.items() if name not in one.outcome.outputs}
    outcome = Outcome(ok=False, code="unwritable", reason=reason, was_sandboxed=one.outcome.was_sandboxed)
    return [[replace(one, outcome=outcome, is_substitute=True)]]


def _storable(one: Finished) -> Finished:
    outcome = storable(one.outcome)
    return one if outcome is one.outcome else replace(one, outcome=outcome)


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
