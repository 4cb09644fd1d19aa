"""Makes rows on an installation that the environment names: reactions, runs in bulk, events at a rate. Prints JSON.

A process of its own, so that waking workers goes the way it goes in the product.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "reactions_project.settings")
django.setup()

from django.core.management.color import no_style  # noqa: E402
from django.db import connection, transaction  # noqa: E402

from accounts import keys  # noqa: E402
from actions.dead_letters import by_cause, dead_letters  # noqa: E402
from actions.engine.claims import Share, claim  # noqa: E402
from actions.engine.flush import Finished, flush  # noqa: E402
from actions.engine.fresh_claims import FreshClaim  # noqa: E402
from actions.engine.matching import match_due  # noqa: E402
from actions.health import find_queue, find_workers  # noqa: E402
from actions.kinds.base import Outcome  # noqa: E402
from actions.models import Attempt, Decision, Heartbeat, LogChunk, Run  # noqa: E402
from actions.retention import clean_up  # noqa: E402
from reactions_project import clock  # noqa: E402
from reactions_project.sqlite import statistics  # noqa: E402
from tests.benchmarks.unrefused import unrefuse  # noqa: E402
from tests.end_to_end.faults.flows import Flow  # noqa: E402
from tests.factories import (  # noqa: E402
    ActionFactory,
    ProjectFactory,
    ReactionFactory,
    TeamFactory,
    WebhookFactory,
    operator_caller,
)
from triggers.ledger import EventData, record  # noqa: E402
from triggers.models import Event, TriggerKey  # noqa: E402

# Each process counts from nought, and names are taken once.
for _factory in (TeamFactory, ProjectFactory, WebhookFactory):
    _factory.reset_sequence(time.time_ns() // 1_000_000 % 10**9)


def flow(url: str, reactions: int = 1) -> Flow:
    """That many reactions to the same kind of event of a new project."""
    project = ProjectFactory()
    config = {
        "method": "POST",
        "url": url,
        "headers": {"X-Release": "#{Octopus.Release.Number}"},
        "body": {"kind": "json", "json": {"event": "#{Octopus.Event.Id}", "notes": "#{Octopus.Release.Notes}"}},
    }
    action = ActionFactory(project=project, config=config)
    first = ReactionFactory(action=action)
    for _ in range(reactions - 1):
        ReactionFactory(action=action, triggers=list(first.triggers.all()))
    return Flow(first, happen(first))


def hook(url: str) -> dict[str, str]:
    """A webhook whose deliveries are sent on to the target, as only tests.benchmarks.unrefused does; its address and
    key."""
    unrefuse()
    trigger = WebhookFactory(route=f"load-{time.time_ns()}")
    body = {"kind": "json", "json": {"event": "#{Octopus.Event.Id}", "name": "#{Payload[Identifier]}"}}
    config = {"method": "POST", "url": url, "headers": {"X-Type": "#{Payload[PayloadType]}"}, "body": body}
    made = ReactionFactory(action=ActionFactory(project=trigger.project, config=config), triggers=[trigger])
    key = keys.issue(TriggerKey(trigger=trigger, name="load"), keys.TRIGGER)
    return {"route": trigger.route, "key": key, "reaction": str(made.pk)}


def happen(reaction: Any) -> Event:
    return record(occurrence(reaction)).event


def occurrence(reaction: Any) -> EventData:
    trigger = reaction.triggers.get()
    payload = {"Release": {"Number": "1.2.3", "Notes": 'Fixes the "basket"\nand more.'}}
    return EventData(type=trigger.event_type, source="catalog", project=reaction.project, payload=payload)


def queue(url: str, count: str, targets: str = "1") -> dict[str, Any]:
    """Runs that are due, as matching would have queued them, shared by so many neighbouring ports."""
    parts = urlsplit(url)
    reactions = []
    for number in range(int(targets)):
        made = flow(parts._replace(netloc=f"{parts.hostname}:{(parts.port or 80) + number}").geturl())
        Event.objects.update(matched_at=clock.now())
        made.queue(int(count) // int(targets), first=2)
        reactions.append(str(made.reaction.pk))
    return {"reactions": reactions}


def wait(*reactions: str) -> dict[str, Any]:
    """When all runs of these reactions had succeeded."""
    deadline = time.monotonic() + 280
    while Run.objects.filter(reaction__in=reactions).exclude(status="succeeded").exists():
        if time.monotonic() > deadline:
            raise SystemExit("the backlog never ended")
        time.sleep(0.02)
    return {"ended": time.monotonic()}


def retention(url: str, count: str) -> dict[str, Any]:
    """Delete so many runs with an attempt and two lines of log each, while another process writes every millisecond;
    how long it waited for the database each time, in milliseconds."""
    made = flow(url)
    made.queue(int(count), first=2)
    long_ago = clock.now() - timedelta(days=4_000)
    Run.objects.update(status="succeeded", finished_at=long_ago)
    attempts = [
        Attempt(run=run, number=1, started_at=long_ago, finished_at=long_ago) for run in Run.objects.order_by("pk")
    ]
    Attempt.objects.bulk_create(attempts, batch_size=1_000)
    LogChunk.objects.bulk_create(
        (
            LogChunk(attempt=attempt, sequence=number, stream="stdout", text="a line\n" * 5, at=long_ago)
            for attempt in attempts
            for number in (1, 2)
        ),
        batch_size=1_000,
    )
    deleting = subprocess.Popen([sys.executable, "manage.py", "shell", "-c", _CLEAN_UP], stdout=subprocess.DEVNULL)
    begun, waits = time.monotonic(), []
    while deleting.poll() is None:
        asked = time.monotonic()
        with transaction.atomic():
            Heartbeat.objects.update_or_create(
                host="benchmark", pid=1, cluster="http", defaults={"started_at": clock.now(), "beat_at": clock.now()}
            )
        waits.append((time.monotonic() - asked) * 1_000)
        time.sleep(0.001)
    waits.sort()
    seconds = time.monotonic() - begun
    return {"p99": waits[int(len(waits) * 0.99)], "max": waits[-1], "rate": int(count) / seconds}


_CLEAN_UP = "from actions.retention import clean_up; clean_up()"


def events(url: str, rate: str, seconds: str) -> dict[str, Any]:
    """One event at a time at that rate; when each was committed."""
    made = flow(url)
    committed = {}
    begun = time.monotonic()
    for index in range(int(float(rate) * float(seconds))):
        time.sleep(max(0.0, begun + index / float(rate) - time.monotonic()))
        event = happen(made.reaction)
        committed[str(event.uid)] = time.monotonic()
    return {"committed": committed}


def accept(url: str, seconds: str) -> dict[str, Any]:
    """Events one behind the other, each committed before the next, as fast as one process can; when it began."""
    made = flow(url)
    data = occurrence(made.reaction)
    begun, count = time.monotonic(), 0
    while time.monotonic() < begun + float(seconds):
        record(data)
        count += 1
    return {"begun": begun, "count": count + 1}


def growth(url: str, *sizes: str) -> dict[str, Any]:
    """Milliseconds to decide one event to which so many reactions listen, all of them firing."""
    found = {}
    for size in map(int, sizes):
        made = flow(url, size)
        match_due()
        times = []
        for _ in range(3):
            happen(made.reaction)
            begun = time.perf_counter()
            match_due()
            times.append((time.perf_counter() - begun) * 1000)
        found[str(size)] = round(sorted(times)[1], 1)
    return found


def history(url: str, *sizes: str) -> dict[str, dict[str, float]]:
    """Milliseconds for what an installation does all the time, over so many events, each with a decision, a run that
    ended and its attempt: "work" is one event recorded, decided, claimed and its result written; medians of nine."""
    made = flow(url)
    work(made.reaction)
    found = {}
    operator = operator_caller()
    for size in map(int, sizes):
        age(size)
        found[str(size)] = {
            "work": milliseconds(lambda: work(made.reaction)),
            "nothing due": milliseconds(lambda: claim(Share("http", 100, "nobody", clock.now(), 15))),
            "health": milliseconds(lambda: [find_queue(), find_workers()]),
            "dead letters": milliseconds(lambda: by_cause(dead_letters(operator))),
            "nothing old": milliseconds(clean_up),
        }
    return found


def milliseconds(step: Callable[[], object], times: int = 9) -> float:
    took = []
    for _ in range(times):
        begun = time.perf_counter()
        step()
        took.append((time.perf_counter() - begun) * 1000)
    return round(sorted(took)[times // 2], 1)


def work(reaction: Any) -> None:
    """One event on its whole way, without the request itself."""
    happen(reaction)
    runs = match_due(FreshClaim(Share("http", 100, "bench", clock.now(), 15), clock.now).take).runs
    outcome = Outcome(ok=True, code="ok", reason="Fine.", http_status=200, request={}, response={})
    flush([Finished(run, outcome, clock.now(), clock.now()) for run in runs], "bench", "bench:1")


def age(size: int) -> None:
    """Fill the ledger up to so many events, with what belongs to each."""
    have = Event.objects.count()
    uid = "lower(hex(randomblob(16)))" if connection.vendor == "sqlite" else "gen_random_uuid()"
    first, last = Event.objects.latest("pk").pk + 1, Event.objects.latest("pk").pk + size - have
    numbers = (
        f"(WITH RECURSIVE n(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM n WHERE i < {last}) SELECT i FROM n)"
    )
    own: list[tuple[Any, dict[str, str]]] = [
        (Event, {"id": "i", "uid": uid, "root": uid}),
        (Run, {"id": "i", "uid": uid, "event_id": "i"}),
        (Decision, {"id": "i", "event_id": "i", "run_id": "i"}),
        (Attempt, {"id": "i", "run_id": "i"}),
    ]
    with transaction.atomic(), connection.cursor() as cursor:
        for model, values in own:
            table, like = model._meta.db_table, model.objects.earliest("pk").pk
            columns = [field.column for field in model._meta.concrete_fields]
            names = ", ".join(f'"{column}"' for column in columns)
            given = ", ".join(values.get(column, f'one."{column}"') for column in columns)
            cursor.execute(
                f"INSERT INTO {table} ({names}) SELECT {given} FROM {numbers} AS many, {table} AS one WHERE one.id = {like}"
            )
            for statement in connection.ops.sequence_reset_sql(no_style(), [model]):
                cursor.execute(statement)
    # As housekeeping and autovacuum do.
    statistics.refresh((Event, Run, Decision, Attempt))
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")


if __name__ == "__main__":
    verbs = {
        "hook": hook,
        "queue": queue,
        "await": wait,
        "retention": retention,
        "events": events,
        "accept": accept,
        "growth": growth,
        "history": history,
    }
    sys.stdout.write(json.dumps(verbs[sys.argv[1]](*sys.argv[2:])) + "\n")
