"""What health says while workers come, are killed, are missing and leave; asked as a load balancer would."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import requests
from django.conf import settings
from django.db.models import F

from actions.engine.heartbeat import STALE_SECONDS
from actions.management.commands.serve import programs
from actions.models import Heartbeat
from tests.end_to_end.faults.flows import flow_to
from tests.end_to_end.faults.installation import Installation, awaited
from tests.end_to_end.faults.truth import pass_time
from tests.end_to_end.server import ROOT, free_ports, wait_until
from tests.fakes.receiver import Receiver

pytestmark = pytest.mark.end_to_end
Ask = Callable[[], dict[str, Any]]


@pytest.fixture
def ready(installation: Installation) -> Iterator[Ask]:
    """Asks a real web server without workers; gives the findings by name."""
    port = free_ports(1)
    command = [
        str(port) if word == str(settings.PORT) else word for word in programs("127.0.0.1", with_demo=False)[0][1]
    ]
    environment = {**installation.environment, "PORT": str(port)}
    with subprocess.Popen(command, env=environment, cwd=ROOT) as web:

        def ask() -> dict[str, Any]:
            with contextlib.suppress(requests.ConnectionError):
                answer = requests.get(f"http://127.0.0.1:{port}/health/ready", timeout=10)
                assert answer.status_code == 200, answer.text
                return dict(answer.json()["checks"])
            return {}

        try:
            wait_until(ask, "the web server never answered")
            yield ask
        finally:
            web.terminate()


def test_health_tells_who_is_there_who_is_missing_and_who_was_lost(installation: Installation, ready: Ask) -> None:
    assert ready()["workers"]["detail"] == "No worker is alive, so nothing runs: start manage.py worker."
    with Receiver() as receiver, installation.host("http", "scripts") as host:
        first = awaited(host, "http", "scripts")
        assert ready()["workers"] == {
            "ok": True, "detail": "Workers are alive.", "alive": 2, "stale": 0, "clusters": {"http": 1, "scripts": 1},
        }  # fmt: skip

        os.kill(first["http"], signal.SIGKILL)
        wait_until(lambda: awaited(host, "http")["http"] != first["http"], "nobody took the killed worker's place")
        Heartbeat.objects.filter(pid=first["http"]).update(beat_at=F("beat_at") - timedelta(seconds=STALE_SECONDS))
        workers = ready()["workers"]
        assert workers["ok"]
        assert workers["detail"] == "Workers are alive; 1 stopped without leaving in the last hour."

        host.kill()
        # What was killed is gone when its new parent has taken note.
        wait_until(lambda: installation.manage("worker", "--list") == "", "dead workers are listed")
        pass_time()
        flow = flow_to(receiver)
        flow.queue(1)
        flow.runs.update(due_at=F("due_at") - timedelta(seconds=60))
        lost = ready()
        assert not lost["workers"]["ok"]
        assert lost["workers"]["stale"] == 3
        assert lost["workers"]["detail"].startswith("No worker is alive")
        assert not lost["queue"]["ok"]
        assert "workers are missing, stuck or too few" in lost["queue"]["detail"]

        with installation.host("http", "scripts") as another:
            awaited(another, "http", "scripts")
            assert installation.manage("worker", "--list").split()[::2] == ["http", "scripts"]
            wait_until(flow.all_succeeded, "the new host did not take over")
            back = ready()
            assert back["workers"]["ok"]
            assert back["queue"] == {"ok": True, "detail": "Nothing is late.", "oldest_due_seconds": 0, "queued": 0}
            assert another.stop() == 0, another.log.read_text()
        assert ready()["workers"]["alive"] == 0
        assert ready()["workers"]["stale"] == 3, "who was told to stop is no loss"
