"""The disk of an embedded installation fills up to the last byte: what cannot be kept is refused, and what was accepted
before goes on once there is room."""

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from pytest_django import DjangoDbBlocker

from tests.end_to_end.faults.truth import connected_to, health_tells_the_truth
from tests.end_to_end.server import Server, running_server, wait_until
from tests.fakes.receiver import Answer, Receiver

pytestmark = [
    pytest.mark.end_to_end,
    pytest.mark.skipif(
        bool(os.environ.get("TEST_DATABASE_URL")), reason="A database server looks after its own disk: SQLite only."
    ),
]


@pytest.fixture
def small_disk() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="reactions-disk-") as folder:
        made = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", folder], capture_output=True, text=True, check=False
        )
        if made.returncode:
            pytest.skip(f"No file system can be mounted here: {made.stderr.strip()}")
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)


@contextlib.contextmanager
def filled(disk: Path) -> Iterator[None]:
    """Not a byte is left."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            if file.write(b"x" * 4_096) < 4_096:
                break
    try:
        yield
    finally:
        ballast.unlink()


def deliver(server: Server) -> requests.Response:
    hook = next(one for one in server.made["triggers"] if one["kind"] == "webhook")
    body = {"Payload": {"text": "x" * 20_000}}
    return requests.post(hook["url"], json=body, headers={"X-Api-Key": hook["key"]}, timeout=60)


def start_sending(server: Server, receiver: Receiver) -> str:
    """A run whose request is under way; its id."""
    project = server.made["project"]["id"]
    config = {"method": "POST", "url": f"{receiver.url}/", "body": {"kind": "text", "text": "hello"}}
    action = server.api(
        "POST", "/api/actions/", body={"project": project, "name": "Slow", "kind": "http", "config": config}
    )
    listening = {"event_types": ["DeploymentProcessUpdated"], "action": action["id"]}
    server.api("POST", "/api/reactions/", body={"project": project, "name": "Slow", **listening})
    server.api("PUT", f"/api/deployment-processes/{project}/", body={"steps": []})
    receiver.wait_for(1)
    return str(next(run for run in server.all("/api/runs/") if run["reaction_name"] == "Slow")["id"])


@pytest.mark.parametrize("least_free_percent", ["0", "5"])
def test_on_a_full_disk_nothing_is_accepted_that_cannot_be_kept_and_nothing_accepted_is_lost(
    small_disk: Path, django_db_blocker: DjangoDbBlocker, least_free_percent: str
) -> None:
    with (
        Receiver() as receiver,
        running_server(small_disk, REACTIONS_LEAST_FREE_PERCENT=least_free_percent) as server,
    ):
        receiver.respond = lambda _: Answer(delay=3)
        accepted = [deliver(server) for _ in range(3)]
        assert {one.status_code for one in accepted} == {202}
        run = start_sending(server, receiver)
        with filled(small_disk):
            beside = [deliver(server) for _ in range(8)]
            accepted += [one for one in beside if one.status_code == 202]
            refused = [one for one in beside if one.status_code != 202]
            assert refused
            assert {one.status_code for one in refused} == {503}
            assert all("Retry-After" in one.headers and one.json()["detail"] for one in refused)
            # The answer to what was under way came meanwhile; what came of it is kept in memory.
            assert server.api("GET", f"/api/runs/{run}/")["status"] == "running"
        assert server.finished_run(run)["status"] == "succeeded"
        assert len(receiver.requests) == 1
        wait_until(lambda: deliver(server).status_code == 202, "it never accepted anything again")
        for one in accepted:
            assert server.decisions(one.json()["id"])
        with django_db_blocker.unblock(), connected_to(server) as host:
            health_tells_the_truth(host)
