"""Pausing a reaction, a team or everything: events are taken in and decided as ever, and their runs are held visibly.

What is decided during a pause is held at once. What was queued before is held when a worker claims it, before anything
is sent: so a pause costs one row however long the queue is, and held runs leave the queue's index, so that those behind
them cost no more than before. On resuming, runs go back in small batches, paced, and stale ones may be skipped.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Case, Count, F, Max, Min, Q, QuerySet, When

from accounts.audit import record
from accounts.callers import Caller
from accounts.grants import require_owner
from accounts.models import Team
from accounts.permissions import require, visible
from accounts.roles import Verb
from actions.execution import end_cancelled
from actions.models import Pause, Reaction, Run, RunStatus
from reactions_project import clock, wake
from reactions_project.prepared import PreparedRows

# Some milliseconds of the write lock each.
BATCH = 500
# So many are let go while whoever resumes waits for the answer; workers do the rest.
AT_ONCE = 2_000


class Pauses:
    """Those that are in force, the narrowest first."""

    def __init__(self, pauses: Iterable[Pause]) -> None:
        found = list(pauses)
        self._of_reaction = {pause.reaction_id: pause for pause in found if pause.reaction_id}
        self._of_team = {pause.team_id: pause for pause in found if pause.team_id}
        self._of_all = next((pause for pause in found if not pause.reaction_id and not pause.team_id), None)

    def __bool__(self) -> bool:
        return bool(self._of_reaction or self._of_team or self._of_all)

    def over(self, reaction_id: UUID | None, team_id: UUID) -> Pause | None:
        """The pause that holds a run of this reaction and team."""
        of_reaction = self._of_reaction.get(reaction_id) if reaction_id else None
        return of_reaction or self._of_team.get(team_id) or self._of_all


_in_force = PreparedRows(lambda: Pause.objects.filter(resumed_at=None).select_related("reaction", "team"), 0)


def pauses_in_force() -> Pauses:
    return Pauses(_in_force.all())


def visible_pauses(caller: Caller) -> QuerySet[Pause]:
    """Those of reactions and teams that the caller may see, and those of everything, which concern everybody."""
    return Pause.objects.filter(
        Q(reaction__in=visible(Reaction.objects.all(), caller).values("pk"))
        | Q(team__in=visible(Team.objects.all(), caller).values("pk"))
        | Q(reaction=None, team=None)
    ).select_related("reaction", "team")


@transaction.atomic
def pause(caller: Caller, *, reason: str, reaction: Reaction | None = None, team: Team | None = None) -> Pause:
    """Without reaction and team: everything, which only an operator may. Raises PermissionDenied, and ValidationError
    for what is paused already."""
    _require(caller, reaction, team)
    if not reason.strip():
        raise ValidationError({"reason": "Say why, for whoever wonders why nothing runs."})
    made = Pause(
        reaction=reaction, team=team, reason=reason.strip(), paused_by=caller.label[:200], paused_at=clock.now()
    )
    made.full_clean(validate_constraints=False)
    try:
        with transaction.atomic():
            made.save(force_insert=True)
    except IntegrityError:
        raise ValidationError(f"{made.scope.capitalize()} is paused already: resume it first.") from None
    project = reaction.project if reaction else None
    record(caller, "pause", reaction or team or made, project=project, team=team, changes={"reason": made.reason})
    return made


@dataclass(frozen=True)
class Held:
    """What resuming would let go, and how many another pause that is in force would go on to hold. `stale` and
    `kept_stale` are how many of each were made before a given moment: these can be skipped."""

    count: int
    oldest: datetime | None
    newest: datetime | None
    stale: int
    kept: int
    kept_stale: int
    by_reaction: list[dict[str, Any]]
    by_target: list[dict[str, Any]]


def held_by(pause: Pause, stale_before: datetime | None = None, among: QuerySet[Run] | None = None) -> Held:
    """What is held, and what waits in the queue for a worker to hold it; only `among` those runs, if given."""
    every = Run.objects.all() if among is None else among
    waiting = _of(pause, every.filter(status=RunStatus.QUEUED)) if not pause.is_over else every.none()
    runs = (every.filter(held_by=pause, status=RunStatus.HELD) | waiting).order_by()
    kept_on = _of_others(pause)
    goes, kept = runs.exclude(kept_on), runs.filter(kept_on)
    told = goes.aggregate(count=Count("pk"), oldest=Min("created_at"), newest=Max("created_at"))
    return Held(
        **told,
        stale=goes.filter(created_at__lt=stale_before).count() if stale_before else 0,
        kept=kept.count(),
        kept_stale=kept.filter(created_at__lt=stale_before).count() if stale_before else 0,
        by_reaction=_counted(goes, "reaction_name"),
        by_target=_counted(goes, "target_key"),
    )


def _of_others(pause: Pause) -> Q:
    """What other pauses in force are over."""
    others = list(Pause.objects.filter(resumed_at=None).exclude(pk=pause.pk))
    if any(other.reaction_id is None and other.team_id is None for other in others):
        return Q(pk__isnull=False)
    return Q(reaction__in=[other.reaction_id for other in others if other.reaction_id]) | Q(
        team__in=[other.team_id for other in others if other.team_id]
    )


def _counted(runs: QuerySet[Run], field: str) -> list[dict[str, Any]]:
    rows = runs.values_list(field).annotate(count=Count("pk")).order_by("-count", field)[:20]
    return [{"name": name, "count": count} for name, count in rows]


def resume(
    caller: Caller, pause: Pause, *, skip_older_than: timedelta | None = None, per_second: int | None = None
) -> Pause:
    """End the pause and let its runs go: those older than that are cancelled with a reason, at most `per_second` of the
    others start. Raises PermissionDenied, and ValidationError when it is over already.

    First it holds what no worker has claimed since the pause began, so that skipping and pacing apply to it too: in
    batches with a transaction each, of which the last ends the pause. What breaks off before leaves it in force, with
    more runs held than before.
    """
    _require(caller, pause.reaction, pause.team)
    is_ended = False
    while not is_ended:
        with transaction.atomic():
            # Of two that resume at once the slower must not hold what the other has let go.
            if not Pause.objects.select_for_update(no_key=True).filter(pk=pause.pk, resumed_at=None):
                raise ValidationError("This pause is over already.")
            if is_ended := _gather(pause) < BATCH:
                _end(caller, pause, skip_older_than, per_second)
    pause.refresh_from_db()
    return pause


def _gather(pause: Pause) -> int:
    """Hold a batch of what is queued; returns how many that were."""
    queued = _of(pause, Run.objects.filter(status=RunStatus.QUEUED)).order_by()
    # A worker that is claiming one of them will hold it itself.
    ids = list(queued.select_for_update(skip_locked=True).values_list("pk", flat=True)[:BATCH])
    held = Run.objects.filter(pk__in=ids, status=RunStatus.QUEUED)
    return held.update(status=RunStatus.HELD, held_by=pause, reason=pause.sentence)


def _end(caller: Caller, pause: Pause, skip_older_than: timedelta | None, per_second: int | None) -> None:
    now = clock.now()
    Pause.objects.filter(pk=pause.pk).update(
        resumed_at=now,
        resumed_by=caller.label[:200],
        skip_before=now - skip_older_than if skip_older_than is not None else None,
        per_second=per_second,
    )
    record(
        caller,
        "resume",
        pause.reaction or pause.team or pause,
        project=pause.reaction.project if pause.reaction else None,
        team=pause.team,
        changes={"skip_older_than": str(skip_older_than or ""), "per_second": per_second},
    )
    transaction.on_commit(lambda: release(AT_ONCE))


def hold(runs: Iterable[Run], token: str) -> set[int]:
    """Of runs just claimed under `token`, put aside those that a pause is over, as if they had not been claimed;
    returns their ids."""
    pauses = pauses_in_force()
    if not pauses:
        return set()
    by_pause: dict[Pause, list[int]] = {}
    for run in runs:
        if (found := pauses.over(run.reaction_id, run.team_id)) is not None:
            by_pause.setdefault(found, []).append(run.pk)
    held = {run_id for ids in by_pause.values() for run_id in ids}
    with transaction.atomic():
        for found, ids in by_pause.items():
            Run.objects.filter(pk__in=ids, lease_token=token, status=RunStatus.RUNNING).update(
                status=RunStatus.HELD,
                held_by=found,
                reason=found.sentence,
                lease_until=None,
                lease_token="",
                attempt_count=F("attempt_count") - 1,
                started_at=Case(When(attempt_count=1, then=None), default=F("started_at")),
            )
        end_cancelled(held, clock.now())
    return held


def _of(pause: Pause, runs: QuerySet[Run]) -> QuerySet[Run]:
    """Those of the runs that the pause is over."""
    if pause.reaction_id:
        return runs.filter(reaction=pause.reaction_id)
    return runs.filter(team=pause.team_id) if pause.team_id else runs


def _waiting() -> QuerySet[Run]:
    return Run.objects.filter(status=RunStatus.HELD).exclude(held_by__resumed_at=None, held_by__isnull=False)


_to_release = PreparedRows(lambda: _waiting().order_by()[:1], 0)


def release(most: int = BATCH) -> int:
    """Let go what is held and not paused any more, in batches; workers call it again and again."""
    # Without a transaction, which would wait for the right to write only to find nothing.
    if not _to_release.all():
        return 0
    done = 0
    while done < most and (released := _release_some(min(BATCH, most - done))):
        done += released
    if done:
        wake.rows_due()
    return done


@transaction.atomic
def _release_some(most: int) -> int:
    runs = list(
        _waiting().select_for_update(skip_locked=True, of=("self",)).select_related("held_by").order_by("pk")[:most]
    )
    pauses, now = pauses_in_force(), clock.now()
    count: dict[Pause, int] = {}
    for run in runs:
        before = run.held_by
        if before is not None and before.skip_before is not None and run.created_at < before.skip_before:
            run.held_by, run.status, run.outcome, run.finished_at = None, RunStatus.CANCELLED, "skipped", now
            run.reason = f"Skipped: {before.resumed_by} resumed {before.scope} without what had grown old by then."
            continue
        if (other := pauses.over(run.reaction_id, run.team_id)) is not None:
            run.held_by, run.reason = other, other.sentence
            continue
        run.held_by, run.reason, run.status, run.due_at = None, "", RunStatus.QUEUED, max(run.due_at, now)
        if before is None:
            continue
        position = before.released + count.get(before, 0)
        count[before] = count.get(before, 0) + 1
        if before.per_second and before.resumed_at is not None:
            run.due_at = max(run.due_at, before.resumed_at + timedelta(seconds=position / before.per_second))
    Run.objects.bulk_update(runs, ["held_by", "reason", "status", "due_at", "outcome", "finished_at"], batch_size=100)
    for before, number in count.items():
        Pause.objects.filter(pk=before.pk).update(released=F("released") + number)
    return len(runs)


def _require(caller: Caller, reaction: Reaction | None, team: Team | None) -> None:
    if reaction is not None:
        require(caller, Verb.UPDATE, reaction)
    elif team is not None:
        require_owner(caller, team, f"pause or resume team {team}")
    elif not (caller.is_session and caller.is_operator):
        raise PermissionDenied(f"{caller.label} may not pause or resume everything: ask a site operator.")
