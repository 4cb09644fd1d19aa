"""The reactions: list, filters in the address, the sentence, the switch, the dry run."""

import pytest
from django.urls import reverse

from actions.models import Decision, Reaction, Run
from tests.actions.views.ledgers import decision_of, event_of, run_of
from tests.factories import ActionFactory, EnvironmentFactory, ReactionFactory, WebhookFactory


@pytest.fixture
def alice(browse):
    return browse("alice")


def rows(answer) -> list[str]:
    return [row.reaction.name for row in answer.context["rows"]]


def test_home_leads_to_the_reactions(alice):
    assert alice.get("/").url == reverse("reaction-list")


def test_the_list_says_when_then_and_what_happened_last(alice, reaction):
    run_of(event_of(reaction.project), reaction, "succeeded")
    run_of(event_of(reaction.project), reaction, "failed")
    text = alice.get(reverse("reaction-list")).content.decode()
    assert "Deployment succeeded" in text
    assert "POST monitor.example.com" in text
    assert "1 ok" in text
    assert "1 failed" in text


def test_the_last_run_is_the_one_for_the_latest_event(alice, reaction):
    run_of(event_of(reaction.project), reaction, "failed")
    latest = run_of(event_of(reaction.project), reaction, "succeeded")
    row = alice.get(reverse("reaction-list")).context["rows"][0]
    assert (row.reaction.last_status, row.reaction.last_uid) == ("succeeded", latest.uid)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, ["Broken", "Quiet", "Tell the monitoring system"]),
        ({"state": "on"}, ["Broken", "Tell the monitoring system"]),
        ({"state": "off"}, ["Quiet"]),
        ({"state": "failing"}, ["Broken"]),
        ({"state": "no such state"}, ["Broken", "Quiet", "Tell the monitoring system"]),
        ({"q": "monitoring"}, ["Tell the monitoring system"]),
        ({"q": "\0"}, ["Broken", "Quiet", "Tell the monitoring system"]),
        ({"project": "no-such-project"}, ["Broken", "Quiet", "Tell the monitoring system"]),
        ({"page": "no number"}, ["Broken", "Quiet", "Tell the monitoring system"]),
    ],
)
def test_filters_live_in_the_address(alice, reaction, query, expected):
    ReactionFactory(name="Quiet", action=reaction.action, triggers=list(reaction.triggers.all()), is_enabled=False)
    broken = ReactionFactory(name="Broken", action=reaction.action, triggers=list(reaction.triggers.all()))
    run_of(event_of(reaction.project), broken, "failed")
    assert rows(alice.get(reverse("reaction-list"), query)) == expected


def test_an_empty_list_says_what_to_do(alice):
    Reaction.objects.all().delete()
    assert "No reaction yet." in alice.get(reverse("reaction-list")).content.decode()
    found = alice.get(reverse("reaction-list"), {"state": "failing"}).content.decode()
    assert "No reaction matches these filters." in found


def test_a_list_of_many_is_paged_and_keeps_its_filters(alice, reaction):
    triggers = list(reaction.triggers.all())
    for number in range(55):
        ReactionFactory(name=f"Many {number:02}", action=reaction.action, triggers=triggers)
    answer = alice.get(reverse("reaction-list"), {"state": "on"})
    assert len(answer.context["rows"]) == 50
    assert "?state=on&amp;page=2" in answer.content.decode()


def test_a_page_reads_as_the_sentence_of_the_reaction(alice, reaction):
    text = alice.get(reverse("reaction-detail", args=[reaction.pk])).content.decode()
    assert text.index("When") < text.index("Deployment succeeded") < text.index("Only if")
    assert text.index("environment is Production") < text.index("Then") < text.index("https://monitor.example.com")


def test_a_page_shows_why_it_fired_or_not(alice, reaction):
    event = event_of(reaction.project)
    decision_of(event, reaction, reason="environment is Staging, wanted Production")
    text = alice.get(reverse("reaction-detail", args=[reaction.pk])).content.decode()
    assert "Skipped" in text
    assert "environment is Staging, wanted Production" in text
    assert reverse("event-detail", args=[event.uid]) in text


def test_the_script_of_an_action_can_be_read(alice, reaction):
    action = ActionFactory(project=reaction.project, python=True)
    scripted = ReactionFactory(action=action, triggers=[WebhookFactory(project=reaction.project, route="packages")])
    text = alice.get(reverse("reaction-detail", args=[scripted.pk])).content.decode()
    assert "/triggers/packages" in text
    assert "print(&#x27;hello&#x27;)" in text


def test_a_reaction_is_turned_off_and_on_again(alice, reaction):
    answer = alice.post(reverse("reaction-disable", args=[reaction.pk]), follow=True)
    assert "is off: it fires no more." in answer.content.decode()
    reaction.refresh_from_db()
    assert not reaction.is_enabled
    answer = alice.post(reverse("reaction-enable", args=[reaction.pk]), follow=True)
    assert "is on: it fires for the next event." in answer.content.decode()
    reaction.refresh_from_db()
    assert reaction.is_enabled


def test_a_dry_run_says_what_it_would_decide_and_does_nothing(alice, reaction):
    staging = EnvironmentFactory(name="Staging")
    event = event_of(reaction.project, environment=staging)
    answer = alice.get(reverse("reaction-detail", args=[reaction.pk]), {"try": str(event.uid)})
    text = answer.content.decode()
    assert "Would not fire" in text
    assert "environment is Staging, wanted Production" in text
    assert not Run.objects.exists()
    assert not Decision.objects.exists()


def test_a_viewer_cannot_try_what_would_tell_of_payloads(browse, reaction):
    event = event_of(reaction.project)
    answer = browse("vera").get(reverse("reaction-detail", args=[reaction.pk]), {"try": str(event.uid)})
    assert "Try it on a past event" not in answer.content.decode()
    assert answer.context["tried"] is None


def test_an_event_that_is_not_offered_cannot_be_tried(alice, reaction):
    foreign = event_of(ReactionFactory().project)
    answer = alice.get(reverse("reaction-detail", args=[reaction.pk]), {"try": str(foreign.uid)})
    assert answer.context["tried"] is None
