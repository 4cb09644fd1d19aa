"""The loop of one process: match, claim, carry out, flush, keep leases. All database work is on one thread each for
claiming and for flushing, so that Django's connections stay where they were opened."""

import asyncio
import contextlib
import logging
import os
import time
import uuid
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, TypeVar

from django.conf import settings
from django.db import DatabaseError, close_old_connections, connections

from actions.context import loaded
from actions.engine import claims, heartbeat
from actions.engine.breaker import Breaker
from actions.engine.fairness import crowded_teams
from actions.engine.flush import Finished, flush
from actions.engine.leases import cancelled_among, hand_back, renew
from actions.engine.matching import BATCH, match_due
from actions.engine.work import Ready, carry_out, make_ready
from actions.execution import expire_leases
from actions.kinds.base import Outcome
from actions.kinds.script import available_languages
from reactions_project import clock
from reactions_project.egress.aio import AsyncEgress
from reactions_project.egress.settings import policy
from reactions_project.wake import Listener

T = TypeVar("T")
log = logging.getLogger("reactions.engine")
POLL_SECONDS = 0.5
CLAIM_AT_ONCE = 100
FLUSH_AT_ONCE = 300
LINGER_SECONDS = 0.004
HTTP_IN_FLIGHT = 200
PER_TARGET = 16


