"""Deliveries that share a commit are each answered as if they had come alone."""

import json
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from accounts import keys, vault
from reactions_project.wsgi_over_asgi import Delivery
from tests.factories import WebhookFactory, operator_caller
from tests.triggers.conftest import key_of
from triggers.authentication import KnownKeys, NotAuthentic, Presented
from triggers.models import Event, Trigger, TriggerKey
from triggers.views.deliveries import answer_all, is_plain

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _in_the_transaction_of_the_test() -> Iterator[None]:
    with patch("triggers.views.deliveries.close_old_connections"):
        yield


def delivery(key: str, body: Any = None, route: str = "packages", **headers: str) -> Delivery:
    content = json.dumps({} if body is None else body).encode() if not isinstance(body, bytes) else body
    sent = {"host": "testserver", "content-type": "application/json", "content-length": str(len(content))}
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    return Delivery(f"/triggers/{route}".encode(), {**sent, "x-api-key": key, **more}, "", "192.0.2.1", "1.1", content)


def statuses(*deliveries: Delivery) -> list[int]:
    return [status for status, _, _ in answer_all(deliveries)]


def test_each_of_a_group_gets_its_own_answer_in_its_place(webhook, key, project):
    other = key_of(WebhookFactory(project=project, route="other"))
    answers = answer_all(
        [
            delivery(key, {"n": 1}),
            delivery("nonsense"),
            delivery(key, b"{"),
            delivery(other, {"n": 2}, route="other"),
            delivery(other, {"n": 3}),
            delivery(key, {"n": 4}),
        ]
    )
    assert [status for status, _, _ in answers] == [202, 401, 400, 202, 401, 202]
    ids = [json.loads(content)["id"] for status, _, content in answers if status == 202]
    told = {str(event.uid): (event.trigger.route, event.payload["n"]) for event in Event.objects.all()}
    assert [told[one] for one in ids] == [("packages", 1), ("other", 2), ("packages", 4)]


def test_a_group_is_one_transaction(webhook, key, django_assert_num_queries):
    statuses(delivery(key))
    # SAVEPOINT and RELEASE, and on PostgreSQL one INSERT for all; on SQLite the rows go past Django's cursor.
    with django_assert_num_queries(2 if connection.vendor == "sqlite" else 3):
        assert statuses(*(delivery(key, {"n": n}) for n in range(20))) == [202] * 20
    assert Event.objects.count() == 21


def test_sec_33_a_delivery_that_comes_twice_in_one_group_is_recorded_once(webhook, key):
    twice = [delivery(key, webhook_id="one") for _ in range(2)]
    (first, _, told), (again, _, repeated) = answer_all([*twice])
    assert (first, again) == (202, 200)
    assert json.loads(repeated) == json.loads(told) | {"duplicate": True}
    assert Event.objects.get().duplicates == 1


def test_a_group_that_cannot_be_written_together_is_written_one_by_one(webhook, key, caplog):
    with patch("triggers.intake.record_open", side_effect=RuntimeError("broken on purpose")):
        assert statuses(*(delivery(key, {"n": n}) for n in range(3))) == [202] * 3
    assert Event.objects.count() == 3
    assert "one by one" in caplog.text


def test_while_the_database_is_busy_all_of_a_group_are_told_so_at_once(webhook, key):
    with patch("triggers.intake.record_open", side_effect=OperationalError("database is locked")) as asked:
        answers = answer_all([delivery(key) for _ in range(3)])
    assert [status for status, _, _ in answers] == [503] * 3
    assert all((b"retry-after", b"60") in headers for _, headers, _ in answers)
    assert asked.call_count == 1
    assert not Event.objects.exists()


@pytest.mark.parametrize(
    "change",
    [
        lambda key: keys.revoke(key),
        lambda key: TriggerKey.objects.update(expires_at=timezone.now()),
        lambda key: key.delete(),
        lambda key: Trigger.objects.update(is_enabled=False),
        lambda key: Trigger.objects.update(route="elsewhere"),
        lambda key: key.trigger.delete(),
    ],
)
def test_sec_13_what_was_known_of_a_key_opens_nothing_after_a_change_elsewhere(webhook, key, change):
    assert statuses(delivery(key)) == [202]
    change(TriggerKey.objects.get())
    # Not even whether the body would have been right is told.
    assert statuses(delivery(key), delivery(key, b"{"), delivery(key)) == [401] * 3
    assert Event.objects.filter(trigger=webhook).count() <= 1


def test_a_known_key_follows_a_change_of_its_endpoint(webhook, key):
    assert statuses(delivery(key)) == [202]
    Trigger.objects.update(name="Renamed", delivery_id_path="payload.id")
    assert statuses(delivery(key, {"id": "a"}), delivery(key, {"id": "a"})) == [202, 200]
    assert Event.objects.first().delivery_id == "a"


def test_sec_32_a_signature_that_is_asked_for_from_now_on_is_asked_of_a_known_key(webhook, key):
    assert statuses(delivery(key)) == [202]
    secret = vault.store(operator_caller(), webhook.project, "signing", "value")
    Trigger.objects.update(signature_scheme="github", signing_secret=secret)
    assert statuses(delivery(key)) == [401]


def test_a_right_key_is_known_for_five_seconds_and_no_look_up_is_made(webhook, key, django_assert_num_queries):
    uptime = [100.0]
    known = KnownKeys(lambda: uptime[0])
    known.authenticate(Presented(key), "packages")
    for seconds, queries in ((4.9, 0), (0.2, 1), (0.1, 0)):
        uptime[0] += seconds
        with django_assert_num_queries(queries):
            known.authenticate(Presented(key), "packages")


def test_sec_13_a_wrong_key_costs_its_look_up_whether_or_not_its_prefix_is_known(
    webhook, key, django_assert_num_queries
):
    known = KnownKeys()
    known.authenticate(Presented(key), "packages")
    for wrong in (key[:-1] + ("A" if key[-1] != "A" else "B"), keys.new_text(keys.TRIGGER), "nonsense", ""):
        with django_assert_num_queries(1), pytest.raises(NotAuthentic):
            known.authenticate(Presented(wrong), "packages")


@pytest.mark.parametrize(
    ("method", "path", "host", "expected"),
    [
        ("POST", b"/triggers/packages", "testserver", True),
        ("POST", b"/triggers/packages/", "testserver:8000", True),
        ("GET", b"/triggers/packages", "testserver", False),
        ("POST", b"/triggers/", "testserver", False),
        ("POST", b"/triggers/a/b", "testserver", False),
        ("POST", b"/triggers/a%20b", "testserver", False),
        ("POST", b"/api/triggers/", "testserver", False),
        ("POST", b"/triggers/packages", "elsewhere.example.com", False),
        ("POST", b"/triggers/packages", "", False),
    ],
)
def test_only_what_the_middleware_would_let_pass_goes_past_it(method, path, host, expected):
    assert is_plain(method, path, {"host": host}, "http") is expected


@pytest.mark.parametrize(
    ("scheme", "told", "expected"), [("http", "", False), ("https", "", True), ("http", "https", True)]
)
def test_with_a_public_address_on_https_plain_http_goes_to_the_redirect(settings, scheme, told, expected):
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    headers = {"host": "testserver", **({"x-forwarded-proto": told} if told else {})}
    assert is_plain("POST", b"/triggers/packages", headers, scheme) is expected
