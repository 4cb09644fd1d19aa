"""The engine without its processes: decides and carries out all that is due, here and now, for tests and commands."""

import asyncio
from datetime import datetime

from asgiref.sync import async_to_sync, sync_to_async
from django.conf import settings

from actions.context import loaded
from actions.earlier import NOTHING, earlier_of
from actions.engine.claims import Share, claim
from actions.engine.flush import Finished, flush
from actions.engine.matching import match_due
from actions.engine.work import Ready, carry_out, make_ready
from actions.pausing import hold
from reactions_project import clock
from reactions_project.egress.aio import AsyncEgress
from reactions_project.egress.settings import policy

_TOKEN = "synchronous"  # noqa: S105 - a lease, not a secret
_WORKER = "here"


def run_due(now: datetime | None = None) -> int:
    """Decide every unmatched event and carry out every run that is due at `now` (default: the present), until nothing
    is; returns how many attempts were made. The same claim, execution and flush functions as in a worker."""
    made = 0
    while True:
        matched = match_due().events
        attempts = _one_round(now or clock.now())
        if not matched and not attempts:
            return made
        made += attempts


def _one_round(now: datetime) -> int:
    readies: list[Ready] = []
    for executor in ("http", "script"):
        ids = claim(Share(executor, 100, _TOKEN, now, settings.REACTIONS_LEASE_SECONDS))
        runs = list(loaded(ids))
        held = hold(runs, _TOKEN)
        runs = [run for run in runs if run.pk not in held]
        earlier = earlier_of(runs)
        readies += [make_ready(run, _WORKER, earlier.get(run.pk, NOTHING)) for run in runs]
    if readies:
        finished = async_to_sync(_carry_out_all)(readies)
        flush(finished, _TOKEN, _WORKER)
    return len(readies)


async def _carry_out_all(readies: list[Ready]) -> list[Finished]:
    sender = AsyncEgress(policy())
    try:
        return list(
            await asyncio.gather(
                *(carry_out(ready, sender, lambda function, *args: sync_to_async(function)(*args)) for ready in readies)
            )
        )
    finally:
        await sender.aclose()
