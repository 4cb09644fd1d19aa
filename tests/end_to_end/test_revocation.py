"""SEC-11: a revoked key opens nothing from the next request on, although every web worker knows it for seconds."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.end_to_end.server import Server, running_server

pytestmark = pytest.mark.end_to_end


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with running_server(tmp_path) as running:
        yield running


def statuses(server: Server, count: int) -> set[int]:
    """Of that many deliveries over connections of their own, so that all web workers take part."""
    hook = next(one for one in server.made["triggers"] if one["kind"] == "webhook")
    return {
        requests.post(hook["url"], json={}, headers={"X-Api-Key": hook["key"]}, timeout=20).status_code
        for _ in range(count)
    }


def test_a_key_that_all_web_workers_know_is_refused_once_it_is_revoked(server: Server) -> None:
    trigger = next(one for one in server.all("/api/triggers/") if one["kind"] == "webhook")
    assert statuses(server, 20) == {202}
    server.api("PATCH", f"/api/triggers/{trigger['id']}/", body={"is_enabled": False})
    assert statuses(server, 20) == {401}
    server.api("PATCH", f"/api/triggers/{trigger['id']}/", body={"is_enabled": True})
    assert statuses(server, 20) == {202}
    owner = server.session("owner")
    keys = owner.get(f"{server.url}/api/triggers/{trigger['id']}/keys/", timeout=20).json()["results"]
    for key in keys:
        gone = owner.delete(f"{server.url}/api/triggers/{trigger['id']}/keys/{key['id']}/", timeout=20)
        assert gone.ok, gone.text
    assert statuses(server, 20) == {401}
