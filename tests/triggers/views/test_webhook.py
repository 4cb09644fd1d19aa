"""POST /triggers/<route>, as senders meet it."""

import io
import json
import logging
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.urls import resolve, reverse

from accounts import grants, keys, vault
from accounts.callers import caller_for
from accounts.models import AuditEntry
from actions.dispatch import match_events
from actions.models import Decision, Reaction
from reactions_project import clock
from tests.factories import ActionFactory, ReactionFactory, WebhookFactory, operator_caller
from tests.triggers.bodies import MYGET, github_push, myget
from tests.triggers.conftest import key_of
from triggers import definitions, signatures
from triggers.models import Event, Trigger, TriggerKey
from triggers.signals import event_recorded

pytestmark = pytest.mark.django_db
JSON = "application/json"


def test_a_delivery_is_accepted_recorded_and_told_where_it_is(deliver, webhook, settings):
    settings.REACTIONS_BASE_URL = "https://reactions.example.com"
    answer = deliver({"title": "Built"}, query="channel=stable")
    assert answer.status_code == 202
    event = Event.objects.get()
    path = f"/api/events/{event.uid}/"
    assert answer.json() == {"id": str(event.uid), "url": f"https://reactions.example.com{path}"}
    assert resolve(path).view_name == "api-event-detail"
    assert answer["Cache-Control"] == "no-store"
    assert (event.type, event.source, event.subject) == ("WebhookReceived", "webhook", "Built")
    assert (event.trigger, event.project) == (webhook, webhook.project)
    assert (event.payload, event.query) == ({"title": "Built"}, {"channel": "stable"})
    assert event.matched_at is None


def test_a_myget_package_is_taken_as_myget_sends_it(deliver, webhook):
    Trigger.objects.update(source="myget")
    answer = deliver(myget(), content_type=MYGET)
    assert answer.status_code == 202, answer.content
    event = Event.objects.get()
    assert (event.type, event.subject) == ("PackageAdded", "Acme.Web 1.4.2 added to acme")
    assert event.payload["Payload"]["PackageMetadata"]["ReleaseNotes"] == "Größer, schneller ☃"
    assert event.delivery_id == event.payload["Identifier"]


@pytest.mark.parametrize("name", ["X-Api-Key", "X-NuGet-ApiKey", "X-Octopus-ApiKey"])
def test_the_key_comes_in_a_header(deliver, key, name):
    assert deliver({}, key=None, headers={name: key}).status_code == 202


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
def test_the_key_comes_as_a_bearer(deliver, key, scheme):
    assert deliver({}, key=None, headers={"Authorization": f"{scheme} {key}"}).status_code == 202


@pytest.mark.parametrize("name", ["apikey", "apiKey", "api_key", "X-Api-Key", "key"])
def test_the_key_comes_in_the_query(deliver, key, name):
    assert deliver({}, key=None, query=f"{name}={key}").status_code == 202


def test_sec_11_the_query_key_can_be_switched_off(deliver, key):
    Trigger.objects.update(accepts_query_key=False)
    assert deliver({}, key=None, query=f"apikey={key}").status_code == 401
    assert deliver({}, query=f"apikey={key}").status_code == 202


def everywhere(caplog: Any) -> str:
    rows = [*Event.objects.values(), *AuditEntry.objects.values(), *Decision.objects.values()]
    return repr(rows) + caplog.text


def test_sec_11_the_key_appears_nowhere(deliver, key, caplog):
    caplog.set_level(logging.DEBUG)
    deliver({}, key=None, query=f"apikey={key}&x=1")
    deliver({}, query=f"x=1&token={key}", headers={"Referer": f"https://example.com/?apikey={key}"})
    deliver({}, headers={"X-Original-Uri": f"/triggers/packages?apikey={key}", "X-Other": "kept"})
    deliver({}, headers={"Authorization": f"Bearer {key}", "Cookie": f"key={key}"})
    assert deliver(b"{broken", key=None, query=f"apikey={key}").status_code == 400
    keys.revoke(TriggerKey.objects.get())
    refused = deliver({}, key=None, query=f"apikey={key}")
    assert refused.status_code == 401
    assert key not in refused.content.decode()
    assert Event.objects.count() == 4
    assert key not in everywhere(caplog)
    assert key.split("_", 2)[2] not in everywhere(caplog)
    assert Event.objects.order_by("pk")[2].headers["x-other"] == "kept"


