"""What may become of a run: the only writer of Run.status besides the claim. Retry, cancel and replay for people;
after_attempt, interrupt and expire for the engine; run_due to do it all at once, for tests and commands."""

import random
from collections.abc import Collection
from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max

from accounts import keys
from accounts.audit import record
from accounts.callers import Caller
from accounts.permissions import require
from accounts.roles import Verb
from actions.kinds.base import Outcome
from actions.kinds.registry import kinds
from actions.models import ActionVersion, Attempt, Decision, Run, RunStatus, Verdict
from actions.models.reaction import refuse_passthrough
from actions.retry import wait_before
from actions.variables import known_beforehand
from reactions_project import clock, wake

# A try in which the script did not begin uses up none of the action's, up to this one: a run may be what ends workers.
TRIES_TO_BEGIN = 5


def after_attempt(run: Run, outcome: Outcome, at: datetime) -> None:
    """Set the claimed run's fields to what the outcome makes of it; the caller saves them under the lease."""
    run.lease_until, run.lease_token = None, ""
    run.outcome, run.reason = outcome.code[:30], outcome.reason
    run.was_sandboxed = outcome.was_sandboxed
    if outcome.outputs:
        run.outputs = {**run.outputs, **outcome.outputs}
    if outcome.code == "cancelled":
        run.status, run.finished_at = RunStatus.CANCELLED, at
    elif outcome.code == "interrupted":
        run.status, run.finished_at = RunStatus.INTERRUPTED, at
    elif outcome.ok:
        run.status, run.finished_at = RunStatus.SUCCEEDED, at
    elif outcome.retryable and run.attempt_count < run.max_attempts and run.cancel_requested_at is not None:
        run.status, run.outcome, run.finished_at = RunStatus.CANCELLED, "cancelled", at
        run.reason = f"{outcome.reason} It is not tried again, since it was cancelled."
    elif outcome.retryable and run.attempt_count < run.max_attempts:
        wait = wait_before(run.attempt_count, outcome.retry_after, random.uniform, run.action_version.retry_waits)
        run.status, run.due_at = RunStatus.QUEUED, at + timedelta(seconds=wait)
        run.reason = (
            f"{outcome.reason} Try {run.attempt_count + 1} of {run.max_attempts} is due at {run.due_at:%H:%M:%S} UTC."
        )
    else:
        run.status, run.finished_at = RunStatus.FAILED, at
        if outcome.retryable and run.max_attempts > 1:
            run.reason = f"{outcome.reason} All {run.max_attempts} tries are used up."


def end_cancelled(run_ids: Collection[int], at: datetime) -> None:
    """Of runs that were just put back: those that were to be stopped while a worker had them go nowhere any more."""
    put_back = Run.objects.filter(pk__in=run_ids, status__in=(RunStatus.QUEUED, RunStatus.HELD))
    put_back.filter(cancel_requested_at__isnull=False).update(
        status=RunStatus.CANCELLED,
        held_by=None,
        outcome="cancelled",
        reason="Cancelled; its worker gave it back before it ended.",
        finished_at=at,
    )


@transaction.atomic
def cancel(caller: Caller, run: Run) -> Run:
    """Stop a run: a queued one at once, a running one as soon as its worker sees it. Raises PermissionDenied, and
    ValidationError when it has ended."""
    require(caller, Verb.RUN, run)
    now = clock.now()
    reason = f"Cancelled by {caller.label}."
    stopped = Run.objects.filter(pk=run.pk, status__in=(RunStatus.QUEUED, RunStatus.HELD)).update(
        status=RunStatus.CANCELLED, outcome="cancelled", reason=reason, finished_at=now, cancel_requested_at=now
    )
    if not stopped:
        stopped = Run.objects.filter(pk=run.pk, status=RunStatus.RUNNING, cancel_requested_at=None).update(
            cancel_requested_at=now, reason=f"{reason} Its worker is stopping it."
        )
    run.refresh_from_db()
    if not stopped and run.is_finished:
        raise ValidationError(f"The run has already {run.get_status_display().lower()}: there is nothing to cancel.")
    record(caller, "cancel", run, project=run.project)
    wake.rows_due()
    return run


def retry(caller: Caller, run: Run) -> Run:
    """Do a run that did not succeed once more, with the version it had; returns the new run."""
    require(caller, Verb.RUN, run)
    if run.status not in {RunStatus.FAILED, RunStatus.INTERRUPTED, RunStatus.CANCELLED}:
        raise ValidationError(
            f"The run is {run.get_status_display().lower()}: only a failed, cancelled or interrupted one is retried."
        )
    return _again(caller, run, run.action_version, "retry")


