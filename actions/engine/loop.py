"""The loop of one process: match, claim, carry out, flush, keep leases. All database work is on one thread each for
claiming and for flushing, so that Django's connections stay where they were opened."""

import asyncio
import contextlib
import logging
import os
import time
import uuid
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, close_old_connections, connections

from actions.engine import heartbeat
from actions.engine.breaker import Breaker
from actions.engine.claimer import Claimer, Hand
from actions.engine.fence import Fence
from actions.engine.flush import Finished, flush, without_what_was_refused
from actions.engine.leases import cancelled_among, hand_back, renew, return_unstarted
from actions.engine.steady_time import SteadyTime, mend_future, read_clock
from actions.engine.work import Ready, carry_out
from actions.execution import expire_leases
from actions.kinds.base import Outcome
from actions.kinds.script import available_languages
from actions.models import Run
from actions.pausing import release
from reactions_project import clock
from reactions_project.egress.aio import AsyncEgress
from reactions_project.egress.settings import policy
from reactions_project.wake import Listener

T = TypeVar("T")
log = logging.getLogger("reactions.engine")
# Wake-ups may be lost; this is how late a run can be then.
POLL_SECONDS = 0.5
# Beside a flood the next team waits for what was claimed before: 38 ms with 50, 70 with 100. With 25 it is 23, but
# each run would cost a tenth more (measured).
CLAIM_AT_ONCE = 50
# Beyond that a larger transaction saves nothing more for each run, and others wait longer for the write lock.
FLUSH_AT_ONCE = 300
# A few results wait so long for others to be written with.
LINGER_SECONDS = 0.004
HTTP_IN_FLIGHT = 200
# What a killed process may have to send twice, at most: what is in flight, the results that are being written, and
# those that come meanwhile. Fewer, and sending would wait for the disk.
HELD_AT_MOST = HTTP_IN_FLIGHT + 2 * FLUSH_AT_ONCE
# A quarter of the slots: three targets that hang leave room for everybody else.
PER_TARGET = HTTP_IN_FLIGHT // 4


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
        self.time = SteadyTime(clock.now())
        self._expire_from = 0.0
        self._fence = Fence(settings.REACTIONS_LEASE_SECONDS)
        self.breaker = Breaker()
        self.beat = heartbeat.Beat(cluster, clock.now())
        self._claimer = Claimer(
            self.executor, self.slots, self.per_target, self.token, self.beat.worker, self.time, self.breaker
        )
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._ready: dict[int, Ready] = {}
        self._of_target: Counter[str] = Counter()
        self._finished: deque[Finished] = deque()
        self._being_written = 0
        self._unstarted: list[Run] = []
        self._stopping = False
        self._claiming = ThreadPoolExecutor(1, thread_name_prefix="claim")
        self._flushing = ThreadPoolExecutor(1, thread_name_prefix="flush")
        self._background: list[asyncio.Task[None]] = []
        self._started = False

    @property
    def in_flight(self) -> int:
        return len(self._tasks)

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
        self._stopping = True
        if not self._started:
            return
        deadline = time.monotonic() + grace
        # A claim that is under way must be known before anything ends, or its runs would wait for their lease to end.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._on(self._claiming, lambda: None), grace)
        if self._tasks:
            await asyncio.wait(self._tasks.values(), timeout=max(0.0, deadline - time.monotonic()))
        begun = [(ready.run, ready.at) for ready in self._ready.values()]
        for task in list(self._tasks.values()):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks.values(), timeout=5)
        # Before the flushing task ends: what it has taken in hand would be lost with it.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._flush_all(), max(0.0, deadline - time.monotonic()) + 5)
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        await self._on(self._flushing, hand_back, begun, self.token, self.beat.worker)
        await self._on(self._flushing, self._return_unstarted)
        await self._on(self._flushing, self.beat.leave)
        await self._listener.aclose()
        await self._sender.aclose()
        for pool in (self._claiming, self._flushing):
            await asyncio.get_running_loop().run_in_executor(pool, connections.close_all)
            pool.shutdown(wait=False)

    def _start(self) -> None:
        self._due = asyncio.Event()
        self._results = asyncio.Event()
        self._has_beaten = asyncio.Event()
        self._writing = asyncio.Lock()
        self._sender = AsyncEgress(policy())
        self._listener = Listener(self._due)
        self._listener.open()
        if self.executor == "script":
            self.beat.facts = {"languages": available_languages(), "sandbox": settings.REACTIONS_SCRIPT_SANDBOX}
        jobs = [self._claim_on, self._flush_on, self._keep_on]
        if self.executor == "script":
            jobs.append(self._fence_on)
        self._background = [asyncio.create_task(job(), name=job.__name__) for job in jobs]
        self._started = True

    async def _claim_on(self) -> None:
        # Only then it knows what time it is for all hosts, and which targets are to be left alone.
        await self._has_beaten.wait()
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
        self._of_target = +self._of_target
        teams = Counter(ready.run.team_id for ready in self._ready.values())
        hand = Hand(min(CLAIM_AT_ONCE, self._room()), self._of_target.copy(), teams)
        taken = await self._on(self._claiming, self._claimer.take, hand)
        readies = taken.readies
        self.beat.claimed_total += len(readies)
        if self._stopping:
            self._unstarted += [ready.run for ready in readies]
            return False
        if readies and self._fence.is_over(taken.leased_at):
            log.warning("%s runs were claimed so slowly that their leases have ended; leaving them", len(readies))
            return False
        for ready in readies:
            self._begin(ready)
        self._fence.hold((ready.run.pk for ready in readies), taken.leased_at)
        # A slot that comes free sets `due`.
        return taken.has_more and self._room() > 0

    def _room(self) -> int:
        """How many more runs it may hold."""
        held = len(self._tasks) + len(self._finished) + self._being_written
        return min(self.slots - len(self._tasks), HELD_AT_MOST - held)

    def _return_unstarted(self) -> None:
        return_unstarted([*self._unstarted, *self._claimer.not_begun()], self.token)

    def _begin(self, ready: Ready) -> None:
        run_id = ready.run.pk
        if before := self._tasks.get(run_id):
            # Its lease had ended, and the run came back to us before the task for the former try was told.
            before.cancel()
        self._ready[run_id] = ready
        self._of_target[ready.run.target_key] += 1
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
            if self._ready.get(run_id) is ready:
                self._tasks.pop(run_id, None)
                self._ready.pop(run_id, None)
                self._fence.let_go(run_id)
            self._of_target[ready.run.target_key] -= 1
            # Of a busy target not every single slot, or each would be claimed by itself.
            is_half_free = self._of_target[ready.run.target_key] == self.per_target // 2
            if was_full or self.executor == "script" or is_half_free:
                self._due.set()

    async def _write(self, function: Callable[..., T], *args: Any) -> T:
        return await self._on(self._flushing, function, *args)

    async def _flush_on(self) -> None:
        while True:
            await self._results.wait()
            self._results.clear()
            if len(self._finished) < FLUSH_AT_ONCE:
                await asyncio.sleep(LINGER_SECONDS)
            await self._flush_all()

    async def _flush_all(self) -> None:
        """Returns when everything that had finished is written, whoever began to write it."""
        async with self._writing:
            while self._finished:
                await self._flush_some()

    async def _flush_some(self) -> None:
        """Write the next results. What is kept waits here until it is written, or until its leases are certainly
        lost."""
        parts = [[self._finished.popleft() for _ in range(min(FLUSH_AT_ONCE, len(self._finished)))]]
        self._being_written = len(parts[0])
        while parts:
            part = parts.pop()
            try:
                await self._on(self._flushing, self._flush_batch, part)
            except (OperationalError, InterfaceError) as error:
                # The database's trouble, which ends.
                parts.append(part)
                await self._wait_for_database(len(part), error)
            except Exception as error:
                smaller = without_what_was_refused(part, error)
                parts += reversed(smaller or [part])
                if not smaller:
                    await self._wait_for_database(len(part), error)
        was_full = self._room() <= 0
        self._being_written = 0
        if was_full:
            self._due.set()

    async def _wait_for_database(self, results: int, error: Exception) -> None:
        log.warning("%s results could not be written (%s); trying again", results, error)
        await self._on(self._flushing, close_old_connections)
        await asyncio.sleep(0.3)

    def _flush_batch(self, batch: list[Finished]) -> None:
        ours = flush(batch, self.token, self.beat.worker)
        if len(ours) < len(batch):
            log.warning("%s results came after their lease had ended and were dropped", len(batch) - len(ours))
        if self.executor == "http":
            # A host that was cut off itself must not blame its targets.
            self._tell_breaker([(one.run.target_key, one.outcome) for one in ours])

    def _tell_breaker(self, results: Sequence[tuple[str, Outcome]] = ()) -> None:
        """What it fails to count now it counts the next time: nothing is written twice, and no lease lost, for that."""
        try:
            if results:
                self.breaker.note(results, self.time.now())
            else:
                self.breaker.refresh(self.time.now())
        except DatabaseError as error:
            log.warning("what became of targets could not be counted (%s); trying again", error)
            close_old_connections()

    async def _keep_on(self) -> None:
        lease = settings.REACTIONS_LEASE_SECONDS
        next_lease = 0.0
        while True:
            try:
                await self._on(self._flushing, self._beat)
                self._has_beaten.set()
                await self._stop_cancelled()
                if time.monotonic() >= next_lease:
                    next_lease = time.monotonic() + lease / 3
                    await self._keep_leases()
            except DatabaseError as error:
                log.warning("leases could not be renewed (%s); trying again", error)
                await self._on(self._flushing, close_old_connections)
            await asyncio.sleep(min(heartbeat.BEAT_SECONDS, lease / 3))

    def _follow_clock(self) -> None:
        """A clock that was set ends no lease: whoever lives renews before anybody's is taken for expired."""
        lease = settings.REACTIONS_LEASE_SECONDS
        ahead = self.time.follow(read_clock())
        if not ahead or not self._has_beaten.is_set():
            # A clock that was wrong from the start was not set.
            return
        log.warning("the clock was set by %+.0f s; leases go on from here", ahead)
        self._expire_from = time.monotonic() + lease
        if ahead < 0:
            mend_future(self.executor, self.time.now(), lease)

    def _beat(self) -> None:
        self._follow_clock()
        # By the time that all hosts share: with a clock of its own that is wrong, a living host would count as lost, or
        # a lost one as alive.
        self.beat.beat(self.time.now(), len(self._tasks))
        release()
        self._tell_breaker()

    async def _keep_leases(self) -> None:
        now, asked_at = self.time.now(), time.monotonic()
        held = list(self._tasks)
        if held:
            kept = await self._on(self._flushing, renew, held, self.token, now, settings.REACTIONS_LEASE_SECONDS)
            self._fence.hold(kept & self._tasks.keys(), asked_at)
            for run_id in set(held) - kept:
                # Somebody else has it by now, or it was ended: what we do for it must stop (a script's whole tree).
                if task := self._tasks.get(run_id):
                    log.warning("run %s is no longer ours; stopping it", run_id)
                    task.cancel()
        if time.monotonic() >= self._expire_from:
            await self._on(self._flushing, expire_leases, now)

    async def _fence_on(self) -> None:
        """Stop scripts whose leases could not be renewed before they end: another host may begin them again then. A
        request goes on: it has left, and what it brings counts if nobody has taken the run over meanwhile."""
        while True:
            await asyncio.sleep(settings.REACTIONS_LEASE_SECONDS / 15)
            for run_id in self._fence.take_ended():
                if task := self._tasks.get(run_id):
                    log.warning("the lease of run %s could not be renewed; stopping it", run_id)
                    task.cancel()

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
