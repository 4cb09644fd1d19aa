"""The events: what happened and why each reaction fired or did not."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils.html import escape

from actions.models import Heartbeat
from reactions_project import clock
from tests.actions.views.ledgers import decision_of, event_of, run_of
from tests.factories import ReactionFactory, WebhookFactory
from triggers.models import Event

TRACE = [
    {
        "field": "environment",
        "operator": "is",
        "wanted": "Production",
        "got": "Production",
        "passed": True,
        "sentence": "environment is Production",
    },
    {
        "field": "payload.Card.Number",
        "operator": "is",
        "wanted": "42",
        "got": "4111-1111",
        "passed": False,
        "sentence": "payload.Card.Number is 4111-1111, wanted 42",
    },
]


@pytest.fixture
def alice(browse):
    return browse("alice")


def page(client, event) -> str:
    return client.get(reverse("event-detail", args=[event.uid])).content.decode()


def test_a_page_answers_why_it_did_not_fire_with_every_condition(alice, reaction):
    event = event_of(reaction.project)
    decision_of(event, reaction, reason=TRACE[1]["sentence"], trace=TRACE)
    text = page(alice, event)
    assert "Skipped" in text
    assert "payload.Card.Number is 4111-1111, wanted 42" in text
    for word in ("environment", "Production", "payload.Card.Number", "4111-1111", "Passed", "Failed"):
        assert word in text


def test_groups_of_conditions_show_their_parts(alice, reaction):
    event = event_of(reaction.project)
    group = {"field": "", "operator": "any", "wanted": "", "got": "", "passed": False, "sentence": "", "parts": TRACE}
    decision_of(event, reaction, trace=[group])
    text = page(alice, event)
    assert "any of these" in text
    assert "depth-1" in text


def test_sec_01_a_viewer_sees_that_it_happened_but_neither_payload_nor_values_of_it(browse, reaction):
    event = event_of(
        reaction.project,
        payload={"Card": {"Number": "4111-1111"}},
        query={"token": "q-value"},
        headers={"X": "h-value"},
    )
    decision_of(event, reaction, reason=TRACE[1]["sentence"], trace=TRACE)
    for url in (
        reverse("event-detail", args=[event.uid]),
        reverse("reaction-detail", args=[reaction.pk]),
    ):
        text = browse("vera").get(url).content.decode()
        assert "4111" not in text
        assert "q-value" not in text
        assert "h-value" not in text
        assert "Your role may not read payloads" in text
        assert "hidden from your role" in text
    assert "4111-1111" in page(browse("ed"), event)


def test_an_error_in_the_filter_and_a_stopped_loop_have_their_own_words(alice, reaction):
    event = event_of(reaction.project)
    decision_of(event, reaction, "error", reason="payload.Tag cannot be matched.")
    decision_of(event, reaction, "loop", reason="Loop stopped: 5 reactions led here.", sequence=2)
    text = page(alice, event)
    assert "Error" in text
    assert "Loop stopped" in text


def test_a_payload_is_pretty_text(alice, reaction):
    event = event_of(reaction.project, payload={"Name": "Ü", "List": [1, 2]})
    assert escape('{\n  "Name": "Ü",\n  "List": [\n    1,\n    2\n  ]\n}') in page(alice, event)


def test_an_event_that_nobody_listens_to_says_so(alice, reaction):
    event = event_of(reaction.project, "ReleaseCreated")
    Event.objects.update(matched_at=clock.now())
    assert "No reaction listens for this event." in page(alice, event)


def test_an_undecided_event_asks_again_and_says_when_no_worker_is_there(alice, reaction):
    event = event_of(reaction.project)
    text = page(alice, event)
    assert "Not decided yet" in text
    assert 'hx-trigger="load delay:2s"' in text
    assert "No worker has reported" in text
    Heartbeat.objects.create(host="a", pid=1, cluster="http", started_at=clock.now(), beat_at=clock.now())
    assert "No worker has reported" not in page(alice, event)
    # Written by somebody who died before the clock was set back.
    Heartbeat.objects.update(beat_at=clock.now() + timedelta(hours=1))
    assert "No worker has reported" in page(alice, event)


def test_a_decided_event_asks_no_more(alice, reaction):
    event = event_of(reaction.project)
    decision_of(event, reaction)
    assert "hx-get" not in page(alice, event)


def test_duplicates_are_counted(alice, reaction):
    hook = WebhookFactory(project=reaction.project)
    for _ in range(3):
        event = event_of(reaction.project, "WebhookReceived", trigger=hook, delivery_id="d-1")
    assert "2 later deliveries with the same id" in page(alice, event)


def test_the_chain_leads_back_to_the_first_event_and_forward_to_what_was_caused(alice, reaction):
    from triggers.ledger import Cause

    first = event_of(reaction.project, subject="The first")
    run = run_of(first, reaction)
    caused = event_of(reaction.project, subject="The second", cause=Cause(run.uid, first.uid, (str(reaction.pk),)))
    text = page(alice, caused)
    assert reverse("event-detail", args=[first.uid]) in text
    assert reverse("run-detail", args=[run.uid]) in text
    assert reaction.name in text
    assert reverse("event-detail", args=[caused.uid]) in page(alice, first)


def test_decisions_of_other_teams_on_a_space_wide_event_are_not_there(alice, reaction):
    event = event_of(None, "MachineRegistered", subject="web-07")
    foreign = ReactionFactory(name="Of another team")
    decision_of(event, reaction, reason="Ours.")
    decision_of(event, foreign, reason="Theirs.")
    text = page(alice, event)
    assert "Ours." in text
    assert "Theirs." not in text
    assert "Of another team" not in text


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, {"fired", "skipped", "waiting", "alone"}),
        ({"fate": "fired"}, {"fired"}),
        ({"fate": "silent"}, {"skipped", "alone"}),
        ({"fate": "waiting"}, {"waiting"}),
        ({"type": "ReleaseCreated"}, {"alone"}),
        ({"q": "skip"}, {"skipped"}),
        ({"type": "DROP TABLE"}, set()),
        ({"before": "1" * 5000}, {"fired", "skipped", "waiting", "alone"}),
        ({"before": "-1"}, {"fired", "skipped", "waiting", "alone"}),
    ],
)
def test_filters_live_in_the_address(alice, reaction, query, expected):
    decision_of(event_of(reaction.project, subject="fired"), reaction, "fired")
    decision_of(event_of(reaction.project, subject="skipped"), reaction)
    alone = event_of(reaction.project, "ReleaseCreated", subject="alone")
    Event.objects.filter(pk=alone.pk).update(matched_at=clock.now())
    event_of(reaction.project, subject="waiting")
    answer = alice.get(reverse("event-list"), query)
    assert {event.subject for event in answer.context["events"]} == expected


def test_calls_of_webhooks_are_one_choice_whatever_their_senders_name_them(alice, reaction):
    event_of(reaction.project, "PackageAdded", trigger=WebhookFactory(project=reaction.project), subject="called")
    event_of(reaction.project, subject="internal")
    answer = alice.get(reverse("event-list"), {"type": "webhook"})
    assert [event.subject for event in answer.context["events"]] == ["called"]


def test_the_list_says_how_many_fired(alice, reaction):
    event = event_of(reaction.project)
    decision_of(event, reaction, "fired")
    decision_of(event, reaction, "filtered", sequence=2)
    text = alice.get(reverse("event-list")).content.decode()
    assert "1 fired" in text
    assert "1 did not fire" in text


def test_pages_go_by_id_so_that_rows_do_not_jump(alice, reaction):
    for number in range(60):
        event_of(reaction.project, subject=f"Number {number}")
    first = alice.get(reverse("event-list"))
    assert [event.subject for event in first.context["events"]] == [f"Number {n}" for n in range(59, 9, -1)]
    event_of(reaction.project, subject="Later")
    second = alice.get(reverse("event-list") + first.context["page"].older)
    assert [event.subject for event in second.context["events"]] == [f"Number {n}" for n in range(9, -1, -1)]
    back = alice.get(reverse("event-list") + second.context["page"].newer)
    assert [event.subject for event in back.context["events"]] == [f"Number {n}" for n in range(59, 9, -1)]
    assert back.context["page"].newer
