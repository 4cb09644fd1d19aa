"""What teams do with outgoing requests, from an event to the bytes at the other side (scenarios S3, S4, S5 and S7)."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.end_to_end.server import Server, wait_until
from tests.fakes.receiver import Answer, Received, Receiver

pytestmark = pytest.mark.end_to_end
NOTES = 'Fixes the "basket"\r\nand the 🐙 page\\ #{Octopus.Project.Name}'


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


class Team:
    """What a member of the team does through the API; secrets and their bindings with the session of an owner."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.project = server.made["project"]["id"]
        self.session = server.session("owner")

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = self.session.post(f"{self.server.url}{path}", json=body, timeout=20)
        assert answer.ok, (answer.status_code, answer.text)
        return dict(answer.json())

    def secret(self, name: str, value: str) -> str:
        return str(self.post("/api/secrets/", {"project": self.project, "name": name, "value": value})["id"])

    def reaction(
        self,
        name: str,
        listens_to: list[str],
        conditions: list[dict[str, Any]],
        config: dict[str, Any],
        secrets: dict[str, str] | None = None,
        **more: Any,
    ) -> dict[str, Any]:
        action = self.post(
            "/api/actions/",
            {"project": self.project, "name": name, "kind": "http", "config": config, "secrets": secrets or {}} | more,
        )
        return self.post(
            "/api/reactions/",
            {
                "project": self.project,
                "name": name,
                "event_types": listens_to,
                "action": action["id"],
                "conditions": conditions,
            },
        ) | {"action": action["id"]}

    def deployment(self, version: str, environment: str, notes: str = "") -> dict[str, Any]:
        release = self.post("/api/releases/", {"project": self.project, "version": version, "notes": notes})
        target = self.server.made["environments"][environment]
        return self.post("/api/deployments/", {"release": release["id"], "environment": target})

    def step(self, deployment: dict[str, Any], *steps: str, **body: Any) -> None:
        for step in steps:
            self.post(f"/api/deployments/{deployment['id']}/{step}/", body if step == steps[-1] else {})

    def event(self, deployment: dict[str, Any], event_type: str) -> str:
        events = self.server.all(f"/api/events/?deployment={deployment['octopus_id']}")
        return next(str(event["id"]) for event in events if event["type"] == event_type)

    def run_of(self, deployment: dict[str, Any], event_type: str, reaction: str) -> dict[str, Any]:
        decision = self.server.decisions(self.event(deployment, event_type))[reaction]
        assert decision["verdict"] == "fired", decision
        return self.server.finished_run(decision["run"])


@pytest.fixture(scope="module")
def team(server: Server) -> Team:
    return Team(server)


PRODUCTION = [
    {"field": "project", "operator": "is", "value": "Core Web"},
    {"field": "environment", "operator": "is", "value": "Production"},
]


def test_s3_a_production_deployment_is_marked_in_the_monitoring_system(team: Team, receiver: Receiver) -> None:
    receiver.respond = lambda _: Answer(201, b'{"deployment": {"id": 4711}}')
    config = {
        "method": "POST",
        "url": f"{receiver.url}/v2/applications/8642/deployments.json",
        "headers": {"Api-Key": "#{NewRelic.ApiKey}"},
        "body": {
            "kind": "json",
            "json": {
                "deployment": {
                    "revision": "#{Octopus.Release.Number}",
                    "changelog": "#{Octopus.Release.Notes}",
                    "description": "Deployment of #{Octopus.Project.Name} to #{Octopus.Environment.Name}",
                    "user": "#{Octopus.Deployment.CreatedBy.Username}",
                }
            },
        },
        "expect": [200, 201],
        "capture": {"DeploymentId": "deployment.id"},
    }
    key = "NRAK-of-the-eu-account-4711"
    reaction = team.reaction(
        "NR EU", ["DeploymentSucceeded"], PRODUCTION, config, {"NewRelic.ApiKey": team.secret("nr-eu", key)}
    )
    staging = team.deployment("8.1.0", "Staging", NOTES)
    team.step(staging, "start", "succeed")
    production = team.deployment("8.1.1", "Production", NOTES)
    team.step(production, "start", "succeed")

    run = team.run_of(production, "DeploymentSucceeded", "NR EU")
    assert (run["status"], run["outputs"]) == ("succeeded", {"DeploymentId": "4711"})
    assert team.server.decisions(team.event(staging, "DeploymentSucceeded"))["NR EU"]["verdict"] == "filtered"
    (sent,) = receiver.requests
    assert sent.raw.startswith(b"POST /v2/applications/8642/deployments.json HTTP/1.1\r\n")
    assert sent.headers["Api-Key"] == key
    assert sent.headers["Content-Type"] == "application/json"
    assert json.loads(sent.body) == {
        "deployment": {
            "revision": "8.1.1",
            "changelog": NOTES,
            "description": "Deployment of Core Web to Production",
            "user": "owner",
        }
    }
    event = team.event(production, "DeploymentSucceeded")
    preview = team.post("/api/actions/preview/", {"action": reaction["action"], "event": event})
    assert preview["would_send"], preview
    assert preview["request"]["body"].encode() == sent.body
    assert ["Api-Key", "*****"] in preview["request"]["headers"]
    assert key not in json.dumps([preview, run])
    assert len(receiver.requests) == 1


