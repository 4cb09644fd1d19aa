"""Carrying out one claimed run: an HTTP kind is prepared, sent and judged; a script runs with its log written live."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol, cast

from django.db import DatabaseError, IntegrityError, OperationalError, transaction

from actions.context import context_for
from actions.earlier import NOTHING, Earlier
from actions.engine.flush import Finished
from actions.kinds.base import ExecutionContext, HttpKind, LogEntry, Outcome, ScriptedKind, UnrunnableError
from actions.kinds.registry import kinds
from actions.models import Attempt, LogChunk, Run
from actions.octostache import OctostacheError
from reactions_project import clock
from reactions_project.egress.policy import EgressError, EgressRequest, EgressResponse

log = logging.getLogger("reactions.engine")
OnThread = Callable[..., Awaitable[Any]]
# Seconds between tries to write lines of a log.
_LOG_WAITS = (0.05, 0.2, 1.0, 5.0)


class Sender(Protocol):
    async def send(self, request: EgressRequest) -> EgressResponse: ...


@dataclass(frozen=True)
class Ready:
    """A claimed run and what it may know, or why it cannot run. It begins as soon as it is ready."""

    run: Run
    context: ExecutionContext | None
    problem: Outcome | None = None
    attempt_id: int | None = None
    at: datetime = field(default_factory=clock.now)


def make_ready(run: Run, worker: str, earlier: Earlier = NOTHING) -> Ready:
    """Read everything from the database; called in the database thread."""
    is_script = run.executor == "script"
    attempt_id = None
    try:
        # Together, so that a script that must not begin leaves no key behind; a request needs neither.
        with transaction.atomic() if is_script else nullcontext():
            context = context_for(run, earlier)
            if is_script:
                attempt_id = _begin_attempt(run, worker)
    except UnrunnableError as error:
        problem = Outcome(ok=False, code=error.outcome, reason=error.reason, retryable=error.retryable)
        return Ready(run, None, problem)
    except OperationalError:
        # The database's trouble, not the run's.
        raise
    except Exception as error:
        return Ready(run, None, _fault(run, error))
    return Ready(run, context, None, attempt_id)


def _begin_attempt(run: Run, worker: str) -> int:
    try:
        with transaction.atomic():
            attempt = Attempt.objects.create(run=run, number=run.attempt_count, worker=worker, started_at=clock.now())
    except IntegrityError:
        # The reaper wrote this try down as lost: another worker may have the run by now.
        raise UnrunnableError("worker_lost", "Its lease ended before the script began.") from None
    return attempt.pk


async def carry_out(ready: Ready, sender: Sender, on_thread: OnThread) -> Finished:
    """Never raises but CancelledError: what goes wrong is the outcome."""
    started = clock.now()
    outcome = ready.problem
    if outcome is None:
        assert ready.context is not None
        kind = kinds.get(ready.run.action_version.kind)
        try:
            if kind.executor == "script":
                outcome = await _run_script(cast(ScriptedKind, kind), ready, on_thread)
            else:
                outcome = await _send(cast(HttpKind, kind), ready.context, sender)
        except UnrunnableError as error:
            outcome = Outcome(ok=False, code=error.outcome, reason=error.reason)
        except OctostacheError as error:
            outcome = Outcome(ok=False, code="template", reason=str(error))
        except Exception as error:
            outcome = _fault(ready.run, error)
    return Finished(ready.run, outcome, started, clock.now(), ready.attempt_id)


async def _send(kind: HttpKind, context: ExecutionContext, sender: Sender) -> Outcome:
    prepared = kind.prepare(context)
    begun = time.perf_counter()
    try:
        answer = await sender.send(prepared.request)
    except EgressError as error:
        took = round(time.perf_counter() - begun, 6)
        return replace(kind.conclude(context, prepared, error), timings={"total": took})
    return kind.conclude(context, prepared, answer)


async def _run_script(kind: ScriptedKind, ready: Ready, on_thread: OnThread) -> Outcome:
    assert ready.context is not None
    assert ready.attempt_id is not None
    chunks = LogWriter(ready.attempt_id)
    pending: list[asyncio.Future[Any]] = []

    def on_entries(entries: list[LogEntry]) -> None:
        rows = chunks.rows(entries)
        if rows:
            pending.append(asyncio.ensure_future(_write_log(rows, on_thread)))

    try:
        return await kind.execute(ready.context, on_entries)
    finally:
        if pending:
            await asyncio.wait(pending, timeout=10)


async def _write_log(rows: list[LogChunk], on_thread: OnThread) -> None:
    """Lines that the database would not take at once are kept and tried again; only then are they lost, aloud."""
    for wait in _LOG_WAITS:
        try:
            await on_thread(LogChunk.objects.bulk_create, rows)
        except DatabaseError as error:
            log.warning("%s log lines could not be written yet (%s)", len(rows), error)
            await asyncio.sleep(wait)
        else:
            return
    log.error("%s log lines of attempt %s were lost: the database did not take them", len(rows), rows[0].attempt_id)


class LogWriter:
    """Numbers lines as they come; neighbours of one stream and level share a row."""

    def __init__(self, attempt_id: int) -> None:
        self._attempt_id = attempt_id
        self._sequence = 0

    def rows(self, entries: list[LogEntry]) -> list[LogChunk]:
        rows: list[LogChunk] = []
        for entry in entries:
            last = rows[-1] if rows else None
            if last is not None and (last.stream, last.level) == (entry.stream, entry.level):
                last.text += f"\n{entry.text}"
                continue
            self._sequence += 1
            rows.append(
                LogChunk(
                    attempt_id=self._attempt_id,
                    sequence=self._sequence,
                    stream=entry.stream,
                    level=entry.level,
                    text=entry.text,
                    at=entry.at,
                )
            )
        return rows


def _fault(run: Run, error: Exception) -> Outcome:
    log.exception("run %s could not be carried out", run.uid)
    return Outcome(
        ok=False,
        code="fault",
        reason=f"Reactions itself failed ({type(error).__name__}): see run {run.uid} in the worker's log.",
    )
