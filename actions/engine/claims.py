"""Claiming due runs: one statement, under a lease, fair by team, and leaving saturated or broken targets alone."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.db import connection

from reactions_project.prepared import fetched, many

# Teams that have something queued, one look into the index for each; of those that something is due of. status is a
# literal so that the partial index run_queued can be used on SQLite too.
_TEAMS_DUE = """
    WITH RECURSIVE queued(team) AS (
        SELECT (
            SELECT team_id FROM actions_run WHERE status = 'queued' AND executor = %s ORDER BY team_id LIMIT 1
        ) UNION ALL SELECT (
            SELECT team_id FROM actions_run WHERE status = 'queued' AND executor = %s AND team_id > queued.team
            ORDER BY team_id LIMIT 1
        ) FROM queued WHERE queued.team IS NOT NULL
    )
    SELECT team FROM queued WHERE EXISTS (
        SELECT 1 FROM actions_run WHERE status = 'queued' AND executor = %s AND team_id = queued.team AND due_at <= %s
    )
"""
# Of each team, the first that are due, as many of one as of another.
_OF_TEAM = """
    FROM actions_run WHERE status = 'queued' AND executor = %s AND team_id = able.team AND due_at <= %s {exclusions}
    ORDER BY due_at, id
"""
# SQLite has no LATERAL; the cross join keeps its order.
_DUE_SQLITE = """
    SELECT run.id, run.target_key FROM able CROSS JOIN actions_run AS run
    WHERE run.id IN (SELECT id {of_team} LIMIT MAX(1, %s / (SELECT COUNT(*) FROM able))) LIMIT %s
"""
_DUE_POSTGRESQL = """
    SELECT first.id, first.target_key FROM able CROSS JOIN LATERAL (
        SELECT id, target_key {of_team} LIMIT GREATEST(1, %s / (SELECT COUNT(*) FROM able)) FOR UPDATE SKIP LOCKED
    ) AS first LIMIT %s
"""
# Materialized, since PostgreSQL may otherwise run the inner select several times, each time locking other rows, and so
# claim more than the limit. Of what was found, no more of one target than it has room for.
_FITTING = """
    WITH able AS MATERIALIZED ({able}), due AS MATERIALIZED ({due}), fitting AS (
        SELECT id FROM (
            SELECT id, target_key, ROW_NUMBER() OVER (PARTITION BY target_key ORDER BY id) AS place FROM due
        ) AS placed WHERE place <= {room}
    )
"""
_SET = """
    UPDATE actions_run SET status = 'running', attempt_count = actions_run.attempt_count + 1, lease_until = %s,
        lease_token = %s, started_at = COALESCE(started_at, %s)
"""
_LOOK = "SELECT id FROM fitting"
_TAKE_SQLITE = f"{_SET} WHERE status = 'queued' AND id IN (SELECT value FROM json_each(%s)) RETURNING id"  # noqa: S608 # nosec B608
_TAKE_POSTGRESQL = f"{_SET} FROM fitting WHERE actions_run.id = fitting.id RETURNING actions_run.id"


@dataclass(frozen=True)
class Share:
    """What one worker may claim now: at most `limit` runs of its executor, none of the excluded targets and teams, and
    with those `in_flight` no more than `per_target` of any target (None: any number). Teams have their turns in the
    order of their ids, `after` the one that was served last. The lease is `token`'s until `now` + `lease_seconds`."""

    executor: str
    limit: int
    token: str
    now: datetime
    lease_seconds: float
    targets: Collection[str] = ()
    teams: Collection[object] = ()
    per_target: int | None = None
    in_flight: Mapping[str, int] = field(default_factory=dict)
    after: UUID | None = None

    @property
    def lease_until(self) -> datetime:
        return self.now + timedelta(seconds=self.lease_seconds)


def claim(share: Share, due_by: datetime | None = None) -> list[int]:
    """Ids of the runs that now belong to the worker: as many of each team that has something due, so that one that
    queues a hundred thousand holds up nobody (SEC-90), and of each team the first. Due is what was due at `due_by`
    (default: the share's now). Two that claim at once get different runs (SKIP LOCKED; SQLite has one writer)."""
    if share.limit <= 0:
        return []
    due_at = _adapt(due_by or share.now)
    is_sqlite = connection.vendor == "sqlite"
    fitting = _fitting(is_sqlite, len(share.teams), len(share.targets), len(share.in_flight))
    values = [
        *_teams_due_values(share.executor, due_at), *map(_key, share.teams),
        _key(share.after or UUID(int=0)), share.limit,
        share.executor, due_at, *share.targets, share.limit, share.limit,
        *_room_values(share),
    ]  # fmt: skip
    taken = [_adapt(share.lease_until), share.token, _adapt(share.now)]
    if not is_sqlite:
        return sorted(row[0] for row in fetched(fitting + _TAKE_POSTGRESQL, [*values, *taken]))
    # Looking takes no write lock; most looks find nothing, and what somebody else takes meanwhile is queued no more.
    found = fetched(fitting + _LOOK, values)
    if not found:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_TAKE_SQLITE, [*taken, many(row[0] for row in found)])
        return sorted(row[0] for row in cursor.fetchall())


def teams_due(executor: str, due_by: datetime) -> set[UUID]:
    """Whose runs of this executor are due."""
    rows = fetched(_TEAMS_DUE, _teams_due_values(executor, _adapt(due_by)))
    return {team if isinstance(team, UUID) else UUID(team) for (team,) in rows}


def _teams_due_values(executor: str, due_at: Any) -> list[Any]:
    return [executor, executor, executor, due_at]


@lru_cache(256)
def _fitting(is_sqlite: bool, teams: int, targets: int, in_flight: int) -> str:
    """The text for so many excluded teams and targets, and so many targets with runs in flight."""
    # Of more teams than there is room for, those first that come after the one that was served last.
    able = f"{_TEAMS_DUE} {_exclusion('team', teams)} ORDER BY team <= %s, team LIMIT %s"
    of_team = _OF_TEAM.format(exclusions=_exclusion("target_key", targets))
    due = (_DUE_SQLITE if is_sqlite else _DUE_POSTGRESQL).format(of_team=of_team)
    room = f"CASE target_key {' '.join(['WHEN %s THEN %s'] * in_flight)} ELSE %s END" if in_flight else "%s"
    return _FITTING.format(able=able, due=due, room=room)


def _exclusion(column: str, count: int) -> str:
    return f"AND {column} NOT IN ({', '.join(['%s'] * count)})" if count else ""


def _room_values(share: Share) -> list[Any]:
    most = share.limit if share.per_target is None else share.per_target
    return [value for target, count in share.in_flight.items() for value in (target, most - count)] + [most]


def _key(value: Any) -> Any:
    # SQLite stores a UUID as 32 hexadecimal digits.
    hexadecimal = getattr(value, "hex", None)
    return hexadecimal if connection.vendor == "sqlite" and isinstance(hexadecimal, str) else value


def _adapt(moment: datetime) -> Any:
    return connection.ops.adapt_datetimefield_value(moment)
