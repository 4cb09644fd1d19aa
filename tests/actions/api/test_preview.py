"""POST /api/actions/preview/: exactly what a run would send, and why it would not."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from accounts import vault
from actions.definitions import save_action
from actions.engine.synchronous import run_due
from actions.models import Action, Run
from actions.models.reaction import NO_PASSTHROUGH
from tests.factories import ActionFactory, ProjectFactory, ReactionFactory, WebhookFactory, member, operator_caller
from tests.fakes.receiver import Receiver
from triggers.ledger import EventData, record
from triggers.models import Event

pytestmark = pytest.mark.django_db
NOTES = 'say "hi"\nand 🐙'
PAYLOAD = {"Project": {"Name": "Core Web"}, "Release": {"Number": "1.2.3", "Notes": NOTES}}
HTTP = {
    "method": "POST",
    "url": "https://monitor.example.com/mark/#{Octopus.Release.Number}",
    "query": {"notes": "#{Octopus.Release.Notes}"},
    "headers": {"X-Reaction": "#{Octopus.Reaction.Name}"},
    "body": {"kind": "json", "json": {"notes": "#{Octopus.Release.Notes}"}},
}


@pytest.fixture(autouse=True)
def _loopback(settings: Any) -> None:
    settings.REACTIONS_ALLOW_PRIVATE_ADDRESSES = "127.0.0.1/32"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


def event_in(project: Any, payload: Any = PAYLOAD, **more: Any) -> Event:
    data = EventData(type="DeploymentSucceeded", source="catalog", project=project, payload=payload, **more)
    return record(data).event


def ask(client: Any, **body: Any) -> Any:
    answer = client.post("/api/actions/preview/", body, format="json")
    assert answer.status_code == 200, answer.data
    return answer.json()


def draft(project: Any, **config: Any) -> dict[str, Any]:
    return {"project": str(project.pk), "config": HTTP | config}


@pytest.mark.django_db(transaction=True)
def test_a_preview_is_what_the_run_then_sends(project, alice, client_for, receiver):
    action = ActionFactory(project=project, config={**HTTP, "url": f"{receiver.url}/mark/#{{Octopus.Release.Number}}"})
    reaction = ReactionFactory(action=action)
    event = record(
        EventData(type=reaction.triggers.get().event_type, source="catalog", project=project, payload=PAYLOAD)
    ).event
    told = ask(client_for(alice), action=str(action.pk), event=str(event.uid), reaction=reaction.name)
    assert (told["would_send"], told["problem"], told["unresolved"]) == (True, "", [])
    assert receiver.requests == []
    assert not Run.objects.filter(attempts__isnull=False).exists()
    run_due()
    (sent,) = receiver.requests
    shown = told["request"]
    assert (sent.method, f"{receiver.url}{sent.path}") == (shown["method"], shown["url"])
    assert sent.body == shown["body"].encode()
    run_only = {"Idempotency-Key": str(Run.objects.get().uid)}
    for name, value in shown["headers"]:
        assert sent.headers[name] == run_only.get(name, value)
    assert Run.objects.get().attempts.get().request["body"] == shown["body"]


def test_a_pasted_payload_stands_for_an_event_and_none_is_recorded(project, alice, client_for):
    told = ask(client_for(alice), **draft(project), payload=PAYLOAD)
    assert told["request"]["url"].startswith("https://monitor.example.com/mark/1.2.3?notes=say%20%22hi%22%0A")
    assert json.loads(told["request"]["body"]) == {"notes": NOTES}
    assert not Event.objects.exists()
    assert not Action.objects.exists()


def test_unresolved_tokens_come_with_place_offset_and_suggestion(project, alice, client_for):
    told = ask(client_for(alice), **draft(project, headers={"X-Release": "v#{Octopus.Release.Numbr}"}), payload=PAYLOAD)
    assert told["unresolved"] == [
        {
            "place": "header X-Release",
            "token": "#{Octopus.Release.Numbr}",
            "offset": 1,
            "suggestion": "Octopus.Release.Number",
            "sentence": "#{Octopus.Release.Numbr} in header X-Release is not known; "
            "did you mean Octopus.Release.Number?",
        }
    ]
    assert not told["would_send"]
    assert told["problem"] == told["unresolved"][0]["sentence"]
    assert ["X-Release", "v#{Octopus.Release.Numbr}"] in told["request"]["headers"]


def test_sec_60_a_token_inside_a_payload_stays_text(project, alice, client_for):
    payload = {**PAYLOAD, "Release": {"Number": "1", "Notes": "#{Secret.Token} #{Octopus.Project.Name}"}}
    told = ask(client_for(alice), **draft(project, query={}), payload=payload)
    assert json.loads(told["request"]["body"]) == {"notes": "#{Secret.Token} #{Octopus.Project.Name}"}
    assert told["unresolved"] == []


def test_sec_22_bound_secrets_are_masked_whatever_a_filter_does_to_them(project, alice, signed_in):
    secret = vault.store(operator_caller(), project, "monitor-token", "correct horse battery staple")
    config = {
        "headers": {
            "Api-Key": "#{Token}",
            "Encoded": "#{Token | ToBase64}",
            "Piece": "#{Token | Substring 4}",
            "Branch": '#{if Token == "correct horse battery staple"}same#{else}other#{/if}',
        }
    }
    told = ask(signed_in(alice), **draft(project, **config), secrets={"Token": str(secret.pk)}, payload=PAYLOAD)
    headers = dict(told["request"]["headers"])
    assert (headers["Api-Key"], headers["Encoded"], headers["Branch"]) == ("*****", "*****", "other")
    assert headers["Piece"] not in ("", "corr")


def test_a_saved_action_is_previewed_with_the_secrets_that_it_holds(project, alice, client_for):
    secret = vault.store(operator_caller(), project, "monitor-token", "correct horse battery staple")
    config = {**HTTP, "headers": {"Api-Key": "#{Token}"}}
    action = save_action(
        operator_caller(), Action(project=project, name="Notify", kind="http", config=config), {"Token": secret}
    )
    told = ask(client_for(alice), action=str(action.pk), payload=PAYLOAD)
    assert ["Api-Key", "*****"] in told["request"]["headers"]
    assert told["would_send"]


def test_a_saved_action_is_previewed_with_what_the_draft_changes(project, alice, client_for):
    action = ActionFactory(project=project)
    told = ask(client_for(alice), action=str(action.pk), config={"method": "PUT", "url": HTTP["url"]}, payload=PAYLOAD)
    assert (told["request"]["method"], told["request"]["url"]) == ("PUT", "https://monitor.example.com/mark/1.2.3")
    assert Action.objects.get().config == action.config


def test_a_host_that_the_secret_may_not_go_to_is_told_before_anything_is_sent(project, alice, signed_in):
    secret = vault.store(operator_caller(), project, "token", "correct horse battery staple", ["other.example.com"])
    config = {"headers": {"Api-Key": "#{Token}"}}
    told = ask(signed_in(alice), **draft(project, **config), secrets={"Token": str(secret.pk)}, payload=PAYLOAD)
    assert not told["would_send"]
    assert "may not be sent to monitor.example.com" in told["problem"]


def test_a_refused_address_is_told_before_anything_is_sent(project, alice, client_for):
    told = ask(client_for(alice), **draft(project, headers={"Host": "x"}), payload=PAYLOAD)
    assert "The header Host cannot be set" in told["problem"]


def test_sec_61_an_event_that_would_choose_the_host_is_told(project, alice, client_for):
    told = ask(client_for(alice), **draft(project, url="https://#{Octopus.Release.Number}/"), payload=PAYLOAD)
    assert told["request"] is None
    assert "host" in told["problem"]


def test_sec_35_a_webhooks_event_is_never_sent_on(project, alice, client_for):
    trigger = WebhookFactory(project=project)
    event = record(
        EventData(type="WebhookReceived", source="webhook", project=project, trigger=trigger, payload=PAYLOAD)
    ).event
    config = {"url": "https://monitor.example.com/", "query": {}, "headers": {}, "body": {"kind": "none"}}
    told = ask(client_for(alice), **draft(project, **config), event=str(event.uid))
    assert (told["would_send"], told["problem"]) == (False, NO_PASSTHROUGH)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"payload": None, "event": None}, "event"),
        ({"config": {"url": "ftp://x/"}}, "config"),
        ({"config": None}, "config"),
        ({"kind": "telepathy"}, "kind"),
        ({"kind": "script", "config": {"language": "python", "source": "print(1)"}}, "action"),
        ({"project": "7e9a44a1-9a0b-4f43-9d6e-5bb4dbb2a4a2"}, "project"),
    ],
)
def test_what_cannot_be_previewed_is_refused_at_its_field(project, alice, signed_in, change, field):
    body = {**draft(project), "payload": PAYLOAD} | change
    answer = signed_in(alice).post("/api/actions/preview/", body, format="json")
    assert answer.status_code == 400, answer.data
    assert field in answer.json()["errors"]


def test_neither_event_nor_payload_says_what_to_give(project, alice, client_for):
    answer = client_for(alice).post("/api/actions/preview/", draft(project), format="json")
    assert answer.json()["errors"]["event"] == ["Name the event to preview with, or paste a payload."]


@pytest.mark.parametrize(("role", "expected"), [("owner", 200), ("author", 200), ("editor", 200), ("viewer", 403)])
def test_sec_01_a_preview_is_for_who_may_test_the_action(project, signed_in, role, expected):
    client = signed_in(member(project.team, role, "bob"))
    assert client.post("/api/actions/preview/", {**draft(project), "payload": PAYLOAD}, format="json").status_code == (
        expected
    )


def test_sec_02_charlie_finds_neither_project_nor_action_nor_event(project, charlie, client_for):
    action, event = ActionFactory(project=project), event_in(project)
    client = client_for(charlie)
    for body in (
        {**draft(project), "payload": PAYLOAD},
        {"action": str(action.pk), "payload": PAYLOAD},
        {"action": str(action.pk), "event": str(event.uid)},
    ):
        answer = client.post("/api/actions/preview/", body, format="json")
        assert answer.status_code == 400
        assert "that you may use" in answer.json()["detail"]


def test_an_event_of_another_project_is_refused(project, alice, client_for):
    other = event_in(ProjectFactory(team=project.team))
    answer = client_for(alice).post("/api/actions/preview/", {**draft(project), "event": str(other.uid)}, format="json")
    assert answer.status_code == 400
    assert "belongs to another project" in answer.json()["detail"]


def test_the_read_key_alone_previews_nothing(project, alice, client_for):
    client = client_for(alice, ("read",))
    answer = client.post("/api/actions/preview/", {**draft(project), "payload": PAYLOAD}, format="json")
    assert answer.status_code == 403