def test_sec_11_a_key_in_a_strange_place_appears_nowhere_either(deliver, key, caplog):
    deliver({}, query=f"{key}&x=1", headers={f"X-{key[4:14]}": "1", "Webhook-Id": key})
    deliver({}, key=None, query=f"key={key}&url=https://example.com/?key={key}")
    answers = [
        deliver({}, query=f"{key}=1&{key}=2"),
        deliver(f'{{"{key}": 1, "{key}": 2}}'.encode()),
        deliver(b"{}", content_type=key),
    ]
    assert [answer.status_code for answer in answers] == [400, 400, 415]
    assert Event.objects.count() == 2
    everything = everywhere(caplog) + "".join(answer.content.decode() for answer in answers)
    assert key[:24] not in everything
    assert key.split("_", 2)[2] not in everything


def test_sec_11_the_key_is_in_no_error_page_when_something_breaks(key, webhook, settings, caplog):
    settings.DEBUG = True
    event_recorded.connect(_break)
    try:
        answer = Client().post(f"/triggers/packages?apikey={key}", {}, "application/json")
    finally:
        event_recorded.disconnect(_break)
    assert answer.status_code == 503
    assert "broken on purpose" in caplog.text
    assert key not in answer.content.decode() + caplog.text
    assert not Event.objects.exists()


@pytest.mark.parametrize(
    ("source", "body", "content_type"),
    [
        (
            "github",
            '{"zen": "Hi", "hook": {"config": {"url": "https://example.com/triggers/packages?apikey=<key>"}}}',
            JSON,
        ),
        ("generic", '{"title": "<key>", "<key>": ["<key>", {"a": "b<key>c"}], "n": 1}', JSON),
        ("generic", '{"escaped": "\\u0072<rest>"}', JSON),
        ("generic", "url=https%3A%2F%2Fexample.com%2F%3Fapikey%3D<key>", "application/x-www-form-urlencoded"),
        ("generic", "escaped=%72<rest>", "application/x-www-form-urlencoded"),
    ],
)
def test_sec_11_a_sender_that_repeats_its_address_in_the_body_stores_no_key(
    deliver, key, caplog, source, body, content_type
):
    Trigger.objects.update(source=source, delivery_id_path="")
    sent = body.replace("<key>", key).replace("<rest>", key[1:])
    answer = deliver(sent.encode(), key=None, query=f"apikey={key}", content_type=content_type)
    assert answer.status_code == 202
    assert "*****" in repr(Event.objects.get().payload)
    assert key not in everywhere(caplog)


def _break(**_: Any) -> None:
    raise RuntimeError("broken on purpose")


def test_sec_34_headers_that_carry_keys_are_not_stored(deliver):
    deliver(
        {},
        headers={
            "Authorization": "Basic dXNlcjpwYXNz",
            "Cookie": "session=1",
            "X-Gitlab-Token": "a token",
            "User-Agent": "MyGet",
        },
    )
    stored = Event.objects.get().headers
    assert stored["user-agent"] == "MyGet"
    assert not {"authorization", "cookie", "x-gitlab-token", "x-api-key"} & set(stored)


# One answer for whoever may not deliver.


