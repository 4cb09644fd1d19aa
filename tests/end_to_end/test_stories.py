"""The RFC's two stories through real processes; no mock between HTTP request and HTTP request."""

import copy
import json
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from actions.demo.summary import SAMPLE_PACKAGE
from tests.end_to_end.server import Server, wait_until
from tests.fakes.receiver import Receiver

pytestmark = pytest.mark.end_to_end
MYGET = "application/vnd.myget.webhooks.v1+json"


def package(version: str, identifier: str = "Acme.Web", **changes: Any) -> dict[str, Any]:
    body = copy.deepcopy(SAMPLE_PACKAGE)
    body["Identifier"] = str(uuid.uuid4())
    body["Payload"].update(PackageVersion=version, PackageIdentifier=identifier)  # type: ignore[index]
    body.update(changes)
    return body


def deliver(server: Server, body: Any, header_key: bool = False, **params: str) -> requests.Response:
    webhook = server.made["triggers"][0]
    headers = {"Content-Type": MYGET}
    if header_key:
        headers["X-Api-Key"] = webhook["key"]
    else:
        params["apikey"] = webhook["key"]
    # As MyGet sends it: with a byte order mark.
    content = b"\xef\xbb\xbf" + json.dumps(body).encode()
    return requests.post(webhook["url"], data=content, headers=headers, params=params, timeout=10)


def release(server: Server, version: str) -> dict[str, Any]:
    return dict(
        wait_until(
            lambda: next((r for r in server.all("/api/releases/") if r["version"] == version), None),
            f"release {version} was never created",
            40,
        )
    )


def package_makes_release(server: Server, version: str, label: str, header_key: bool) -> dict[str, Any]:
    started = time.monotonic()
    answer = deliver(server, package(version), header_key=header_key, channel="stable")
    took = time.monotonic() - started
    assert answer.status_code == 202, answer.text
    assert took < 1
    accepted = answer.json()
    assert accepted["url"].endswith(f"/api/events/{accepted['id']}/")
    made = release(server, version)
    assert "Fixes the" in made["notes"]
    assert "needs Acme.Core 2.0.0" in made["notes"]
    assert "Channel: stable" in made["notes"]
    decision = server.decisions(accepted["id"])[f"Release from MyGet package ({label})"]
    assert decision["verdict"] == "fired"
    assert [condition["passed"] for condition in decision["trace"]] == [True, True]
    run = server.finished_run(decision["run"])
    assert run["status"] == "succeeded", run
    assert run["outputs"]["ReleaseId"] == made["id"]
    log = server.api("GET", f"/api/runs/{run['id']}/log/")
    assert f"Created release {version} of Core Web" in json.dumps(log)
    event = server.api("GET", f"/api/events/{accepted['id']}/")
    assert server.made["triggers"][0]["key"] not in json.dumps([event, run, log])
    return accepted


def test_a_pushed_package_makes_a_release_through_python_with_the_key_in_the_query(server: Server) -> None:
    package_makes_release(server, "1.4.2", "Python", header_key=False)


def test_a_pushed_package_makes_a_release_through_python_with_the_key_in_a_header(server: Server) -> None:
    package_makes_release(server, "1.4.3", "Python", header_key=True)


def test_a_pushed_package_makes_a_release_through_powershell(server_with_powershell: Server) -> None:
    accepted = package_makes_release(server_with_powershell, "2.0.0", "PowerShell", header_key=False)
    package_makes_release(server_with_powershell, "2.0.1", "PowerShell", header_key=True)
    twin = server_with_powershell.decisions(accepted["id"])["Release from MyGet package (Python)"]
    assert twin["verdict"] == "disabled"
    assert "disabled" in twin["reason"]


def test_a_pre_release_is_not_released_and_the_ledger_says_why(server: Server) -> None:
    accepted = deliver(server, package("1.5.0-CI00002")).json()
    decision = server.decisions(accepted["id"])["Release from MyGet package (Python)"]
    assert decision["verdict"] == "filtered"
    assert "1.5.0-CI00002" in decision["reason"]
    assert decision["run"] is None


def test_another_package_is_not_released_and_the_ledger_says_what_was_wanted(server: Server) -> None:
    accepted = deliver(server, package("1.6.0", identifier="Acme.Api")).json()
    decision = server.decisions(accepted["id"])["Release from MyGet package (Python)"]
    assert decision["verdict"] == "filtered"
    assert "Acme.Api" in decision["reason"]
    assert "Acme.Web" in decision["reason"]