class Engine:
    """`cluster` is "http" (which also matches events) or "scripts"."""

    def __init__(self, cluster: str) -> None:
        self.cluster = cluster
        self.executor = "script" if cluster == "scripts" else "http"
        self.slots = (
            settings.REACTIONS_SCRIPT_SLOTS or os.cpu_count() or 1 if self.executor == "script" else HTTP_IN_FLIGHT
        )
        self.per_target = self.slots if self.executor == "script" else PER_TARGET
        self.token = uuid.uuid4().hex
        self.permit_until = 0.0
        self.breaker = Breaker()
        self.beat = heartbeat.Beat(cluster, clock.now())
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._ready: dict[int, Ready] = {}
        self._finished: deque[Finished] = deque()
        self._claiming = ThreadPoolExecutor(1, thread_name_prefix="claim")
        self._flushing = ThreadPoolExecutor(1, thread_name_prefix="flush")
        self._background: list[asyncio.Task[None]] = []
        self._started = False

    async def run_for(self, seconds: float) -> None:
        """Let everything go on for a while; raises what broke a background task."""
        if not self._started:
            self._start()
        done, _ = await asyncio.wait(self._background, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
            raise RuntimeError("a background task of the engine ended by itself")

    async def stop(self, grace: float) -> None:
        """Take on nothing more, finish what is in flight within `grace` seconds, hand back the rest."""
        self.permit_until = 0.0
        if not self._started:
            return
        deadline = time.monotonic() + grace
        if self._tasks:
            await asyncio.wait(self._tasks.values(), timeout=grace)
        unfinished = [self._ready[run_id].run for run_id in list(self._tasks)]
        for task in list(self._tasks.values()):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks.values(), timeout=5)
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        while self._finished and time.monotonic() < deadline + 5:
            await self._flush_some()
        await self._on(self._flushing, hand_back, unfinished, self.token)
        await self._on(self._flushing, self.beat.leave)
        self._listener.close()
        await self._sender.aclose()
        for pool in (self._claiming, self._flushing):
            await asyncio.get_running_loop().run_in_executor(pool, connections.close_all)
            pool.shutdown(wait=False)

    def _start(self) -> None:
        self._due = asyncio.Event()
        self._results = asyncio.Event()
        self._sender = AsyncEgress(policy())
        self._listener = Listener(self._due)
        self._listener.open()
        if self.executor == "script":
            self.beat.facts = {"languages": available_languages(), "sandbox": settings.REACTIONS_SCRIPT_SANDBOX}
        self._background = [
            asyncio.create_task(job(), name=job.__name__) for job in (self._claim_on, self._flush_on, self._keep_on)
        ]
        self._started = True

    async def _claim_on(self) -> None:
        while True:
            self._due.clear()
            busy = False
            if time.monotonic() < self.permit_until:
                try:
                    busy = await self._claim_once()
                except DatabaseError as error:
                    log.warning("the database cannot be asked for work (%s); trying again", type(error).__name__)
                    await self._on(self._claiming, close_old_connections)
                    await asyncio.sleep(POLL_SECONDS)
            if not busy:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._due.wait(), POLL_SECONDS)

    async def _claim_once(self) -> bool:
        """Whether there may be more at once."""
        free = min(CLAIM_AT_ONCE, self.slots - len(self._tasks))
        in_flight = Counter(ready.run.target_key for ready in self._ready.values())
        saturated = {target for target, count in in_flight.items() if count >= self.per_target}
        teams = Counter(ready.run.team_id for ready in self._ready.values())
        readies, matched = await self._on(
            self._claiming, self._match_and_claim, free, saturated | self.breaker.open_targets, teams
        )
        for ready in readies:
            self._begin(ready)
        if len(self._tasks) >= self.slots:
            # A slot that comes free sets `due`.
            return False
        return bool(readies) or matched >= BATCH

    def _match_and_claim(self, free: int, targets: set[str], teams: Counter[Any]) -> tuple[list[Ready], int]:
        matched = match_due() if self.executor == "http" else 0
        now = clock.now()
        excluded = crowded_teams(self.executor, teams, self.slots, now)
        ids = claims.claim(self.executor, free, self.token, now, settings.REACTIONS_LEASE_SECONDS, targets, excluded)
        if not ids:
            return [], matched
        self.beat.claimed_total += len(ids)
        runs = {run.pk: run for run in loaded(ids)}
        return [make_ready(runs[run_id], self.beat.worker) for run_id in ids if run_id in runs], matched

    def _begin(self, ready: Ready) -> None:
        run_id = ready.run.pk
        self._ready[run_id] = ready
        task = asyncio.create_task(self._carry_out(ready))
        self._tasks[run_id] = task

    async def _carry_out(self, ready: Ready) -> None:
        run_id = ready.run.pk
        try:
            finished = await carry_out(ready, self._sender, self._write)
            self._finished.append(finished)
            self._results.set()
        finally:
            was_full = len(self._tasks) >= self.slots
            self._tasks.pop(run_id, None)
            self._ready.pop(run_id, None)
            if was_full or self.executor == "script":
                self._due.set()

    async def _write(self, function: Callable[..., T], *args: Any) -> T:
        return await self._on(self._flushing, function, *args)

    async def _flush_on(self) -> None:
        while True:
            await self._results.wait()
            self._results.clear()
            if len(self._finished) < FLUSH_AT_ONCE:
                await asyncio.sleep(LINGER_SECONDS)
            while self._finished:
                await self._flush_some()

    async def _flush_some(self) -> None:
        batch = [self._finished.popleft() for _ in range(min(FLUSH_AT_ONCE, len(self._finished)))]
        while True:
            try:
                await self._on(self._flushing, self._flush_batch, batch)
            except DatabaseError as error:
                # The results are kept here until they are written, or until the leases are certainly lost.
                log.warning("%s results could not be written (%s); trying again", len(batch), error)
                await self._on(self._flushing, close_old_connections)
                await asyncio.sleep(0.3)
            else:
                return

    def _flush_batch(self, batch: list[Finished]) -> None:
        written = flush(batch, self.token, self.beat.worker)
        if written < len(batch):
            log.warning("%s results came after their lease had ended and were dropped", len(batch) - written)
        if self.executor == "http":
            self.breaker.note([(one.run.target_key, one.outcome) for one in batch], clock.now())

    async def _keep_on(self) -> None:
        lease = settings.REACTIONS_LEASE_SECONDS
        next_lease = 0.0
        while True:
            try:
                await self._on(self._flushing, self._beat, clock.now())
                await self._stop_cancelled()
                if time.monotonic() >= next_lease:
                    next_lease = time.monotonic() + lease / 3
                    await self._keep_leases()
            except DatabaseError as error:
                log.warning("leases could not be renewed (%s); trying again", error)
                await self._on(self._flushing, close_old_connections)
            await asyncio.sleep(min(heartbeat.BEAT_SECONDS, lease / 3))

    def _beat(self, now: datetime) -> None:
        self.beat.beat(now, len(self._tasks))
        self.breaker.refresh(now)

    async def _keep_leases(self) -> None:
        now = clock.now()
        held = list(self._tasks)
        if held:
            kept = await self._on(self._flushing, renew, held, self.token, now, settings.REACTIONS_LEASE_SECONDS)
            for run_id in set(held) - kept:
                # Somebody else has it by now, or it was ended: what we do for it must stop (a script's whole tree).
                if task := self._tasks.get(run_id):
                    log.warning("run %s is no longer ours; stopping it", run_id)
                    task.cancel()
        await self._on(self._flushing, expire_leases, now)

    async def _stop_cancelled(self) -> None:
        if not self._tasks:
            return
        for run_id in await self._on(self._flushing, cancelled_among, list(self._tasks)):
            ready, task = self._ready.get(run_id), self._tasks.get(run_id)
            if ready is None or task is None:
                continue
            task.cancel()
            await asyncio.wait([task], timeout=10)
            outcome = Outcome(ok=False, code="cancelled", reason="Cancelled while it ran; it was stopped.")
            now = clock.now()
            self._finished.append(Finished(ready.run, outcome, ready.run.started_at or now, now, ready.attempt_id))
            self._results.set()

    async def _on(self, pool: ThreadPoolExecutor, function: Callable[..., T], *args: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(pool, function, *args)
