"""Deciding: which reactions an event concerns, whether each fires, and why not. Writes Decisions and queues Runs.

`match_events` is a plain function over event rows; the engine calls it for unmatched events as it calls execution
for due runs. Filters are evaluated with no transaction open; then one transaction closes the events and inserts
what was decided, so a crash leaves either an unmatched event or all of its decisions.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.models import Count

from accounts.audit import record
from accounts.callers import NOBODY
from actions.kinds.registry import kinds
from actions.listeners import listeners_of
from actions.models import ActionVersion, Decision, Reaction, Run, RunStatus, Verdict
from actions.models.reaction import refuse_passthrough
from actions.pausing import pauses_in_force
from actions.variables import known_beforehand
from reactions_project import clock, wake
from reactions_project.prepared import Among, NewRows, PreparedInsert, PreparedRows, fetched, many
from triggers.facts import facts_of
from triggers.filters import evaluate
from triggers.filters.fields import EventFacts, look_up
from triggers.models import Event, Trigger

# (reaction id, value of its once_per field)
OnceKey = tuple[UUID, str]
# Of runs about to be written, claims those that whoever decides will carry out at once.
Take = Callable[[Sequence[Run]], None]
_new_run, _runs, _decisions = NewRows(Run), PreparedInsert(Run), PreparedInsert(Decision)


@dataclass
class Decided:
    """One considered pair before it is written."""

    event: Event
    reaction: Reaction
    trigger: Trigger
    verdict: Verdict
    reason: str
    trace: list[dict[str, Any]] = field(default_factory=list)
    once_key: str = ""


def match_events(events: Sequence[Event], take: Take | None = None) -> list[Run]:
    """Decide all reactions of these events; returns the runs that were made. Those that `take` claimed are running."""
    considered = listeners_of(events)
    decided: list[Decided] = []
    runs_of_root = _runs_per_root(events)
    fired: dict[OnceKey, datetime] = {}
    for event in events:
        facts = facts_of(event)
        for link in considered[event.pk]:
            outcome = decide(event, link.reaction, link.trigger, facts, runs_of_root[event.root], fired)
            if outcome.verdict == Verdict.FIRED:
                runs_of_root[event.root] += 1
                fired[link.reaction.pk, outcome.once_key] = clock.now()
            decided.append(outcome)
    return _write(events, decided, take)


def give_up(event: Event, error: Exception) -> None:
    """Close an event that cannot be decided, visibly: every reaction that listens gets a decision that says so."""
    reason = f"Reactions itself failed while deciding ({type(error).__name__}): see event {event.uid} in the log."
    decided = [
        Decided(event, link.reaction, link.trigger, Verdict.ERROR, reason) for link in listeners_of([event])[event.pk]
    ]
    _write([event], decided)


def decide(
    event: Event,
    reaction: Reaction,
    trigger: Trigger,
    facts: EventFacts,
    runs_of_root: int = 0,
    fired: Mapping[OnceKey, datetime] | None = None,
) -> Decided:
    """Whether one reaction fires for one event, and why. Writes nothing; a dry run calls it too.

    `runs_of_root` counts the runs that the first event of the chain already started; `fired` is what fired in the
    same batch and is not written yet.
    """

    def because(
        verdict: Verdict, reason: str, trace: list[dict[str, Any]] | None = None, once_key: str = ""
    ) -> Decided:
        return Decided(event, reaction, trigger, verdict, reason, trace or [], once_key)

    try:
        refuse_passthrough(reaction.action, [trigger])
    except ValidationError as error:
        return because(Verdict.REFUSED, error.messages[0])
    if disabled := _disabled(reaction, trigger):
        return because(Verdict.DISABLED, disabled)
    if loop := _loop(event, reaction, runs_of_root):
        return because(Verdict.LOOP, loop)
    verdict = evaluate(reaction.conditions, facts)
    trace = [condition.to_json() for condition in verdict.trace]
    if verdict.error:
        return because(Verdict.ERROR, verdict.error, trace)
    if not verdict.passed:
        return because(Verdict.FILTERED, verdict.why or "The filter did not pass.", trace)
    once_key = _once_key(reaction, facts)
    if once_key and (former := _fired_before(reaction, once_key, event.recorded_at, fired or {})):
        return because(Verdict.DUPLICATE, _duplicate_sentence(reaction, once_key, former), trace)
    return because(Verdict.FIRED, _passed_sentence(reaction, trace), trace, once_key)


def _passed_sentence(reaction: Reaction, trace: list[dict[str, Any]]) -> str:
    if not reaction.conditions:
        return "No filter: every event of its triggers fires it."
    if len(trace) <= 2:
        return "The one condition passed." if len(trace) == 1 else "Both conditions passed."
    return f"All {len(trace)} conditions passed."


def _duplicate_sentence(reaction: Reaction, once_key: str, former: datetime) -> str:
    return (
        f"{reaction.once_per} is {once_key!r}, for which this reaction already fired at "
        f"{former:%H:%M:%S} UTC; it fires once in {reaction.once_seconds} s."
    )


def _disabled(reaction: Reaction, trigger: Trigger) -> str:
    if not reaction.is_enabled:
        return "The reaction is disabled: enable it to let it fire again."
    if not trigger.is_enabled:
        return f"The trigger {trigger.name} is disabled: enable it to let it fire again."
    if not reaction.action.is_enabled:
        return f"The action {reaction.action.name} is disabled: enable it to let it run again."
    if not reaction.project.team.is_enabled:
        return f"The team {reaction.project.team.name} is disabled by an operator."
    return ""


def _loop(event: Event, reaction: Reaction, runs_of_root: int) -> str:
    if str(reaction.pk) in event.chain:
        return "Loop stopped: this reaction already ran in the chain of events that led here."
    if len(event.chain) >= settings.REACTIONS_CHAIN_DEPTH:
        return (
            f"Loop stopped: {len(event.chain)} reactions led here, and {settings.REACTIONS_CHAIN_DEPTH} is the limit."
        )
    if runs_of_root >= settings.REACTIONS_RUNS_PER_ROOT:
        return f"Loop stopped: one first event already started {runs_of_root} runs, which is the limit."
    return ""


def _once_key(reaction: Reaction, facts: EventFacts) -> str:
    if not reaction.once_per:
        return ""
    found = look_up(reaction.once_per, facts)
    return str(getattr(found, "value", ""))[:200]


def _fired_before(
    reaction: Reaction, once_key: str, at: datetime, fired: Mapping[OnceKey, datetime]
) -> datetime | None:
    if (reaction.pk, once_key) in fired:
        return fired[reaction.pk, once_key]
    since = at - timedelta(seconds=reaction.once_seconds)
    former = Decision.objects.filter(reaction=reaction, once_key=once_key, verdict=Verdict.FIRED, at__gte=since)
    return former.values_list("at", flat=True).first()


def _runs_per_root(events: Iterable[Event]) -> dict[Any, int]:
    # Only events that a run caused can have runs under their root already.
    roots = {event.root for event in events if event.chain}
    counts: dict[Any, int] = defaultdict(int)
    if roots:
        rows = Run.objects.filter(event__root__in=roots).values_list("event__root").annotate(n=Count("pk"))
        counts.update(dict(rows))
    return counts


def _write(events: Sequence[Event], decided: list[Decided], take: Take | None = None) -> list[Run]:
    now = clock.now()
    versions = _current_versions(decided)
    with transaction.atomic():
        # Whoever closes an unmatched event writes for it; another worker that decided the same finds it closed.
        mine = _close([event.pk for event in events], now)
        decided = [one for one in decided if one.event.pk in mine]
        _look_again([one for one in decided if one.once_key])
        runs = {
            id(one): _run(one, versions[one.reaction.action_id], now) for one in decided if one.verdict == Verdict.FIRED
        }
        _hold(runs.values())
        if take is not None:
            take(list(runs.values()))
        _runs.insert_all(list(runs.values()))
        _decisions.insert_values([_decision(one, runs.get(id(one)), now) for one in decided])
        for one in decided:
            if one.verdict == Verdict.LOOP:
                record(NOBODY, "stop loop", one.reaction, project=one.reaction.project, changes={"reason": one.reason})
        if any(run.status == RunStatus.QUEUED for run in runs.values()):
            # The event woke everybody before there was a run to claim.
            wake.rows_due()
    return list(runs.values())


def _look_again(firing: Sequence[Decided]) -> None:
    """Another worker may have fired for the same value since this one looked."""
    if not firing:
        return
    if connection.vendor == "postgresql":
        # Whoever decides for one of these reactions too waits here, and then sees what we wrote. SQLite has one writer.
        reactions = Reaction.objects.filter(pk__in={one.reaction.pk for one in firing}).order_by("pk")
        list(reactions.select_for_update(no_key=True).values_list("pk"))
    for one in firing:
        if former := _fired_before(one.reaction, one.once_key, one.event.recorded_at, {}):
            one.verdict, one.reason = Verdict.DUPLICATE, _duplicate_sentence(one.reaction, one.once_key, former)
            one.once_key = ""


def _hold(runs: Collection[Run]) -> None:
    """What is decided during a pause is held from the start."""
    if not runs or not (pauses := pauses_in_force()):
        return
    for run in runs:
        if (found := pauses.over(run.reaction_id, run.team_id)) is not None:
            run.status, run.held_by, run.reason = RunStatus.HELD, found, found.sentence


_versions = PreparedRows(
    lambda actions, numbers: ActionVersion.objects.filter(Among("action__pk", actions), Among("version", numbers)), 2
)
_MOST_VERSIONS = 1_000
# By action and number: a version never changes, so each is read once.
_read_versions: dict[tuple[UUID, int], ActionVersion] = {}


def _current_versions(decided: list[Decided]) -> dict[UUID, ActionVersion]:
    """Of the actions as they were read, by their ids."""
    actions = [one.reaction.action for one in decided if one.verdict == Verdict.FIRED]
    wanted = {(action.pk, action.version) for action in actions}
    if not wanted <= _read_versions.keys():
        if len(_read_versions) > _MOST_VERSIONS:
            _read_versions.clear()
        found = _versions.all(many({pk for pk, _ in wanted}), many({number for _, number in wanted}))
        _read_versions.update({(version.action_id, version.version): version for version in found})
    return {pk: _read_versions[pk, number] for pk, number in wanted}


_CLOSE = {
    "sqlite": "UPDATE triggers_event SET matched_at = %s"
    " WHERE matched_at IS NULL AND id IN (SELECT value FROM json_each(%s)) RETURNING id",
    # Materialized, so that the rows are chosen once.
    "postgresql": "WITH open AS MATERIALIZED (SELECT id FROM triggers_event WHERE matched_at IS NULL AND id = ANY(%s)"
    " ORDER BY id FOR UPDATE SKIP LOCKED)"
    " UPDATE triggers_event SET matched_at = %s FROM open WHERE triggers_event.id = open.id RETURNING open.id",
}


def _close(event_ids: Sequence[int], now: datetime) -> set[int]:
    """Mark those as decided that nobody else has; returns their ids."""
    at, ids = connection.ops.adapt_datetimefield_value(now), many(event_ids)
    values = [at, ids] if connection.vendor == "sqlite" else [ids, at]
    return {row[0] for row in fetched(_CLOSE[connection.vendor], values)}


def _run(one: Decided, version: ActionVersion, now: datetime, sequence: int = 1) -> Run:
    kind = kinds.get(version.kind)
    reaction = one.reaction
    version.action = reaction.action
    return _new_run(
        {"project": reaction.project, "event": one.event, "reaction": reaction, "action_version": version},
        team_id=reaction.project.team_id,
        reaction_name=reaction.name,
        reaction_version=reaction.version,
        sequence=sequence,
        executor=kind.executor,
        target_key=kind.target_key(version.config, known_beforehand(reaction.action, reaction.project))[:300],
        due_at=now,
        created_at=now,
        max_attempts=version.max_attempts,
        is_repeatable=version.is_repeatable,
    )


def _decision(one: Decided, run: Run | None, now: datetime) -> dict[str, Any]:
    return {
        "event_id": one.event.pk,
        "reaction_id": one.reaction.pk,
        "reaction_name": one.reaction.name,
        "reaction_version": one.reaction.version,
        "project_id": one.reaction.project_id,
        "sequence": 1,
        "verdict": one.verdict,
        "reason": one.reason,
        "trace": one.trace,
        "once_key": one.once_key,
        "run_id": None if run is None else run.pk,
        "at": now,
    }
