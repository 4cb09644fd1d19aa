"""Redis holds rates and caches only: while it is gone, deliveries are accepted and decided as ever."""

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
import requests
from pytest_django import DjangoDbBlocker

from tests.end_to_end.faults.truth import connected_to, health_tells_the_truth
from tests.end_to_end.server import Server, free_ports, running_server, wait_until

pytestmark = [
    pytest.mark.end_to_end,
    pytest.mark.skipif(
        shutil.which("redis-server") is None, reason="Redis is not installed: apt install redis-server."
    ),
]


@contextlib.contextmanager
def own_redis(port: int) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", ""], stdout=subprocess.DEVNULL
    )

    def answers() -> bool:
        with contextlib.suppress(redis.ConnectionError), redis.Redis(port=port) as client:
            return bool(client.ping())
        return False

    try:
        wait_until(answers, "Redis never came up")
        yield process
    finally:
        process.kill()
        process.wait()


def deliver(server: Server) -> str:
    hook = next(one for one in server.made["triggers"] if one["kind"] == "webhook")
    answer = requests.post(hook["url"], json={}, headers={"X-Api-Key": hook["key"]}, timeout=20)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def test_deliveries_are_accepted_and_decided_while_redis_is_gone_and_after(
    tmp_path: Path, django_db_blocker: DjangoDbBlocker
) -> None:
    port = free_ports(1)
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(own_redis(port))
        server = stack.enter_context(running_server(tmp_path, REDIS_URL=f"redis://127.0.0.1:{port}/0"))
        stack.enter_context(django_db_blocker.unblock())
        host = stack.enter_context(connected_to(server))
        accepted = [deliver(server)]
        first.kill()
        first.wait()
        accepted += [deliver(server), deliver(server)]
        assert server.session("owner").get(f"{server.url}/runs/", timeout=20).ok
        health_tells_the_truth(host)
        stack.enter_context(own_redis(port))
        accepted.append(deliver(server))
        for event in accepted:
            assert server.decisions(event)
        health_tells_the_truth(host)