def chat_and_pager(team: Team, receiver: Receiver, name: str) -> None:
    where = [{"field": "environment", "operator": "is", "value": "Production"}]
    slack = {
        "method": "POST",
        "url": "#{Slack.WebhookUrl}",
        "body": {
            "kind": "json",
            "json": {
                "text": "#{Octopus.Project.Name} #{Octopus.Release.Number}: #{Octopus.Event.Category}",
                "attachments": [
                    {
                        "color": '#{if Octopus.Event.Category == "DeploymentFailed"}danger#{else}good#{/if}',
                        "text": "#{Octopus.Deployment.Error}",
                    }
                ],
            },
        },
        "expect": [200],
    }
    pager = {
        "method": "POST",
        "url": f"{receiver.url}/{name}/v2/enqueue",
        "body": {
            "kind": "json",
            "json": {
                "routing_key": "#{PagerDuty.RoutingKey}",
                "event_action": "trigger",
                "dedup_key": "octopus-#{Octopus.Deployment.Id}",
                "payload": {"summary": "Deployment failed: #{Octopus.Deployment.Error}", "severity": "error"},
            },
        },
    }
    url = team.secret(f"slack-{name}", f"{receiver.url}/{name}/services/T0/B0/secret-hook")
    team.reaction(f"Slack {name}", ["DeploymentFailed"], where, slack, {"Slack.WebhookUrl": url}, retry_waits=[1])
    routing = team.secret(f"pager-{name}", "R0-routing-key-of-the-service")
    team.reaction(f"PagerDuty {name}", ["DeploymentFailed"], where, pager, {"PagerDuty.RoutingKey": routing})


def at(receiver: Receiver, part: str) -> list[Received]:
    return [request for request in receiver.requests if part in request.path]


def test_s5_chat_is_tried_again_after_a_500_while_the_pager_rings_once(team: Team, receiver: Receiver) -> None:
    chat_answers = iter([Answer(500), Answer(500)])
    receiver.respond = lambda request: (
        next(chat_answers, Answer(200, b"ok", ())) if "services" in request.path else Answer(202)
    )
    chat_and_pager(team, receiver, "first")
    failed = team.deployment("8.2.0", "Production")
    team.step(failed, "start", "fail", error="disk full on web-01")

    chat = team.run_of(failed, "DeploymentFailed", "Slack first")
    pager = team.run_of(failed, "DeploymentFailed", "PagerDuty first")
    assert (chat["status"], [one["http_status"] for one in chat["attempts"]]) == ("succeeded", [500, 500, 200])
    assert (pager["status"], [one["http_status"] for one in pager["attempts"]]) == ("succeeded", [202])
    hooks, alerts = at(receiver, "services"), at(receiver, "enqueue")
    assert (len(hooks), len(alerts)) == (3, 1)
    assert hooks[0].json()["attachments"] == [{"color": "danger", "text": "disk full on web-01"}]
    assert len({hook.body for hook in hooks}) == len({hook.headers["Idempotency-Key"] for hook in hooks}) == 1
    dedup = f"octopus-{failed['octopus_id']}"
    assert alerts[0].json()["dedup_key"] == dedup
    assert "secret-hook" not in json.dumps(chat)
    assert "R0-routing-key" not in json.dumps(pager)

    replayed = team.post(f"/api/runs/{pager['id']}/replay/", {})
    assert team.server.finished_run(replayed["id"])["status"] == "succeeded"
    again = at(receiver, "enqueue")[1]
    assert again.json() == alerts[0].json()
    assert again.headers["Idempotency-Key"] != alerts[0].headers["Idempotency-Key"]