@pytest.fixture
def refusals(deliver, webhook, key, project):
    """Every way of not being let in, as (how, answer)."""
    elsewhere = key_of(WebhookFactory(project=project, route="elsewhere"))
    expired = key_of(webhook, expires_at=clock.now() - timedelta(seconds=1))
    revoked = key_of(webhook)
    keys.revoke(TriggerKey.objects.get(prefix=keys.prefix_of(keys.TRIGGER, revoked)))
    disabled = WebhookFactory(project=project, route="disabled", is_enabled=False)
    _, api_key = keys.issue_api_key(operator_caller().user, "ci", ["write"])
    body = {"secret plan": "nothing of this is stored"}
    return {
        "missing": deliver(body, key=None),
        "empty": deliver(body, key=""),
        "nonsense": deliver(body, key="nonsense"),
        "not ASCII": deliver(body, key="schl\u00fcssel"),
        "wrong": deliver(body, key=keys.new_text(keys.TRIGGER)),
        "right prefix, wrong secret": deliver(body, key=f"{key[:-4]}AAAA"),
        "foreign": deliver(body, key=elsewhere),
        "expired": deliver(body, key=expired),
        "revoked": deliver(body, key=revoked),
        "disabled": deliver(body, key=key_of(disabled), route="disabled"),
        "unknown route": deliver(body, route="nowhere"),
        "unknown route, no key": deliver(body, route="nowhere", key=None),
        "no route at all": deliver(body, route="", key=None),
        "a route with slashes": deliver(body, route="a/b/c", key=None),
        "a route with a line break": deliver(body, route="a%0Ab", key=None),
        "a management key": deliver(body, key=api_key),
        "two keys in the query": deliver(body, key=None, query=f"apikey={key}&api_key=x"),
        "broken body": deliver(b"{", key=None),
        "broken query": deliver(body, key=None, query="%zz"),
    }


def test_sec_13_every_way_of_not_being_let_in_answers_alike(refusals):
    first = refusals["missing"]
    for how, answer in refusals.items():
        assert answer.status_code == 401, how
        assert answer.content == first.content, how
        assert dict(answer.headers) == dict(first.headers), how
    assert first["Content-Type"] == "application/problem+json"
    assert first["WWW-Authenticate"].startswith("Bearer")
    assert "send this trigger's key" in first.json()["detail"]


def test_sec_13_nothing_of_a_refused_request_is_stored(refusals):
    assert not Event.objects.exists()


def test_sec_13_every_refusal_costs_one_query(deliver, webhook, key, django_assert_num_queries):
    for more in (
        {"key": None},
        {"key": "x"},
        {"key": keys.new_text("t")},
        {"route": "nowhere"},
        {"key": f"{key[:-1]}!"},
    ):
        with django_assert_num_queries(1):
            assert deliver({}, **more).status_code == 401


def test_a_refusal_is_logged_with_its_reason_on_one_line(deliver, key, caplog):
    deliver({}, key=None, route="a%0Ab%E2%80%AE")
    deliver({}, key="nonsense")
    deliver({}, route="elsewhere")
    deliver({}, query="a%0Ab=1&a%0Ab=1")
    said = [record.getMessage() for record in caplog.records if record.name == "reactions.intake"]
    assert "no key was sent" in said[0]
    assert "'a\\nb\\u202e'" in said[0]
    assert "not a trigger key" in said[1]
    assert "another endpoint" in said[2]
    assert 'The query parameter "a\\nb" comes twice' in said[3]
    assert all("\n" not in one for one in said)


def test_sec_10_a_revoked_key_is_refused_on_the_next_request(deliver, webhook):
    assert deliver({}).status_code == 202
    definitions.revoke_key(operator_caller(), TriggerKey.objects.get())
    assert deliver({}).status_code == 401


def test_sec_10_two_keys_are_good_while_one_replaces_the_other(deliver, webhook, key):
    _, new = definitions.issue_key(operator_caller(), webhook, "new")
    assert [deliver({}, key=one).status_code for one in (key, new)] == [202, 202]
    definitions.revoke_key(operator_caller(), TriggerKey.objects.get(name=""))
    assert [deliver({}, key=one).status_code for one in (key, new)] == [401, 202]


def test_sec_10_a_key_knows_when_it_was_last_used(deliver):
    deliver({})
    assert TriggerKey.objects.get().last_used_at is not None


def test_sec_92_a_disabled_endpoint_is_shut_at_once(deliver, webhook, alice):
    webhook.is_enabled = False
    definitions.save_trigger(caller_for(alice), webhook)
    assert deliver({}).status_code == 401


# Order and limits.


def test_sec_30_size_comes_before_the_key(deliver, settings):
    settings.REACTIONS_MAX_BODY_BYTES = 100
    answer = deliver(b'{"a": "' + b"x" * 100 + b'"}', key=None)
    assert answer.status_code == 413
    assert "send less" in answer.json()["detail"]
    assert deliver(b" " * 98 + b"{}").status_code == 202


def test_sec_30_the_key_comes_before_the_body(deliver):
    assert deliver(b"{", key=None).status_code == 401
    assert deliver(b"{").status_code == 400


