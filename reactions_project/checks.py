"""What `manage.py check` says of a configuration with which django-q2 or the database would lose or stall something."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from reactions_project.queue import CLUSTERS, SLICE_FUNCTION

# What concerns workers too, which leave the checks of pages out, since those load all pages.
CONFIGURATION = "configuration"


@register(CONFIGURATION)
def check_queue(**_: Any) -> list[CheckMessage]:
    configured: Mapping[str, Any] = settings.Q_CLUSTER
    clusters = {name: {**configured, **others} for name, others in configured.get("ALT_CLUSTERS", {}).items()}
    clusters["housekeeping"] = dict(configured)
    return [*_missing(clusters), *(found for name, one in clusters.items() for found in _of_cluster(name, one))]


def _missing(clusters: Mapping[str, Any]) -> Iterable[CheckMessage]:
    for name in sorted(set(CLUSTERS) - set(clusters)):
        yield Error(f"The cluster {name} has no entry in Q_CLUSTER: q2 would fail when it starts.", id="reactions.E001")


def _of_cluster(name: str, cluster: Mapping[str, Any]) -> Iterable[CheckMessage]:
    if cluster["retry"] <= cluster["timeout"]:
        yield Error(
            f"In the cluster {name} retry is not longer than timeout: q2 would start a task again that still runs.",
            id="reactions.E002",
        )
    if name == "housekeeping":
        if not cluster.get("max_attempts"):
            yield Error(
                "Housekeeping has no max_attempts: q2 would repeat a task that fails for ever.", id="reactions.E003"
            )
        return
    if cluster.get("save_limit", 250) != -1:
        yield Error(
            f"The cluster {name} stores results in q2 (save_limit is not -1): each would cost as much as many runs.",
            id="reactions.E004",
        )
    if cluster.get("scheduler", True):
        yield Error(f"The cluster {name} runs q2's scheduler: only housekeeping does.", id="reactions.E005")
    if cluster["queue_limit"] != cluster["workers"]:
        yield Error(
            f"The cluster {name} queues more than one slice for each worker ({SLICE_FUNCTION}): a stop would wait.",
            id="reactions.E006",
        )


@register(CONFIGURATION)
def check_database(**_: Any) -> list[CheckMessage]:
    database: Mapping[str, Any] = settings.DATABASES["default"]
    options: Mapping[str, Any] = database.get("OPTIONS", {})
    found: list[CheckMessage] = []
    if options.get("pool"):
        found.append(
            Error(
                "The database has a connection pool: workers are forked, and a forked pool hangs. Leave it out of "
                "DATABASE_URL.",
                id="reactions.E007",
            )
        )
    if settings.EMBEDDED:
        if options.get("transaction_mode") != "IMMEDIATE":
            found.append(Error("SQLite transactions are not IMMEDIATE: two writers would fail.", id="reactions.E008"))
        if "SYNCHRONOUS=OFF" in str(options.get("init_command", "")).upper().replace(" ", ""):
            found.append(
                Warning(
                    "REACTIONS_SQLITE_SYNCHRONOUS is OFF: a power cut can destroy the database, not only its last "
                    "commits. Use FULL or NORMAL.",
                    id="reactions.W001",
                )
            )
    return found
