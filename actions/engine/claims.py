"""Claiming due runs: one statement, under a lease, fair by team, and leaving saturated or broken targets alone."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from actions.models import Run

# status is a literal so that the partial index run_queued can be used on SQLite too.
_DUE = """
    SELECT id FROM actions_run
    WHERE status = 'queued' AND executor = %s AND due_at <= %s {exclusions}
    ORDER BY due_at, id LIMIT %s {locking}
"""
_SET = """
    UPDATE actions_run SET status = 'running', attempt_count = attempt_count + 1, lease_until = %s, lease_token = %s,
        started_at = COALESCE(started_at, %s)
"""
_CLAIM_SQLITE = f"{_SET} WHERE status = 'queued' AND id IN ({{due}}) RETURNING id"
# Materialized, since PostgreSQL may otherwise run the inner select several times, each time locking other rows, and
# so claim more than the limit.
_CLAIM_POSTGRESQL = (
    f"WITH due AS MATERIALIZED ({{due}}) {_SET.replace('attempt_count + 1', 'actions_run.attempt_count + 1')}"
    " FROM due WHERE actions_run.id = due.id RETURNING actions_run.id"
)


def claim(
    executor: str,
    limit: int,
    token: str,
    now: datetime,
    lease_seconds: float,
    targets: Collection[str] = (),
    teams: Collection[object] = (),
) -> list[int]:
    """Ids of the runs that now belong to `token` until now + lease; at most `limit`, none of the excluded targets and
    teams. Two that claim at once get different runs (SKIP LOCKED; SQLite has one writer)."""
    if limit <= 0:
        return []
    exclusions, values = _exclusions(targets, teams)
    due_values = [executor, _adapt(now), *values, limit]
    set_values = [_adapt(now + timedelta(seconds=lease_seconds)), token, _adapt(now)]
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            # Reading takes no write lock; most looks find nothing.
            look = _DUE.format(exclusions=exclusions, locking="").replace("LIMIT %s", "LIMIT 1")
            cursor.execute(look, due_values[:-1])
            if cursor.fetchone() is None:
                return []
            due = _DUE.format(exclusions=exclusions, locking="")
            cursor.execute(_CLAIM_SQLITE.format(due=due), [*set_values, *due_values])
        else:
            due = _DUE.format(exclusions=exclusions, locking="FOR UPDATE SKIP LOCKED")
            cursor.execute(_CLAIM_POSTGRESQL.format(due=due), [*due_values, *set_values])
        return sorted(row[0] for row in cursor.fetchall())


def next_due(executor: str) -> datetime | None:
    """When the next queued run of this executor is due, if there is one."""

    return (
        Run.objects.filter(status="queued", executor=executor)
        .order_by("due_at")
        .values_list("due_at", flat=True)
        .first()
    )


def _exclusions(targets: Collection[str], teams: Collection[object]) -> tuple[str, list[Any]]:
    parts: list[str] = []
    values: list[Any] = []
    for column, excluded in (("target_key", targets), ("team_id", teams)):
        if excluded:
            parts.append(f"AND {column} NOT IN ({', '.join(['%s'] * len(excluded))})")
            values += [_key(one) for one in excluded]
    return " ".join(parts), values


def _key(value: Any) -> Any:
    # SQLite stores a UUID as 32 hexadecimal digits.
    hexadecimal = getattr(value, "hex", None)
    return hexadecimal if connection.vendor == "sqlite" and isinstance(hexadecimal, str) else value


def _adapt(moment: datetime) -> Any:
    return connection.ops.adapt_datetimefield_value(moment)
