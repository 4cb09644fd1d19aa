"""What the fault tests hold health against finds every kind of lie."""

import contextlib
import subprocess
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from actions import health
from actions.engine.heartbeat import STALE_SECONDS
from actions.models import Heartbeat, TargetState
from reactions_project import clock
from reactions_project.health import Finding
from tests.end_to_end.faults import truth
from tests.end_to_end.faults.flows import flow_to
from tests.end_to_end.faults.installation import Host, Installation
from tests.end_to_end.faults.truth import health_tells_the_truth, lies, pass_time, processes_of
from tests.fakes.receiver import Receiver

pytestmark = pytest.mark.end_to_end
NO_PROCESS = 4_194_305


@contextlib.contextmanager
def standing_in(*clusters: str) -> Iterator[Host]:
    """A process that does nothing, in place of a host with one worker in all these clusters; it beats once."""
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as process:
        host = Host(process, Path("/dev/null"), Counter(clusters))
        for cluster in clusters:
            beat(process.pid, cluster)
        try:
            yield host
        finally:
            host.kill()


def beat(pid: int, cluster: str, age_seconds: float = 0) -> None:
    at = clock.now() - timedelta(seconds=age_seconds)
    Heartbeat.objects.create(host="here", pid=pid, cluster=cluster, started_at=at, beat_at=at)


@pytest.mark.parametrize("clusters", [(), ("http",), ("scripts",), ("http", "scripts")])
def test_what_is_so_is_no_lie(installation: Installation, clusters: tuple[str, ...]) -> None:
    with standing_in(*clusters) as host:
        assert lies(host) == []
        beat(NO_PROCESS, "http", age_seconds=STALE_SECONDS + 1)
        assert lies(host, lost=1) == []
    pass_time()
    assert lies(host, lost=1 + len(clusters)) == []


def test_a_dead_process_that_counts_as_alive_is_found(installation: Installation) -> None:
    with standing_in("http", "scripts") as host:
        beat(NO_PROCESS, "http")
        assert lies(host) == [
            f"process {NO_PROCESS} of http is taken for alive, and there is none",
            "health says that {'http': 2, 'scripts': 1} are alive, and {'http': 1, 'scripts': 1} are",
        ]
    assert "is taken for alive, and there is none" in lies(host)[0]


def test_a_dead_process_in_place_of_a_living_one_is_found(installation: Installation) -> None:
    with standing_in("http", "scripts") as host:
        Heartbeat.objects.filter(cluster="http").update(pid=NO_PROCESS)
        assert lies(host) == [f"process {NO_PROCESS} of http is taken for alive, and there is none"]


def test_a_living_process_that_counts_as_lost_is_found(installation: Installation) -> None:
    with standing_in("http", "scripts") as host:
        pass_time()
        assert "health says that {} are alive, and {'http': 1, 'scripts': 1} are" in lies(host)
        assert "health says that 2 are lost, and 0 are" in lies(host)


def test_a_loss_that_is_not_told_and_one_that_was_none_are_found(installation: Installation) -> None:
    with standing_in("http", "scripts") as host:
        assert "health says that 0 are lost, and 1 are" in lies(host, lost=1)
        beat(NO_PROCESS, "http", age_seconds=STALE_SECONDS + 1)
        assert "health says that 1 are lost, and 0 are" in lies(host)


def test_a_finding_that_does_not_fit_its_numbers_is_found(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = health.find_workers().facts
    monkeypatch.setattr(truth, "find_workers", lambda: Finding(True, "Workers are alive.", facts))
    assert lies() == [
        "health says that it is well, and ['http', 'scripts'] are missing",
        "health says 'Workers are alive.', and the truth is 'No worker is alive'",
    ]


def test_a_run_that_stays_in_running_is_found(installation: Installation) -> None:
    with Receiver() as receiver:
        flow = flow_to(receiver)
    flow.queue(2)
    assert lies() == []
    flow.runs.filter(sequence=1).update(status="running", lease_until=clock.now())
    assert lies() == ["1 runs stay in running, 0 are in flight"]
    assert lies(running=1) == []
    assert lies(running=None) == []


@pytest.mark.parametrize(
    ("finding", "lie"),
    [
        (Finding(False, "", {"queued": 1, "oldest_due_seconds": 60.0}), "health says that 1 runs are queued"),
        (Finding(True, "", {"queued": 2, "oldest_due_seconds": 0.0}), "health says that a run has been due for 0.0 s"),
        (Finding(True, "Fine.", {"queued": 2, "oldest_due_seconds": 60.0}), "health says 'Fine.' of a run"),
    ],
)
def test_a_queue_that_is_not_so_is_found(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, finding: Finding, lie: str
) -> None:
    with Receiver() as receiver:
        flow = flow_to(receiver)
    flow.queue(2)
    now = clock.now()
    flow.runs.update(due_at=now - timedelta(seconds=60))
    monkeypatch.setattr(clock, "now", lambda: now)
    monkeypatch.setattr(truth, "find_queue", lambda: finding)
    (found,) = lies()
    assert found.startswith(lie)


@pytest.mark.parametrize(
    "lie",
    [Finding(False, "A run has been due for 60 s: workers are missing, stuck or too few."), Finding(True, "Fine.")],
)
def test_a_wrong_cause_is_found(installation: Installation, monkeypatch: pytest.MonkeyPatch, lie: Finding) -> None:
    """What waits for a target that is left alone, and what is worked off, is not stuck."""
    with Receiver() as receiver:
        flow = flow_to(receiver)
    flow.queue(2)
    now = clock.now()
    flow.runs.update(due_at=now - timedelta(seconds=60))
    monkeypatch.setattr(clock, "now", lambda: now)
    with standing_in("http", "scripts") as host:
        monkeypatch.setattr(truth, "find_queue", lambda: Finding(lie.ok, lie.detail, health.find_queue().facts))
        flow.runs.filter(sequence=2).update(status="running", lease_until=now + timedelta(seconds=60))
        (found,) = lies(host, running=1)
        assert found.startswith(f"health says {lie.detail!r} of a run")
        flow.runs.filter(sequence=2).update(status="succeeded")
        TargetState.objects.create(
            target_key=flow.runs.values_list("target_key", flat=True)[0],
            open_until=now + timedelta(seconds=60),
            updated_at=now,
        )
        (found,) = lies(host)
        assert found.startswith(f"health says {lie.detail!r} of a run")
        monkeypatch.setattr(truth, "find_queue", health.find_queue)
        assert lies(host) == []


def test_a_lie_that_stays_is_named(installation: Installation) -> None:
    with (
        standing_in("http") as host,
        pytest.raises(AssertionError, match=r"health does not tell the truth: health says that \{\} are alive"),
    ):
        # It beat once only, and time passes.
        health_tells_the_truth(host, within=0.2)


def test_programs_in_groups_of_their_own_belong_to_their_supervisor(tmp_path: Path) -> None:
    words = ["sh", "-c", "setsid sleep 60 & echo $!; wait"]
    with subprocess.Popen(words, start_new_session=True, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        # Without a job control of its own the shell's child is no group leader, so that setsid need not fork.
        child = int(process.stdout.readline())
        try:
            assert processes_of(Host(process, tmp_path, Counter())) == {process.pid, child}
        finally:
            process.kill()
            subprocess.run(["kill", str(child)], check=True)