def test_sec_30_no_action_runs_in_the_request(deliver, webhook, project):
    ReactionFactory(project=project, action=ActionFactory(project=project, python=True), triggers=[webhook])
    assert deliver({}).status_code == 202
    assert not Decision.objects.exists()


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"{", "application/json", 400),
        (b'{"a": 1, "a": 2}', "application/json", 400),
        (b'{"a": NaN}', "application/json", 400),
        (b'{"a": 1e999}', "application/json", 400),
        (b'{"a": "\\u0000"}', "application/json", 400),
        (b'{"a": "\\ud800"}', "application/json", 400),
        (b'{"a": "\xff"}', "application/json", 400),
        (b"[" * 65 + b"]" * 65, "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b"[" + b"1," * 10_000 + b"1]", "application/json", 400),
        (b"{}", "text/xml", 415),
        (b"{}", "application/json; charset=utf-16", 415),
        (b"--x", "multipart/form-data; boundary=x", 415),
        (b"hello", "text/plain", 415),
        (b"[" * 64 + b"]" * 64, "application/json", 202),
        (b"{}", "application/vnd.acme.thing.v2+json", 202),
        (b"a=1&a=2", "application/x-www-form-urlencoded", 202),
        (b'payload={"a":1}', "application/x-www-form-urlencoded", 202),
        (b"", "", 202),
    ],
)
def test_sec_31_a_body_is_read_strictly(deliver, body, content_type, status):
    answer = deliver(body, content_type=content_type)
    assert answer.status_code == status, answer.content
    assert Event.objects.count() == (status == 202)
    if status != 202:
        assert answer["Content-Type"] == "application/problem+json"
        assert ":" in answer.json()["detail"] or "Correct" in answer.json()["detail"]


def test_sec_31_compressed_bodies_are_refused(deliver):
    assert deliver({}, headers={"Content-Encoding": "gzip"}).status_code == 415


def test_sec_31_too_many_headers_are_refused(deliver):
    assert deliver({}, headers={f"X-{n}": "v" * 1_000 for n in range(20)}).status_code == 431


def test_sec_31_a_body_of_exactly_the_limit_is_taken(deliver, settings):
    text = b'"' + b"x" * (settings.REACTIONS_MAX_BODY_BYTES - 2) + b'"'
    assert deliver(text).status_code == 202
    assert deliver(text + b" ").status_code == 413


