"""The page of what failed for good: by cause, replayed or dismissed as many as were shown."""

import re

import pytest
from django.urls import reverse

from actions.models import Run, RunStatus
from tests.actions.views.ledgers import event_of, run_of

pytestmark = pytest.mark.django_db
LIST = reverse("dead-letter-list")


def fail(reaction, count, outcome="http_503", **more):
    for number in range(count):
        event = event_of(reaction.project, type="ReleaseCreated")
        run_of(
            event, reaction, "failed", outcome=outcome, target_key="m.example.com:443", sequence=number + 1,
            reason="m.example.com answered 503.", **more,
        )  # fmt: skip


def form_of(page, verb, number=0):
    """The fields of the n-th form for that verb, as a browser would send them."""
    text = page.content.decode()
    forms = re.findall(rf'<form method="post" action="{reverse(f"dead-letter-{verb}")}">(.*?)</form>', text, re.DOTALL)
    return dict(re.findall(r'name="([a-z_]+)" value="([^"]*)"', forms[number].split("<button")[0]))


def test_an_empty_list_says_what_comes_here(browse):
    assert "Nothing failed for good." in browse("alice").get(LIST).content.decode()


def test_causes_are_counted_and_the_most_frequent_is_first(browse, reaction):
    fail(reaction, 3)
    fail(reaction, 1, outcome="timeout")
    text = browse("alice").get(LIST).content.decode()
    assert text.index("Replay 3") < text.index("Replay 1")
    assert "m.example.com:443" in text
    assert reaction.name in text


def test_as_many_as_were_shown_are_replayed_and_leave_the_list(browse, reaction):
    fail(reaction, 3)
    alice = browse("alice")
    answer = alice.post(
        reverse("dead-letter-replay"), form_of(alice.get(LIST), "replay") | {"version": "same"}, follow=True
    )
    assert "3 runs are replayed" in answer.content.decode()
    assert "Nothing failed for good." in answer.content.decode()
    again = Run.objects.filter(status=RunStatus.QUEUED).order_by("pk")
    assert [run.replay_of_id for run in again] == list(
        Run.objects.filter(status=RunStatus.FAILED).order_by("pk").values_list("pk", flat=True)
    )
    # Five a second.
    assert [round((run.due_at - again[0].due_at).total_seconds(), 1) for run in again] == [0.0, 0.2, 0.4]


def test_what_came_since_the_page_was_shown_is_not_replayed(browse, reaction):
    fail(reaction, 2)
    alice = browse("alice")
    form = form_of(alice.get(LIST), "replay")
    fail(reaction, 1)
    assert "2 runs are replayed" in alice.post(reverse("dead-letter-replay"), form, follow=True).content.decode()
    assert "Replay 1" in alice.get(LIST).content.decode()


def test_a_list_that_is_out_of_date_replays_nothing_and_says_so(browse, reaction):
    fail(reaction, 2)
    alice = browse("alice")
    form = form_of(alice.get(LIST), "replay")
    alice.post(reverse("dead-letter-dismiss"), form)
    answer = alice.post(reverse("dead-letter-replay"), form, follow=True)
    assert "count again" in answer.content.decode()
    assert not Run.objects.filter(status=RunStatus.QUEUED).exists()


def test_dismissed_ones_leave_the_list_and_stay_in_the_history(browse, reaction):
    fail(reaction, 2)
    alice = browse("alice")
    answer = alice.post(reverse("dead-letter-dismiss"), form_of(alice.get(LIST), "dismiss"), follow=True)
    assert "2 taken off the list" in answer.content.decode()
    assert Run.objects.filter(status=RunStatus.FAILED).exclude(dismissed_at=None).count() == 2


@pytest.mark.parametrize("broken", [{"count": "many"}, {"project": "core"}, {"up_to": ""}, {"reaction": "1 OR 1=1"}])
def test_a_form_that_is_not_whole_changes_nothing(browse, reaction, broken):
    fail(reaction, 1)
    alice = browse("alice")
    answer = alice.post(reverse("dead-letter-replay"), form_of(alice.get(LIST), "replay") | broken, follow=True)
    assert "choose again from the list" in answer.content.decode()
    assert not Run.objects.filter(status=RunStatus.QUEUED).exists()


def test_sec_02_another_teams_person_sees_nothing_and_reaches_nothing(browse, reaction):
    fail(reaction, 2)
    form = form_of(browse("alice").get(LIST), "replay")
    charlie = browse("charlie")
    assert "Nothing failed for good." in charlie.get(LIST).content.decode()
    for verb in ("replay", "dismiss"):
        charlie.post(reverse(f"dead-letter-{verb}"), form)
    assert Run.objects.count() == 2
    assert not Run.objects.exclude(dismissed_at=None).exists()


def test_sec_02_a_viewer_sees_the_causes_and_no_buttons_and_commands_nothing(browse, reaction):
    fail(reaction, 2)
    form = form_of(browse("alice").get(LIST), "replay")
    vera = browse("vera")
    text = vera.get(LIST).content.decode()
    assert reaction.name in text
    assert "Replay 2" not in text
    assert "Dismiss" not in text
    for verb in ("replay", "dismiss"):
        assert "refused" in vera.post(reverse(f"dead-letter-{verb}"), form, follow=True).content.decode()
    assert Run.objects.count() == 2
    assert not Run.objects.exclude(dismissed_at=None).exists()


def test_commands_answer_to_post_only(browse):
    assert browse("alice").get(reverse("dead-letter-replay")).status_code == 405
    assert browse("").post(reverse("dead-letter-replay")).status_code == 302
