"""SEC-93 with real processes: a worker is killed in mid-run, and the run ends as it should."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.end_to_end.server import Server, running_server, wait_until
from tests.fakes.receiver import Answer, Receiver

pytestmark = pytest.mark.end_to_end


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """With short leases, so that a lost worker is noticed soon."""
    with running_server(tmp_path_factory.mktemp("data"), REACTIONS_LEASE_SECONDS="3") as running:
        yield running


def sleeper(server: Server, marker: str, **action: Any) -> str:
    """A reaction to DeploymentFailed that runs a long script; gives the id of its action."""
    author = server.session("author")
    made = author.post(
        f"{server.url}/api/actions/",
        json={
            "project": server.made["project"]["id"],
            "name": f"Sleep {marker}",
            "kind": "script",
            "config": {
                "language": "python",
                "source": f"import subprocess, time\nprint('{marker} begins', flush=True)\n"
                f"subprocess.Popen(['sleep', '{marker}'])\ntime.sleep(120)",
            },
            "timeout_seconds": 200,
            **action,
        },
        timeout=10,
    )
    assert made.status_code == 201, made.text
    reaction = author.post(
        f"{server.url}/api/reactions/",
        json={
            "project": server.made["project"]["id"],
            "name": f"Sleep {marker}",
            "event_types": ["ReleaseCreated"],
            "action": made.json()["id"],
            "conditions": [{"field": "release.version", "operator": "is", "value": marker}],
        },
        timeout=10,
    )
    assert reaction.status_code == 201, reaction.text
    return str(reaction.json()["id"])


def run_of(server: Server, reaction: str) -> Any:
    found = server.all(f"/api/runs/?reaction={reaction}")
    return found[0] if found else None


def started(server: Server, reaction: str) -> Any:
    def running() -> Any:
        run = run_of(server, reaction)
        return run if run and run["status"] == "running" else None

    run = wait_until(running, "the run never started", 30)
    wait_until(lambda: "begins" in str(server.api("GET", f"/api/runs/{run['id']}/log/")), "it never printed", 30)
    return run


def fire(server: Server, marker: str) -> None:
    server.api("POST", "/api/releases/", "editor", {"project": "core-web", "version": marker, "notes": ""}, expect=201)


def sleeps(marker: str) -> bool:
    return subprocess.run(["pgrep", "-f", f"sleep {marker}"], capture_output=True, check=False).returncode == 0


def test_sec_93_a_script_whose_worker_was_killed_is_interrupted_and_its_processes_are_gone(server: Server) -> None:
    reaction = sleeper(server, "4711.1")
    fire(server, "4711.1")
    started(server, reaction)
    assert sleeps("4711.1")
    (worker,) = server.workers("scripts")
    os.kill(worker, signal.SIGKILL)
    run = server.finished_run(run_of(server, reaction)["id"])
    assert run["status"] == "interrupted", run
    assert "retry it" in run["reason"]
    assert run["attempt_count"] == 1
    assert "4711.1 begins" in str(server.api("GET", f"/api/runs/{run['id']}/log/"))
    wait_until(lambda: not sleeps("4711.1"), "what the script started outlived its worker", 10)
    # A new worker took the place of the killed one and works.
    again = server.api("POST", f"/api/runs/{run['id']}/retry/", "owner")
    wait_until(lambda: server.api("GET", f"/api/runs/{again['id']}/")["status"] == "running", "no worker came back", 30)
    server.api("POST", f"/api/runs/{again['id']}/cancel/", "owner")
    assert server.finished_run(again["id"])["status"] == "cancelled"
    wait_until(lambda: not sleeps("4711.1"), "a cancelled script went on", 10)


def test_sec_93_a_repeatable_script_is_run_again_by_another_worker(server: Server) -> None:
    reaction = sleeper(server, "4711.2", is_repeatable=True, max_attempts=3)
    fire(server, "4711.2")
    started(server, reaction)
    (worker,) = server.workers("scripts")
    os.kill(worker, signal.SIGKILL)

    def tried_again() -> Any:
        run = run_of(server, reaction)
        return run if run["status"] == "running" and run["attempt_count"] == 2 else None

    run = wait_until(tried_again, "it was not tried again", 40)
    server.api("POST", f"/api/runs/{run['id']}/cancel/", "owner")
    assert server.finished_run(run["id"])["status"] == "cancelled"


def test_sec_93_a_request_in_flight_is_sent_again_with_the_same_key(server: Server) -> None:
    with Receiver() as receiver:
        receiver.answers(Answer(hang=True))
        server.manage("demo", "--json", "--monitor-url", receiver.url)
        fire(server, "5.0.0")
        release = next(r for r in server.all("/api/releases/") if r["version"] == "5.0.0")
        deployment = server.api(
            "POST", "/api/deployments/", "editor", {"release": release["id"], "environment": "production"}, expect=201
        )
        server.api("POST", f"/api/deployments/{deployment['id']}/start/", "editor")
        wait_until(lambda: receiver.requests, "nothing was sent")
        (worker,) = server.workers("http")
        os.kill(worker, signal.SIGKILL)
        wait_until(lambda: len(receiver.requests) >= 2, "it was not sent again", 40)
        first, second = receiver.requests[:2]
        assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"]
        assert first.headers["X-Reactions-Attempt"] != second.headers["X-Reactions-Attempt"]
        run = server.all(f"/api/runs/?event={_event(server, deployment)}")[0]
        assert server.finished_run(run["id"])["status"] == "succeeded"


def _event(server: Server, deployment: Any) -> str:
    events = server.all(f"/api/events/?deployment={deployment['octopus_id']}&type=DeploymentStarted")
    return str(events[0]["id"])


def test_events_accepted_while_no_worker_lives_are_decided_when_one_comes_back(server: Server) -> None:
    """Kill the worker's parent; the supervisor starts another."""
    parents = _children(server.process.pid, "worker")
    assert parents
    os.kill(parents[0], signal.SIGKILL)
    webhook = server.made["triggers"][0]
    accepted = requests.post(
        webhook["url"],
        json={"Payload": {"PackageIdentifier": "Acme.Api"}},
        headers={"X-Api-Key": webhook["key"]},
        timeout=10,
    )
    assert accepted.status_code == 202
    decisions = server.decisions(accepted.json()["id"])
    assert decisions["Release from MyGet package (Python)"]["verdict"] == "filtered"


def _children(parent: int, word: str) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            status = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            if int(status[1]) == parent and word.encode() in (entry / "cmdline").read_bytes().split(b"\0"):
                found.append(int(entry.name))
        except OSError:
            continue
    return found