def test_the_same_delivery_again_names_the_first_event_and_starts_nothing(server: Server) -> None:
    body = package("1.7.0")
    first = deliver(server, body)
    release(server, "1.7.0")
    again = deliver(server, body)
    assert (first.status_code, again.status_code) == (202, 200)
    assert again.json()["id"] == first.json()["id"]
    assert server.api("GET", f"/api/events/{first.json()['id']}/")["duplicates"] == 1
    assert len(server.all(f"/api/runs/?event={first.json()['id']}")) == 1


def test_a_powershell_action_is_refused_where_no_pwsh_is_installed(server: Server) -> None:
    answer = server.session("author").post(
        f"{server.url}/api/actions/",
        json={
            "project": server.made["project"]["id"],
            "name": "Needs pwsh",
            "kind": "script",
            "config": {"language": "powershell", "source": "Write-Host hello"},
        },
        timeout=10,
    )
    assert answer.status_code == 400, answer.text
    assert "pwsh" in answer.json()["detail"]


@pytest.fixture
def monitor(server: Server) -> Iterator[Receiver]:
    """A monitoring system; the demo's action is pointed at it."""
    with Receiver() as receiver:
        server.manage("demo", "--json", "--monitor-url", receiver.url)
        yield receiver


def deploy(server: Server, version: str, environment: str, notes: str = "") -> dict[str, Any]:
    project = server.made["project"]["id"]
    made = server.api(
        "POST", "/api/releases/", "editor", {"project": project, "version": version, "notes": notes}, expect=201
    )
    deployment = server.api(
        "POST",
        "/api/deployments/",
        "editor",
        {"release": made["id"], "environment": server.made["environments"][environment]},
        expect=201,
    )
    server.api("POST", f"/api/deployments/{deployment['id']}/start/", "editor")
    server.api("POST", f"/api/deployments/{deployment['id']}/succeed/", "editor")
    return dict(server.api("GET", f"/api/deployments/{deployment['id']}/"))


def events_of(server: Server, deployment: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {e["type"]: e for e in server.all(f"/api/events/?deployment={deployment['octopus_id']}")}


def test_a_production_deployment_tells_the_monitoring_system_twice(server: Server, monitor: Receiver) -> None:
    notes = 'Fixes the "basket"\nand the 🐙 page'
    deployment = deploy(server, "3.0.0", "Production", notes)
    wait_until(lambda: len(monitor.requests) >= 2, "the monitoring system was not told twice")
    bodies = [json.loads(request.body) for request in monitor.requests]
    assert {body["deployment"]["description"].split(":")[0] for body in bodies} == {
        "DeploymentStarted",
        "DeploymentSucceeded",
    }
    for request, body in zip(monitor.requests, bodies, strict=True):
        assert request.method == "POST"
        assert request.path.startswith("/v2/applications/Projects-")
        assert request.path.endswith("/deployments.json")
        assert request.headers["X-Release"] == "3.0.0"
        assert request.headers["Api-Key"] == "demo-monitor-key-4711"
        assert body["deployment"]["revision"] == "3.0.0"
        assert body["deployment"]["changelog"] == notes
    for event in (events_of(server, deployment)[name] for name in ("DeploymentStarted", "DeploymentSucceeded")):
        decision = server.decisions(event["id"])["Mark deployments in monitoring"]
        assert decision["verdict"] == "fired"
        run = server.finished_run(decision["run"])
        assert run["status"] == "succeeded", run
        assert run["attempts"][0]["http_status"] == 200
        assert "demo-monitor-key-4711" not in json.dumps(run)


def test_a_staging_deployment_tells_nobody_and_the_ledger_says_why(server: Server, monitor: Receiver) -> None:
    deployment = deploy(server, "3.0.1", "Staging")
    events = events_of(server, deployment)
    for name in ("DeploymentStarted", "DeploymentSucceeded"):
        decision = server.decisions(events[name]["id"])["Mark deployments in monitoring"]
        assert decision["verdict"] == "filtered"
        assert "Staging" in decision["reason"]
        assert "Production" in decision["reason"]
        got = {condition["field"]: (condition["got"], condition["passed"]) for condition in decision["trace"]}
        assert got["project"] == ("Core Web", True)
        assert got["environment"] == ("Staging", False)
    assert monitor.requests == []


def test_a_webhook_joined_to_an_outgoing_request_is_refused_with_the_reason(server: Server) -> None:
    action = next(a for a in server.all("/api/actions/") if a["kind"] == "http")
    answer = server.api(
        "POST",
        "/api/reactions/",
        body={
            "project": server.made["project"]["id"],
            "name": "A broker",
            "triggers": [server.made["triggers"][0]["id"]],
            "action": action["id"],
        },
        expect=400,
    )
    assert "not a broker" in answer["detail"]
