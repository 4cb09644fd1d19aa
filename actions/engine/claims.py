"""Claiming due runs: one statement, under a lease, fair by team, and leaving saturated or broken targets alone."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from reactions_project.prepared import fetched

# status is a literal so that the partial index run_queued can be used on SQLite too.
_DUE = """
    SELECT id, target_key FROM actions_run
    WHERE status = 'queued' AND executor = %s AND due_at <= %s {exclusions}
    ORDER BY due_at, id LIMIT %s {locking}
"""
# Of the first that are due, no more of one target than it has room for.
_FITTING = """
    SELECT id FROM (
        SELECT id, target_key, ROW_NUMBER() OVER (PARTITION BY target_key ORDER BY id) AS place FROM ({due}) AS first
    ) AS placed WHERE place <= {room}
"""
_SET = """
    UPDATE actions_run SET status = 'running', attempt_count = attempt_count + 1, lease_until = %s, lease_token = %s,
        started_at = COALESCE(started_at, %s)
"""
_CLAIM_SQLITE = f"{_SET} WHERE status = 'queued' AND id IN ({{fitting}}) RETURNING id"
# Materialized, since PostgreSQL may otherwise run the inner select several times, each time locking other rows, and
# so claim more than the limit.
_CLAIM_POSTGRESQL = (
    "WITH due AS MATERIALIZED ({due}), fitting AS ({fitting})"
    f" {_SET.replace('attempt_count + 1', 'actions_run.attempt_count + 1')}"
    " FROM fitting WHERE actions_run.id = fitting.id RETURNING actions_run.id"
)


@dataclass(frozen=True)
class Share:
    """What one worker may claim now: at most `limit` runs of its executor, none of the excluded targets and teams, and
    with those `in_flight` no more than `per_target` of any target (None: any number). The lease is `token`'s until
    `now` + `lease_seconds`."""

    executor: str
    limit: int
    token: str
    now: datetime
    lease_seconds: float
    targets: Collection[str] = ()
    teams: Collection[object] = ()
    per_target: int | None = None
    in_flight: Mapping[str, int] = field(default_factory=dict)

    @property
    def lease_until(self) -> datetime:
        return self.now + timedelta(seconds=self.lease_seconds)


def claim(share: Share, due_by: datetime | None = None) -> list[int]:
    """Ids of the runs that now belong to the worker. Due is what was due at `due_by` (default: the share's now). Two
    that claim at once get different runs (SKIP LOCKED; SQLite has one writer)."""
    limit = share.limit
    if limit <= 0:
        return []
    exclusions, values = _exclusions(share.targets, share.teams)
    due_values = [share.executor, _adapt(due_by or share.now), *values, limit]
    room, room_values = _room(limit if share.per_target is None else share.per_target, share.in_flight)
    set_values = [_adapt(share.lease_until), share.token, _adapt(share.now)]
    if connection.vendor == "sqlite":
        due = _DUE.format(exclusions=exclusions, locking="")
        # Reading takes no write lock; most looks find nothing.
        if not fetched(due.replace("LIMIT %s", "LIMIT 1"), due_values[:-1]):
            return []
        with connection.cursor() as cursor:
            claiming = _CLAIM_SQLITE.format(fitting=_FITTING.format(due=due, room=room))
            cursor.execute(claiming, [*set_values, *due_values, *room_values])
            return sorted(row[0] for row in cursor.fetchall())
    due = _DUE.format(exclusions=exclusions, locking="FOR UPDATE SKIP LOCKED")
    fitting = _FITTING.format(due="SELECT id, target_key FROM due", room=room)
    claiming = _CLAIM_POSTGRESQL.format(due=due, fitting=fitting)
    return sorted(row[0] for row in fetched(claiming, [*due_values, *room_values, *set_values]))


def _exclusions(targets: Collection[str], teams: Collection[object]) -> tuple[str, list[Any]]:
    parts: list[str] = []
    values: list[Any] = []
    for column, excluded in (("target_key", targets), ("team_id", teams)):
        if excluded:
            parts.append(f"AND {column} NOT IN ({', '.join(['%s'] * len(excluded))})")
            values += [_key(one) for one in excluded]
    return " ".join(parts), values


def _room(per_target: int, in_flight: Mapping[str, int]) -> tuple[str, list[Any]]:
    if not in_flight:
        return "%s", [per_target]
    whens = " ".join(["WHEN %s THEN %s"] * len(in_flight))
    values = [value for target, count in in_flight.items() for value in (target, per_target - count)]
    return f"CASE target_key {whens} ELSE %s END", [*values, per_target]


def _key(value: Any) -> Any:
    # SQLite stores a UUID as 32 hexadecimal digits.
    hexadecimal = getattr(value, "hex", None)
    return hexadecimal if connection.vendor == "sqlite" and isinstance(hexadecimal, str) else value


def _adapt(moment: datetime) -> Any:
    return connection.ops.adapt_datetimefield_value(moment)
