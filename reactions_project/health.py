"""Is it ready, how is it doing: what the health pages and the metrics say (api/health.py shows it).

Apps add what they know through the two registries; this module knows the database only.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor

from reactions_project.registry import Registry


@dataclass(frozen=True)
class Finding:
    """What one check found; `detail` is a sentence for whoever is woken by it."""

    ok: bool
    detail: str
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Check:
    """`is_vital`: without it no request can be served, so a load balancer should go elsewhere."""

    name: str
    label: str
    find: Callable[[], Finding]
    is_vital: bool = False


@dataclass(frozen=True)
class Metric:
    """One number in Prometheus' text format."""

    name: str
    help: str
    value: float
    labels: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Gauge:
    name: str
    label: str
    read: Callable[[], Iterable[Metric]]


checks: Registry[Check] = Registry("health check")
gauges: Registry[Gauge] = Registry("gauge")


def _database() -> Finding:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return Finding(True, "The database answers.")


def _migrations() -> Finding:
    if _all_applied():
        return Finding(True, "All migrations are applied.")
    _all_applied.cache_clear()
    return Finding(False, "Migrations are missing: run manage.py migrate.")


@cache
def _all_applied() -> bool:
    executor = MigrationExecutor(connection)
    return not executor.migration_plan(executor.loader.graph.leaf_nodes())


checks.add(Check("database", "Database", _database, is_vital=True))
checks.add(Check("migrations", "Migrations", _migrations, is_vital=True))


def examine() -> tuple[str, dict[str, Finding]]:
    """`ok`; `degraded` when something needs a person; `failing` when no request can be served. And every finding."""
    found: dict[str, Finding] = {}
    for check in checks:
        try:
            found[check.name] = check.find()
        except Error:
            found[check.name] = Finding(False, "The database cannot be asked: see the server's log and DATABASE_URL.")
    broken = [check for check in checks if not found[check.name].ok]
    if any(check.is_vital for check in broken):
        return "failing", found
    return ("degraded" if broken else "ok"), found


def prometheus_text(metrics: Iterable[Metric]) -> str:
    """Text exposition format 0.0.4: help and type once per name, then its samples together."""
    by_name: dict[str, list[Metric]] = {}
    for metric in metrics:
        by_name.setdefault(metric.name, []).append(metric)
    lines: list[str] = []
    for name, samples in by_name.items():
        lines += [f"# HELP {name} {samples[0].help}", f"# TYPE {name} gauge"]
        lines += [f"{name}{_labels(sample.labels)} {sample.value:g}" for sample in samples]
    return "\n".join(lines) + "\n"


def _labels(labels: dict[str, str]) -> str:
    if not labels:
        return ""
    escaped = (
        f'{name}="{value}"'
        for name, value in (
            (name, value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n"))
            for name, value in labels.items()
        )
    )
    return "{" + ",".join(escaped) + "}"