def replay(caller: Caller, run: Run, version: str = "same", due_at: datetime | None = None) -> Run:
    """React to the same event again, with the `same` or the `current` version of the action, now or at `due_at`;
    returns the new run."""
    require(caller, Verb.REPLAY, run)
    if not run.is_finished:
        raise ValidationError(f"The run is {run.get_status_display().lower()}: replay it when it has ended.")
    if version not in {"same", "current"}:
        raise ValidationError('A replay takes the version "same" or "current".')
    chosen = run.action_version
    if version == "current":
        if run.reaction is None:
            raise ValidationError("The reaction was deleted: only the same version can be replayed.")
        action = run.reaction.action
        chosen = ActionVersion.objects.get(action=action, version=action.version)
    return _again(caller, run, chosen, "replay", due_at)


@transaction.atomic
def _again(caller: Caller, run: Run, version: ActionVersion, verb: str, due_at: datetime | None = None) -> Run:
    action = version.action
    if not action.is_enabled:
        raise ValidationError(f"The action {action.name} is disabled: enable it first.")
    if run.event.trigger is not None:
        refuse_passthrough(action, [run.event.trigger])
    now = clock.now()
    # The event row is the lock: two replays at once take different sequences.
    type(run.event).objects.select_for_update().get(pk=run.event_id)
    last = Run.objects.filter(event=run.event, reaction=run.reaction).aggregate(last=Max("sequence"))["last"] or 0
    kind = kinds.get(version.kind)
    again = Run.objects.create(
        project=run.project,
        team=run.team,
        event=run.event,
        reaction=run.reaction,
        reaction_name=run.reaction_name,
        reaction_version=run.reaction.version if run.reaction else run.reaction_version,
        action_version=version,
        sequence=last + 1,
        executor=kind.executor,
        target_key=kind.target_key(version.config, known_beforehand(action, run.project))[:300],
        due_at=due_at or now,
        created_at=now,
        max_attempts=version.max_attempts,
        is_repeatable=version.is_repeatable,
        replay_of=run,
        requested_by=caller.user,
    )
    Decision.objects.create(
        event=run.event,
        reaction=run.reaction,
        reaction_name=run.reaction_name,
        reaction_version=again.reaction_version,
        project=run.project,
        sequence=again.sequence,
        verdict=Verdict.FIRED,
        reason=f"{'Retried' if verb == 'retry' else 'Replayed'} by {caller.label}, with version {version.version} "
        f"of {action.name}; the filter was not asked again.",
        run=again,
        at=now,
    )
    record(caller, verb, run, project=run.project, changes={"new_run": str(again.uid)})
    wake.rows_due()
    return again


@transaction.atomic
def expire_leases(now: datetime) -> int:
    """Runs whose worker was not heard of in time: what may be repeated or never began is queued again, a script that
    may not becomes interrupted (SEC-93). Returns how many there were."""
    expired = list(
        Run.objects.select_for_update(skip_locked=True, of=("self",))
        .filter(status="running", lease_until__lt=now)
        .order_by("pk")[:500]
    )
    for run in expired:
        _expire(run, now)
    if expired:
        wake.rows_due()
    return len(expired)


def _expire(run: Run, now: datetime) -> None:
    # Of a script the row is made before it begins, and nobody who comes late can make it once it is here.
    attempt, is_new = Attempt.objects.get_or_create(
        run=run, number=run.attempt_count, defaults={"started_at": run.started_at or now}
    )
    has_begun = run.executor == "http" or not is_new
    if not has_begun and run.cancel_requested_at is None:
        run.max_attempts = max(run.max_attempts, min(run.attempt_count + 1, TRIES_TO_BEGIN))
    outcome = _lost(run, has_begun)
    if attempt.finished_at is None:
        Attempt.objects.filter(pk=attempt.pk).update(finished_at=now, outcome=outcome.code, reason=outcome.reason)
    keys.revoke_run_tokens(run.uid)
    after_attempt(run, outcome, now)
    if run.status == RunStatus.QUEUED:
        run.due_at, run.reason = now, outcome.reason
    changed = ["status", "due_at", "lease_until", "lease_token", "outcome", "reason", "finished_at", "max_attempts"]
    run.save(update_fields=changed)


def _lost(run: Run, has_begun: bool) -> Outcome:
    may_repeat = run.executor == "http" or run.is_repeatable or not has_begun
    lost = "The worker that ran it was lost" if has_begun else "The worker that had it was lost before the script began"
    if run.cancel_requested_at is not None:
        return Outcome(ok=False, code="cancelled", reason=f"{lost} while it was being cancelled.")
    if may_repeat and run.attempt_count < run.max_attempts:
        return Outcome(ok=False, code="worker_lost", reason=f"{lost}; it is tried again.", retryable=True)
    if may_repeat:
        return Outcome(ok=False, code="worker_lost", reason=f"{lost}, and all {run.max_attempts} tries are used up.")
    return Outcome(
        ok=False,
        code="interrupted",
        reason=f"{lost} in the middle of the script. It is not repeated by itself, since it may have done half of its "
        "work: look at the log, then retry it.",
    )
