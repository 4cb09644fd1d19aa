"""What health says, held against what is there: processes of the machine, and runs as they are written."""

import contextlib
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from django.db.models import F

from actions.engine.heartbeat import STALE_SECONDS
from actions.health import find_queue, find_workers
from actions.models import Heartbeat, Run, TargetState
from reactions_project import clock
from tests.end_to_end.faults.installation import Host, Installation, parent_of
from tests.end_to_end.server import Server, wait_until

# Of what health says of the queue.
_LATE_SECONDS = 30.0
_CLUSTER_OF = {"http": "http", "script": "scripts"}


def pass_time(seconds: float = STALE_SECONDS) -> None:
    """Nobody has been heard of for that long."""
    Heartbeat.objects.update(beat_at=F("beat_at") - timedelta(seconds=seconds))


def health_tells_the_truth(*hosts: Host, lost: int = 0, running: int | None = 0, within: float = 25) -> None:
    """Wait until health knows exactly those processes that live on the hosts, counts as lost those `lost` that ended
    without leaving, and no more runs than `running` are in flight (None: work goes on). Time passes first, so that who
    is counted as alive was heard of since."""
    pass_time()
    found = ["nobody has looked"]

    def is_true() -> bool:
        found[:] = lies(*hosts, lost=lost, running=running)
        return not found

    try:
        wait_until(is_true, "health does not tell the truth", within)
    except AssertionError as error:
        raise AssertionError(f"{error}: {'; '.join(found)}; {list(Heartbeat.objects.values())}") from None


def lies(*hosts: Host, lost: int = 0, running: int | None = 0) -> list[str]:
    """What is said and is not so, or is so and is not said; each as a sentence."""
    found = [*_lies_about_workers(hosts, lost), *_lies_about_the_queue(hosts)]
    in_flight = Run.objects.filter(status="running").count()
    if running is not None and in_flight != running:
        found.append(f"{in_flight} runs stay in running, {running} are in flight")
    return found


@contextlib.contextmanager
def connected_to(server: Server) -> Iterator[Host]:
    """The models read and write that server's database; gives its workers, which are all that there may be."""
    with Installation(server.data, server.environment).connected():
        yield Host(server.process, server.data / "serve.log", Counter(http=1, scripts=1))


def _lies_about_workers(hosts: tuple[Host, ...], lost: int) -> Iterator[str]:
    said = find_workers()
    heard_since = clock.now() - timedelta(seconds=STALE_SECONDS)
    heard = dict(Heartbeat.objects.filter(beat_at__gte=heard_since).values_list("pid", "cluster"))
    processes = {pid for host in hosts for pid in processes_of(host)}
    real = sum((host.works for host in hosts if host.process.poll() is None), Counter())
    for pid in sorted(set(heard) - processes):
        yield f"process {pid} of {heard[pid]} is taken for alive, and there is none"
    if said.facts["clusters"] != real or said.facts["alive"] != real.total():
        yield f"health says that {said.facts['clusters']} are alive, and {dict(real)} are"
    if said.facts["stale"] != lost:
        yield f"health says that {said.facts['stale']} are lost, and {lost} are"
    missing = sorted({"http", "scripts"} - set(real))
    if said.ok == bool(missing):
        yield f"health says that it is {'well' if said.ok else 'not well'}, and {missing} are missing"
    if not real:
        true = "No worker is alive"
    elif missing:
        true = f"No worker of the cluster {' and '.join(missing)} is alive"
    else:
        true = f"Workers are alive; {lost} stopped without leaving" if lost else "Workers are alive."
    if not said.detail.startswith(true):
        yield f"health says {said.detail!r}, and the truth is {true!r}"


def _lies_about_the_queue(hosts: tuple[Host, ...]) -> Iterator[str]:
    before, causes, said, after = _queue(), _causes(hosts), find_queue(), _queue()
    queued, waited = said.facts["queued"], said.facts["oldest_due_seconds"]
    # Work may go on while health looks: it is right if it was so at any moment between.
    if not min(before[0], after[0]) <= queued <= max(before[0], after[0]):
        yield f"health says that {queued} runs are queued; it was {before[0]} before and {after[0]} after"
    elif not min(before[1], after[1]) - 0.1 <= waited <= max(before[1], after[1]) + 0.1:
        yield f"health says that a run has been due for {waited} s; it was {before[1]} before and {after[1]} after"
    elif not any(said.ok == is_well and words in said.detail for is_well, words in causes | _causes(hosts)):
        yield f"health says {said.detail!r} of a run that has been due for {waited} s"


def _queue() -> tuple[int, float]:
    """How many runs are queued, and for how long the first of those that are due has been due."""
    now = clock.now()
    queued = Run.objects.filter(status="queued")
    first = queued.filter(due_at__lte=now).order_by("due_at").values_list("due_at", flat=True).first()
    return queued.count(), (now - first).total_seconds() if first else 0.0


def _causes(hosts: tuple[Host, ...]) -> set[tuple[bool, str]]:
    """Why runs are late: whether that is well, and words that must be said of it. Several where health may choose."""
    now = clock.now()
    limit = timedelta(seconds=_LATE_SECONDS)
    late = set(Run.objects.filter(status="queued", due_at__lt=now - limit).values_list("target_key", "executor"))
    closed = set(TargetState.objects.filter(open_until__gt=now - limit).values_list("target_key", flat=True))
    waiting = {executor for target, executor in late if target not in closed}
    if not late:
        return {(True, "Nothing is late.")}
    if not waiting:
        return {(True, f"Runs wait for {target}, which failed and is left alone until") for target, _ in late}
    works = sum((host.works for host in hosts if host.process.poll() is None), Counter())
    stuck, behind = (False, "workers are missing, stuck or too few"), (True, "workers are behind")
    if any(not works[_CLUSTER_OF[executor]] for executor in waiting):
        return {stuck}
    in_hand = set(Run.objects.filter(status="running", lease_until__gt=now).values_list("executor", flat=True))
    # Between two claims only who sees both can tell.
    return {behind} if waiting <= in_hand else {stuck, behind}


def processes_of(host: Host) -> set[int]:
    """Its process group, and all that descends from its parent: a supervisor gives its programs groups of their own."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            children.setdefault(parent_of(int(entry.name)), []).append(int(entry.name))
    found, new = set(host.family()), [host.process.pid]
    while new:
        pid = new.pop()
        found.update(children.get(pid, ()))
        new += children.get(pid, ())
    return found