def test_a_body_whose_end_the_server_cannot_tell_is_refused_with_what_to_do(webhook, key):
    body = io.BytesIO(b"{}")
    sent = {"wsgi.input": body, "HTTP_TRANSFER_ENCODING": "chunked", "HTTP_X_API_KEY": key, "CONTENT_TYPE": JSON}
    answer = Client().generic("POST", "/triggers/packages", **sent)
    assert answer.status_code == 411
    assert "Content-Length" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("more", "status"), [(-2, 202), (0, 202), (1, 413), (5_000_000, 413)], ids=["less", "limit", "over", "much more"]
)
def test_sec_31_of_a_body_without_a_length_no_more_than_the_limit_is_read(webhook, key, settings, more, status):
    size = settings.REACTIONS_MAX_BODY_BYTES + more
    body = io.BytesIO(b'["' + b"x" * (size - 4) + b'"]')
    sent = {"wsgi.input": body, "wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
    answer = Client().generic("POST", "/triggers/packages", HTTP_X_API_KEY=key, CONTENT_TYPE=JSON, **sent)
    assert answer.status_code == status, answer.content
    assert len(body.read()) == max(0, more - 1)


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b'{"a": 1}', JSON, 202),
        (b"[]", JSON, 202),
        (b'{"a": 1', JSON, 400),
        (b"12", JSON, 411),
        (b'"text"', JSON, 411),
        (b"", "", 411),
        (b"a=1&b=2", "application/x-www-form-urlencoded", 411),
        (b'payload={"a":1}', "application/x-www-form-urlencoded", 411),
    ],
)
def test_a_body_without_a_length_is_taken_where_its_end_shows_that_it_is_whole(
    webhook, key, body, content_type, status
):
    sent = {"wsgi.input": io.BytesIO(body), "wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
    answer = Client().generic("POST", "/triggers/packages", HTTP_X_API_KEY=key, CONTENT_TYPE=content_type, **sent)
    assert answer.status_code == status, answer.content
    assert Event.objects.count() == (status == 202)


def test_sec_31_nothing_of_a_body_without_a_length_is_read_before_the_key(webhook):
    body = io.BytesIO(b"{}")
    sent = {"wsgi.input": body, "wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
    assert Client().generic("POST", "/triggers/packages", CONTENT_TYPE=JSON, **sent).status_code == 401
    assert body.read() == b"{}"


@pytest.mark.parametrize("method", ["get", "head", "put", "patch", "delete", "options"])
def test_other_methods_are_told_which_one_to_use(client, webhook, method):
    answer = getattr(client, method)("/triggers/packages")
    assert (answer.status_code, answer["Allow"]) == (405, "POST")
    if method != "head":
        assert "POST" in answer.json()["detail"]


def test_a_browser_session_gets_in_nowhere(client, webhook, alice):
    client.force_login(alice, backend="django.contrib.auth.backends.ModelBackend")
    assert client.post("/triggers/packages", {}, "application/json").status_code == 401


def test_sec_90_an_endpoint_takes_so_many_requests_a_minute(deliver, settings):
    settings.REACTIONS_TRIGGER_RATE_PER_MINUTE = 3
    settings.REDIS_URL = ""  # Redis has a clock of its own.
    with time_machine.travel("2026-03-04T05:06:00Z", tick=False) as moment:
        assert [deliver({}).status_code for _ in range(4)] == [202, 202, 202, 429]
        moment.shift(20)
        answer = deliver({})
        assert answer["Retry-After"] == "40"
        assert "Retry-After" in answer.json()["detail"]
        moment.shift(41)
        assert deliver({}).status_code == 202
    assert Event.objects.count() == 4


def test_sec_90_endpoints_are_counted_apart_and_nought_is_no_limit(deliver, settings, project):
    settings.REACTIONS_TRIGGER_RATE_PER_MINUTE = 1
    other = key_of(WebhookFactory(project=project, route="other"))
    assert [deliver({}).status_code, deliver({}, route="other", key=other).status_code] == [202, 202]
    assert deliver({}).status_code == 429
    settings.REACTIONS_TRIGGER_RATE_PER_MINUTE = 0
    assert deliver({}).status_code == 202


def test_sec_90_nobody_without_a_key_uses_up_an_endpoints_rate(deliver, settings):
    settings.REACTIONS_TRIGGER_RATE_PER_MINUTE = 3
    for _ in range(10):
        deliver({}, key=None)
    assert deliver({}).status_code == 202


def test_an_address_that_fails_too_often_is_told_to_wait_and_a_right_key_still_passes(deliver, settings, caplog):
    settings.REDIS_URL = ""
    with time_machine.travel("2026-03-04T05:06:00Z", tick=False) as moment:
        failures = [deliver({}, key="nonsense") for _ in range(125)]
        assert [one.status_code for one in failures] == [401] * 120 + [429] * 5
        assert failures[-1]["Retry-After"] == "60"
        assert deliver({}).status_code == 202
        moment.shift(61)
        assert deliver({}, key="nonsense").status_code == 401
    reasons = [r.getMessage() for r in caplog.records if r.name == "reactions.intake"]
    assert sum("failures in a minute" in reason for reason in reasons) == 1


def test_sec_13_a_full_endpoint_looks_to_strangers_like_none(deliver, settings):
    settings.REACTIONS_TRIGGER_RATE_PER_MINUTE = 1
    assert [deliver({}).status_code for _ in range(2)] == [202, 429]
    full, none = deliver({}, key="nonsense"), deliver({}, key="nonsense", route="nowhere")
    assert (full.status_code, full.content) == (none.status_code, none.content) == (401, none.content)


def test_refused_requests_are_counted_by_endpoint_and_reason(deliver, webhook, settings, alice, client_for):
    settings.REACTIONS_TRIGGER_RATE_PER_MINUTE = 2
    deliver({}, key="nonsense")
    deliver({}, key=None)
    deliver({}, key=None, route="elsewhere")
    deliver(b"{")
    deliver({})
    deliver({})
    Trigger.objects.update(is_enabled=False)
    deliver({})
    answer = client_for(alice).get(f"/api/triggers/{webhook.pk}/refusals/")
    assert answer.json() == {"refused": {"key": 2, "content": 1, "rate": 1, "disabled": 1}}
    assert Event.objects.count() == 1


# Deliveries that come again.


def test_sec_33_a_delivery_that_comes_again_names_the_first_event(deliver, webhook):
    Trigger.objects.update(source="myget")
    first, again = (deliver(myget(), content_type=MYGET) for _ in range(2))
    assert (first.status_code, again.status_code) == (202, 200)
    assert again.json() == first.json() | {"duplicate": True}
    assert Event.objects.get().duplicates == 1


@pytest.mark.parametrize(
    ("path", "headers", "body"),
    [
        ("header.X-Delivery", {"X-Delivery": "d-1"}, {}),
        ("payload.build.number", {}, {"build": {"number": 7}}),
        ("payload.id", {}, {"id": "x" * 5_000}),
    ],
)
def test_sec_33_a_trigger_says_where_a_delivery_names_itself(deliver, webhook, path, headers, body):
    Trigger.objects.update(delivery_id_path=path)
    assert [deliver(body, headers=headers).status_code for _ in range(2)] == [202, 200]


@pytest.mark.parametrize("body", [{}, {"id": None}, {"id": ""}, {"id": True}, {"id": {}}, {"id": [1]}, []])
def test_a_delivery_without_its_id_is_always_new(deliver, webhook, body):
    Trigger.objects.update(delivery_id_path="payload.id")
    assert [deliver(body).status_code for _ in range(2)] == [202, 202]


def test_sec_33_long_ids_that_begin_alike_are_told_apart(deliver, webhook):
    Trigger.objects.update(delivery_id_path="payload.id")
    assert [deliver({"id": "x" * 300 + end}).status_code for end in "ab"] == [202, 202]


def test_sec_33_ids_count_within_one_endpoint(deliver, webhook, project):
    other = key_of(WebhookFactory(project=project, route="other"))
    headers = {"Webhook-Id": "msg_1"}
    assert deliver({}, headers=headers).status_code == 202
    assert deliver({}, headers=headers, route="other", key=other).status_code == 202
    assert deliver({}, headers=headers).status_code == 200


def test_sec_33_after_seven_days_an_id_is_new_again(deliver, settings):
    headers = {"Webhook-Id": "msg_1"}
    with time_machine.travel("2026-03-04T05:06:00Z", tick=False) as moment:
        assert deliver({}, headers=headers).status_code == 202
        moment.shift(timedelta(days=6, hours=23))
        assert deliver({}, headers=headers).status_code == 200
        moment.shift(timedelta(hours=2))
        assert deliver({}, headers=headers).status_code == 202


def test_a_project_goes_with_webhooks_that_had_deliveries_of_the_same_id(deliver, webhook, project, alice):
    other = key_of(WebhookFactory(project=project, route="other"))
    deliver({}, headers={"Webhook-Id": "msg_1"})
    deliver({}, headers={"Webhook-Id": "msg_1"}, route="other", key=other)
    for trigger in Trigger.objects.all():
        definitions.delete_trigger(caller_for(alice), trigger)
    assert Event.objects.filter(trigger=None).count() == 2
    grants.delete_project(caller_for(alice), project)
    assert not Event.objects.exists()


@pytest.mark.parametrize(
    ("source", "body", "headers"),
    [
        ("myget", json.loads(myget("Ping").removeprefix(b"\xef\xbb\xbf")), {}),
        ("github", {"zen": "Keep it simple."}, {"X-GitHub-Event": "ping"}),
    ],
)
def test_a_ping_is_recorded_and_starts_nothing(
    deliver, webhook, project, source, body, headers, alice, client, client_for
):
    Trigger.objects.update(source=source)
    webhook.refresh_from_db()
    ReactionFactory(project=project, action=ActionFactory(project=project, python=True), triggers=[webhook])
    assert deliver(body, headers=headers).status_code == 202
    event = Event.objects.get()
    assert event.type == "Ping"
    assert event.matched_at is not None
    assert len(match_events([event])) == 0
    assert not Decision.objects.exists()
    assert Reaction.objects.exists()
    shown = client_for(alice).get(f"/api/events/{event.uid}/").json()
    assert "a ping is recorded and starts nothing" in shown["starts_nothing_because"]
    client.force_login(alice, backend="django.contrib.auth.backends.ModelBackend")
    page = client.get(reverse("event-detail", args=[event.uid])).content.decode()
    assert shown["starts_nothing_because"] in page
    assert "No reaction listens" not in page


def test_what_is_no_ping_starts_what_listens(deliver, webhook, project):
    ReactionFactory(project=project, action=ActionFactory(project=project, python=True), triggers=[webhook])
    deliver({"zen": "Keep it simple."}, headers={"X-GitHub-Event": "ping"})
    assert len(match_events(list(Event.objects.all()))) == 1


# Signatures.


@pytest.fixture
def signed(webhook, project):
    """The endpoint wants GitHub's signature, made with "first" or, while it changes, "second"."""
    first, second = (vault.store(operator_caller(), project, name, name) for name in ("first", "second"))
    webhook.source = webhook.signature_scheme = "github"
    webhook.signing_secret, webhook.former_signing_secret = second, first
    webhook.save()
    return webhook


def github_headers(body: bytes, secret: str) -> dict[str, str]:
    return {
        "X-GitHub-Event": "push",
        "X-GitHub-Delivery": f"d-{secret}",
        "X-Hub-Signature-256": signatures.schemes.get("github").sign(body, [secret]),  # type: ignore[attr-defined]
    }


def test_sec_32_both_secrets_are_good_while_one_replaces_the_other(deliver, signed):
    body = json.dumps(github_push()).encode()
    for secret in ("first", "second"):
        assert deliver(body, headers=github_headers(body, secret)).status_code == 202
    event = Event.objects.first()
    assert event is not None
    assert (event.type, event.subject, event.delivery_id) == ("GitHubPush", "push in acme/web", "d-second")
    assert "x-hub-signature-256" not in event.headers
    assert deliver(body, headers=github_headers(body, "second")).status_code == 200


@pytest.mark.parametrize(
    "header", [None, "", "sha256=", "sha256=00", "sha1=00", "sha256=" + "g" * 64, "\xff\xfe", "sha256=" + "0" * 9_000]
)
def test_sec_32_a_missing_or_malformed_signature_is_the_same_401(deliver, signed, header):
    answer = deliver({}, headers={} if header is None else {"X-Hub-Signature-256": header})
    assert answer.status_code == 401
    assert answer.content == deliver({}, key=None).content
    assert not Event.objects.exists()


def test_sec_32_a_signature_needs_the_key_besides(deliver, signed):
    body = b"{}"
    assert deliver(body, key=None, headers=github_headers(body, "first")).status_code == 401


def test_sec_32_a_standard_webhook_is_taken_within_five_minutes(deliver, webhook, project):
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    webhook.signature_scheme = "standard_webhooks"
    webhook.signing_secret = vault.store(operator_caller(), project, "standard", secret)
    webhook.save()
    with time_machine.travel("2026-03-04T05:06:00Z", tick=False) as moment:
        headers = signatures.sign("msg_1", clock.now(), b"{}", [secret])
        assert deliver(b"{}", headers=headers).status_code == 202
        moment.shift(299)
        assert deliver(b"{}", headers=headers).status_code == 200
        moment.shift(2)
        assert deliver(b"{}", headers=headers).status_code == 401
        assert deliver(b"{ }", headers=signatures.sign("msg_2", clock.now(), b"{}", [secret])).status_code == 401
    assert Event.objects.get().delivery_id == "msg_1"


def test_a_signing_secret_that_cannot_be_opened_is_the_servers_fault(deliver, signed, caplog):
    signed.signing_secret.ciphertext = "v1.gone.AAAA"
    signed.signing_secret.save()
    answer = deliver(b"{}", headers=github_headers(b"{}", "first"))
    assert answer.status_code == 503
    assert "cannot be opened" in caplog.text


def test_a_delivery_costs_few_queries(deliver, django_assert_max_num_queries):
    deliver({})
    # The key, unless it is known, and the event in a savepoint, which is a transaction outside of tests.
    with django_assert_max_num_queries(4):
        deliver({"a": 1}, headers={"Webhook-Id": "one"})
