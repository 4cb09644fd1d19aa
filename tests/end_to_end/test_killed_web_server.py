"""The web server is killed as a whole in the middle of deliveries: what it had answered is there."""

import itertools
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from pytest_django import DjangoDbBlocker

from tests.end_to_end.faults.installation import parent_of
from tests.end_to_end.faults.truth import connected_to, health_tells_the_truth
from tests.end_to_end.server import Server, running_server, wait_until
from triggers.models import Event

pytestmark = pytest.mark.end_to_end
CONNECTIONS = 8
SOME = 150


@pytest.fixture
def server(tmp_path: Path) -> Any:
    with running_server(tmp_path, REACTIONS_SQLITE_SYNCHRONOUS="FULL") as running:
        yield running


class Deliveries:
    """Of one endpoint, over a few connections at once, until somebody hangs up; `answered` are ids of the events."""

    def __init__(self, server: Server) -> None:
        self._webhook = next(one for one in server.made["triggers"] if one["kind"] == "webhook")
        self._numbers = itertools.count()
        self.answered: list[str] = []

    def deliver(self) -> None:
        with requests.Session() as session:
            while True:
                try:
                    answer = self.one(session)
                except requests.RequestException:
                    return
                assert answer.status_code == 202, answer.text
                self.answered.append(answer.json()["id"])

    def one(self, session: requests.Session) -> requests.Response:
        return session.post(
            self._webhook["url"],
            json={"Identifier": f"delivery {next(self._numbers)}", "Payload": {"PackageIdentifier": "Acme.Api"}},
            headers={"X-Api-Key": self._webhook["key"]},
            timeout=20,
        )


def web_server_of(server: Server) -> int:
    """Its parent, which is also the number of its process group."""

    def is_web(pid: int) -> bool:
        return parent_of(pid) == server.process.pid and b"granian" in Path(f"/proc/{pid}/cmdline").read_bytes()

    (found,) = [
        int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit() and is_web(int(entry.name))
    ]
    return found


def test_every_delivery_that_was_answered_is_there_after_the_web_server_was_killed(
    server: Server, django_db_blocker: DjangoDbBlocker
) -> None:
    deliveries = Deliveries(server)
    killed = web_server_of(server)
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        senders = [pool.submit(deliveries.deliver) for _ in range(CONNECTIONS)]
        wait_until(lambda: len(deliveries.answered) >= SOME, "too few deliveries were answered")
        os.killpg(killed, signal.SIGKILL)
    for sender in senders:
        sender.result()
    answered = set(deliveries.answered)
    assert len(answered) == len(deliveries.answered)
    with django_db_blocker.unblock(), connected_to(server) as host:
        recorded = Event.objects.filter(trigger__isnull=False)
        uids = {str(uid) for uid in recorded.values_list("uid", flat=True)}
        assert answered <= uids
        # Of the others, each was on its way when the server died.
        assert len(uids - answered) <= CONNECTIONS
        wait_until(lambda: not recorded.filter(matched_at=None).exists(), "not all were decided")
        health_tells_the_truth(host)

    def answers_again() -> bool:
        try:
            return deliveries.one(requests.Session()).status_code == 202
        except requests.RequestException:
            return False

    wait_until(answers_again, "the web server did not come back")
    assert web_server_of(server) != killed
