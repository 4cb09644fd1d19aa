"""What health and metrics can say of workers and of the queue."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Count, Min, QuerySet

from actions.engine.heartbeat import heard_of
from actions.engine.steady_time import read_clock
from actions.models import Heartbeat, Pause, Run, RunStatus, TargetState
from actions.scripts.base import SandboxMode
from reactions_project.health import Check, Finding, Gauge, Metric, checks, gauges
from triggers.models import Event

# Later than this, what is due is late: workers look at least every half second.
_LATE_SECONDS = 30.0
_CLUSTER_OF = {"http": "http", "script": "scripts"}


def register() -> None:
    """Called once, when the app is ready."""
    checks.add(Check("workers", "Workers", find_workers))
    checks.add(Check("queue", "Queue", find_queue))
    checks.add(Check("pauses", "Pauses", find_pauses))
    checks.add(Check("sandbox", "Script sandbox", find_sandbox))
    gauges.add(Gauge("engine", "Queue and workers", read_gauges))


def find_workers() -> Finding:
    """Whether anybody executes: a beat that stopped without leaving is a process that was killed or is stuck."""
    fresh, stale = _beats(read_clock())
    facts = {"alive": sum(fresh.values()), "stale": stale, "clusters": fresh}
    if not fresh:
        return Finding(False, "No worker is alive, so nothing runs: start manage.py worker.", facts)
    missing = sorted({"http", "scripts"} - set(fresh))
    if missing:
        detail = f"No worker of the cluster {' and '.join(missing)} is alive: start manage.py worker."
        return Finding(False, detail, facts)
    if stale:
        return Finding(True, f"Workers are alive; {stale} stopped without leaving in the last hour.", facts)
    return Finding(True, "Workers are alive.", facts)


def find_queue() -> Finding:
    """How long what is due has waited, and for what: only what nobody takes is a fault."""
    now = read_clock()
    late = oldest_due_seconds(now)
    facts = {"oldest_due_seconds": round(late, 1), "queued": Run.objects.filter(status=RunStatus.QUEUED).count()}
    if late <= _LATE_SECONDS:
        return Finding(True, "Nothing is late.", facts)
    closed = _closed_targets(now)
    said = [_about_closed(closed)] if closed else []
    others = _late(now).exclude(target_key__in=[one.target_key for one in closed])
    firsts = dict(others.order_by().values_list("executor").annotate(first=Min("due_at")))
    stuck = {executor: first for executor, first in firsts.items() if not _is_working(executor, now)}
    if firsts:
        seconds = (now - min((stuck or firsts).values())).total_seconds()
        in_hand = sum(_leased(executor, now).count() for executor in firsts)
        why = "workers are missing, stuck or too few" if stuck else f"workers are behind, with {in_hand} in hand"
        said = [f"A run has been due for {seconds:.0f} s: {why}.", *said]
    return Finding(not stuck, " ".join(said) or "Nothing is late.", facts)


def _late(now: datetime) -> QuerySet[Run]:
    return Run.objects.filter(status=RunStatus.QUEUED, due_at__lt=now - timedelta(seconds=_LATE_SECONDS))


def _closed_targets(now: datetime) -> list[TargetState]:
    """Targets that late runs wait for: left alone, or until just now, so that workers only begin to ask them again."""
    wanted = _late(now).order_by().values("target_key").distinct()
    since = now - timedelta(seconds=_LATE_SECONDS)
    return list(TargetState.objects.filter(open_until__gt=since, target_key__in=wanted).order_by("-open_until"))


def _about_closed(closed: Sequence[TargetState]) -> str:
    first = closed[0]
    more = f" Others wait for {len(closed) - 1} more." if len(closed) > 1 else ""
    until = f"{first.open_until:%H:%M:%S} UTC"
    return f"Runs wait for {first.target_key}, which failed and is left alone until {until}.{more}"


def _is_working(executor: str, now: datetime) -> bool:
    """Whether a living worker has some in hand, or finished some lately."""
    if not Heartbeat.objects.filter(heard_of(now), cluster=_CLUSTER_OF[executor]).exists():
        return False
    margin = timedelta(seconds=_LATE_SECONDS)
    finished = Run.objects.filter(executor=executor, finished_at__range=(now - margin, now + margin))
    return _leased(executor, now).exists() or finished.exists()


def _leased(executor: str, now: datetime) -> QuerySet[Run]:
    return Run.objects.filter(status="running", executor=executor, lease_until__gte=now)


def find_pauses() -> Finding:
    """Who paused what: no fault, and the first thing to know when nothing runs."""
    pauses = list(Pause.objects.filter(resumed_at=None).select_related("reaction", "team").order_by("paused_at"))
    held = Run.objects.filter(status=RunStatus.HELD).count() if pauses else 0
    facts = {"pauses": len(pauses), "held": held}
    if not pauses:
        return Finding(True, "Nothing is paused.", facts)
    everything = next((one for one in pauses if not one.reaction_id and not one.team_id), None)
    some = "1 reaction or team is" if len(pauses) == 1 else f"{len(pauses)} reactions or teams are"
    what = "Everything is" if everything else some
    since = (everything or pauses[0]).paused_at
    return Finding(True, f"{what} paused since {since:%Y-%m-%d %H:%M} UTC; {held} runs are held.", facts)


def find_sandbox() -> Finding:
    """Workers say themselves how they run scripts; running them without the sandbox must show (SEC-51)."""
    said = Heartbeat.objects.filter(heard_of(read_clock()))
    modes = sorted({facts["sandbox"] for facts in said.values_list("facts", flat=True) if "sandbox" in facts})
    modes = modes or [settings.REACTIONS_SCRIPT_SANDBOX]
    if SandboxMode.OFF in modes:
        detail = "The script sandbox is off: scripts run with the rights of the worker."
        return Finding(False, detail, {"mode": SandboxMode.OFF})
    return Finding(True, "Scripts run in the sandbox.", {"mode": modes[0]})


def oldest_due_seconds(now: datetime) -> float:
    """How long the run that has been due longest has waited; 0 when nothing is due."""
    due = Run.objects.filter(status=RunStatus.QUEUED, due_at__lte=now).aggregate(first=Min("due_at"))["first"]
    return (now - due).total_seconds() if due else 0.0


def read_gauges() -> Iterable[Metric]:
    now = read_clock()
    fresh, stale = _beats(now)
    for status in (RunStatus.QUEUED, RunStatus.HELD, RunStatus.RUNNING):
        count = Run.objects.filter(status=status).count()
        yield Metric("reactions_runs", "Runs that have not ended, by status.", count, {"status": status.value})
    ended = (
        Run.objects.filter(finished_at__gte=now - timedelta(hours=1))
        .order_by()
        .values_list("status")
        .annotate(count=Count("pk"))
    )
    for status, count in sorted(ended):
        yield Metric("reactions_runs_ended_last_hour", "Runs that ended within an hour.", count, {"status": status})
    yield Metric("reactions_oldest_due_seconds", "How long the first due run has waited.", oldest_due_seconds(now))
    yield Metric("reactions_events_unmatched", "Events not yet matched.", Event.objects.filter(matched_at=None).count())
    for cluster, count in sorted(fresh.items()):
        yield Metric("reactions_workers_alive", "Processes heard of lately.", count, {"cluster": cluster})
    yield Metric("reactions_workers_stale", "Processes that stopped without leaving.", stale)


def _beats(now: datetime) -> tuple[dict[str, int], int]:
    is_fresh = heard_of(now)
    fresh = dict(Heartbeat.objects.filter(is_fresh).order_by().values_list("cluster").annotate(count=Count("pk")))
    return fresh, Heartbeat.objects.exclude(is_fresh).count()