def test_s5_a_hook_that_is_gone_is_not_tried_again_and_says_so(team: Team, receiver: Receiver) -> None:
    receiver.respond = lambda request: Answer(404, b"no_service") if "services" in request.path else Answer(202)
    chat_and_pager(team, receiver, "second")
    failed = team.deployment("8.2.1", "Production")
    team.step(failed, "start", "fail", error="disk full")
    chat = team.run_of(failed, "DeploymentFailed", "Slack second")
    assert (chat["status"], chat["outcome"], len(chat["attempts"])) == ("failed", "http_404", 1)
    assert "404" in chat["reason"]
    assert team.run_of(failed, "DeploymentFailed", "PagerDuty second")["status"] == "succeeded"
    assert len(at(receiver, "services")) == 1


def test_s7_a_change_of_the_process_is_audited_but_not_the_service_users(team: Team, receiver: Receiver) -> None:
    config = {
        "method": "POST",
        "url": f"{receiver.url}/projects/#{{Octopus.Project.Id | UriDataEscape}}",
        "body": {
            "kind": "json",
            "json": {
                "user": "#{Octopus.Event.Username}",
                "time": "#{Octopus.Event.Occurred}",
                "message": "#{Payload.Message}",
            },
        },
    }
    team.reaction(
        "Audit the process",
        ["DeploymentProcessUpdated"],
        [
            {"field": "project", "operator": "is", "value": "Core Web"},
            {"field": "actor", "operator": "is_not", "value": "author"},
        ],
        config,
    )
    message = "Set #{Octopus.Project.Name} and #{Secret.Token}\nin step 2"
    for role, said in (("author", "by the service user"), ("editor", message)):
        team.server.api(
            "PUT",
            f"/api/deployment-processes/{team.project}/",
            role,
            {"steps": [{"name": "Deploy"}], "message": said},
        )
    changes = team.server.all("/api/events/?type=DeploymentProcessUpdated")
    verdicts = {
        change["actor"]: team.server.decisions(change["id"])["Audit the process"]["verdict"] for change in changes
    }
    assert verdicts == {"author": "filtered", "editor": "fired"}
    (sent,) = receiver.wait_for(1)
    assert sent.path.startswith("/projects/Projects-")
    told = sent.json()
    assert (told["user"], told["message"]) == ("editor", message)
    assert told["time"].startswith("20")
    wait_until(
        lambda: all(run["status"] == "succeeded" for run in team.server.all("/api/runs/")[:1]), "the run never ended"
    )
    assert len(receiver.requests) == 1


def test_s4_the_end_of_a_deployment_uses_what_its_start_was_answered(team: Team, receiver: Receiver) -> None:
    numbers = iter(range(100, 200))
    receiver.respond = lambda request: (
        Answer(201, json.dumps({"id": next(numbers)}).encode()) if request.method == "POST" else Answer(204, b"", ())
    )
    start = {
        "method": "POST",
        "url": f"{receiver.url}/suppressions",
        "body": {"kind": "json", "json": {"name": "octopus-#{Octopus.Deployment.Id}"}},
        "capture": {"SuppressionId": "id"},
    }
    end = {
        "method": "DELETE",
        "url": f"{receiver.url}/suppressions/#{{Octopus.Action[Relax].Output.SuppressionId}}",
    }
    team.reaction("Relax", ["DeploymentStarted"], PRODUCTION, start)
    team.reaction("Tighten", ["DeploymentSucceeded", "DeploymentFailed"], PRODUCTION, end)
    first, second = (team.deployment(version, "Production") for version in ("8.4.0", "8.4.1"))
    for one in (first, second):
        team.step(one, "start")
        assert team.run_of(one, "DeploymentStarted", "Relax")["status"] == "succeeded"
    ids = {request.json()["name"]: 100 + index for index, request in enumerate(receiver.requests)}
    for one in (second, first):
        team.step(one, "succeed")
        run = team.run_of(one, "DeploymentSucceeded", "Tighten")
        assert run["status"] == "succeeded", run
        assert receiver.requests[-1].method == "DELETE"
        assert receiver.requests[-1].path == f"/suppressions/{ids['octopus-' + one['octopus_id']]}"
