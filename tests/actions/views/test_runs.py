"""The runs: history, one run with its attempts, and retry, replay and cancel."""

from datetime import timedelta

import pytest
from django.urls import reverse

from actions.definitions import save_action
from actions.models import Attempt, Run
from reactions_project import clock
from tests.actions.views.ledgers import event_of, log_of, run_of
from tests.factories import ActionFactory, ReactionFactory, WebhookFactory, operator_caller


@pytest.fixture
def alice(browse):
    return browse("alice")


def page(client, run) -> str:
    return client.get(reverse("run-detail", args=[run.uid])).content.decode()


def found(answer) -> list[int]:
    return [run.pk for run in answer.context["runs"]]


def test_the_list_filters_by_state_reaction_project_number_and_words(alice, reaction):
    other = ReactionFactory(name="Other", action=reaction.action, triggers=list(reaction.triggers.all()))
    failed = run_of(event_of(reaction.project, subject="Basket 1.0"), reaction, "failed")
    worked = run_of(event_of(reaction.project), other, "succeeded")
    url = reverse("run-list")
    assert found(alice.get(url)) == [worked.pk, failed.pk]
    assert found(alice.get(url, {"status": "failed"})) == [failed.pk]
    assert found(alice.get(url, {"reaction": str(other.pk)})) == [worked.pk]
    assert found(alice.get(url, {"project": reaction.project.slug})) == [worked.pk, failed.pk]
    assert found(alice.get(url, {"q": f"#{failed.pk}"})) == [failed.pk]
    assert found(alice.get(url, {"q": "basket"})) == [failed.pk]


@pytest.mark.parametrize(
    "query", [{"reaction": "no id"}, {"status": "odd"}, {"before": "x"}, {"after": "9" * 30}, {"q": "#" + "9" * 40}]
)
def test_odd_filters_break_nothing(alice, reaction, query):
    run_of(event_of(reaction.project), reaction)
    assert alice.get(reverse("run-list"), query).status_code == 200


def test_an_empty_list_says_where_to_look(alice):
    assert "Nothing has run yet." in alice.get(reverse("run-list")).content.decode()


def test_a_page_shows_state_outcome_times_and_attempts(alice, reaction):
    run = run_of(event_of(reaction.project), reaction, "failed", outcome="http_503", reason="It answered 503.")
    Attempt.objects.filter(run=run).update(
        outcome="http_503",
        http_status=503,
        request={
            "method": "POST",
            "url": "https://m.example.com/d",
            "headers": [["Api-Key", "*****"]],
            "body": '{"a":1}',
        },
        timings={"connect": 0.0015, "first_byte": 0.02, "total": 0.025},
        response={"status": 503, "headers": {"Retry-After": "9"}, "body": "<b>busy</b>"},
    )
    text = page(alice, run)
    for words in ("Failed", "It answered 503.", "http_503", "Received", "Decided", "Started", "Finished", "HTTP 503"):
        assert words in text
    assert "POST https://m.example.com/d" in text
    assert "Api-Key: *****" in text
    assert "connected in 1.5 ms · first byte after 20.0 ms · all in 25.0 ms" in text
    assert "curl --globoff --path-as-is https://m.example.com/d -H &#x27;Api-Key: *****&#x27;" in text
    assert "&lt;b&gt;busy&lt;/b&gt;" in text


def test_a_run_that_waits_to_be_tried_again_says_when(alice, reaction):
    run = run_of(event_of(reaction.project), reaction, "queued", attempt_count=2)
    Run.objects.filter(pk=run.pk).update(due_at=clock.now() + timedelta(seconds=90))
    text = page(alice, run)
    assert "Waiting to retry" in text
    assert "Try 2 of 8 did not work." in text
    assert "in 1 min" in text


def test_an_unsandboxed_run_says_so(alice, reaction):
    run = run_of(event_of(reaction.project), reaction, was_sandboxed=False)
    assert "This script ran without the sandbox" in page(alice, run)


def test_sec_70_an_output_is_a_link_only_when_it_is_a_web_address(alice, reaction):
    outputs = {
        "Good": "https://example.com/releases/1",
        "Script": "javascript:alert(1)",
        "Data": "data:text/html,<b>x</b>",
        "Spoof": "https://good.example.com@evil.example.com/",
        "Bidi": "https://example.com/\u202egpj",
    }
    text = page(alice, run_of(event_of(reaction.project), reaction, outputs=outputs))
    assert '<a href="https://example.com/releases/1"' in text
    assert text.count('rel="noopener noreferrer"') == 1


def test_buttons_fit_the_state(alice, reaction):
    event = event_of(reaction.project)
    words = {}
    for number, status in enumerate(("queued", "running", "failed", "succeeded"), 1):
        text = page(alice, run_of(event, reaction, status, sequence=number))
        words[status] = [word for word in ("Retry now", "Replay", "Cancel this run") if word in text]
    assert words == {
        "queued": ["Cancel this run"],
        "running": ["Cancel this run"],
        "failed": ["Retry now", "Replay"],
        "succeeded": ["Replay"],
    }


def test_retry_makes_a_new_run_and_opens_it(alice, reaction):
    run = run_of(event_of(reaction.project), reaction, "failed")
    answer = alice.post(reverse("run-retry", args=[run.uid]))
    made = Run.objects.exclude(pk=run.pk).get()
    assert answer.url == reverse("run-detail", args=[made.uid])
    assert (made.status, made.sequence) == ("queued", 2)


@pytest.mark.parametrize(("chosen", "expected"), [("current", 2), ("same", 1), ("odd", 2)])
def test_replay_takes_the_version_that_was_chosen(alice, reaction, chosen, expected):
    run = run_of(event_of(reaction.project), reaction, "succeeded")
    action = reaction.action
    action.timeout_seconds = 7
    save_action(operator_caller(), action)
    text = page(alice, run)
    assert "With the current version 2" in text
    assert "With version 1, as it was" in text
    alice.post(reverse("run-replay", args=[run.uid]), {"version": chosen})
    assert Run.objects.exclude(pk=run.pk).get().action_version.version == expected


def test_cancel_ends_a_queued_run(alice, reaction):
    run = run_of(event_of(reaction.project), reaction, "queued")
    alice.post(reverse("run-cancel", args=[run.uid]))
    run.refresh_from_db()
    assert run.status == "cancelled"


def test_what_cannot_be_done_is_said_on_the_page(alice, reaction):
    run = run_of(event_of(reaction.project), reaction, "succeeded")
    answer = alice.post(reverse("run-cancel", args=[run.uid]), follow=True)
    assert answer.redirect_chain[0][0] == reverse("run-detail", args=[run.uid])
    assert [message.level_tag for message in answer.context["messages"]] == ["error"]


def test_a_finished_run_does_not_poll(alice, reaction):
    run = run_of(event_of(reaction.project), reaction, "succeeded")
    assert 'class="poller"' not in page(alice, run)


def fragment(client, run, **query):
    return client.get(reverse("run-log", args=[run.uid]), query, headers={"HX-Request": "true"})


def test_the_tail_gives_what_came_after_the_cursor_and_nothing_twice(alice, reaction):
    run = run_of(event_of(reaction.project), reaction, "running")
    log_of(run, "one", "two")
    assert "after=1.2&amp;state=running.1" in page(alice, run)
    log_of(run, "three", first=3)
    answer = fragment(alice, run, after="1.2", state="running.1")
    text = answer.content.decode()
    assert "three" in text
    assert "two" not in text
    assert "after=1.3" in text
    again = fragment(alice, run, after="1.3", state="running.1").content.decode()
    assert "three" not in again
    assert "after=1.3" in again
    assert "run-head" not in again


def test_the_tail_brings_the_new_state_and_stops_asking_when_the_run_ends(alice, reaction):
    run = run_of(event_of(reaction.project), reaction, "running")
    Run.objects.filter(pk=run.pk).update(status="succeeded", finished_at=clock.now(), reason="All done.")
    text = fragment(alice, run, after="", state="running.1").content.decode()
    assert 'id="run-head" hx-swap-oob="true"' in text
    assert "All done." in text
    assert 'class="poller"' not in text


def test_the_tail_of_a_second_attempt_follows_the_first(alice, reaction):
    run = run_of(event_of(reaction.project), reaction, "running", attempt_count=2)
    log_of(run, "first try", first=7)
    second = Attempt.objects.create(run=run, number=2, started_at=clock.now())
    second.log.create(sequence=1, stream="stdout", text="second try", at=clock.now())
    text = fragment(alice, run, after="1.7").content.decode()
    assert "second try" in text
    assert "first try" not in text


@pytest.mark.parametrize("cursor", ["", "x", "1", "1.x", "-1.2", "9" * 40 + ".1", "1.2.3"])
def test_an_odd_cursor_starts_from_the_beginning(alice, reaction, cursor):
    run = run_of(event_of(reaction.project), reaction, "running")
    log_of(run, "the beginning")
    assert "the beginning" in fragment(alice, run, after=cursor).content.decode()


def test_a_long_log_shows_its_end_and_offers_the_whole(alice, reaction):
    run = run_of(event_of(reaction.project), reaction, "succeeded")
    log_of(run, *(f"line {number}." for number in range(600)))
    text = page(alice, run)
    assert "line 599." in text
    assert "line 99." not in text
    assert "Only the last lines are here." in text
    whole = b"".join(alice.get(reverse("run-log-download", args=[run.uid])).streaming_content).decode()
    assert whole == "".join(f"line {number}.\n" for number in range(600))


def test_a_burst_of_output_is_asked_for_at_once_until_it_is_all_there(alice, reaction):
    run = run_of(event_of(reaction.project), reaction, "succeeded")
    log_of(run, *(f"line {number}." for number in range(600)))
    text = fragment(alice, run, after="1.0", state="succeeded.1").content.decode()
    assert "delay:50ms" in text
    assert "after=1.500" in text


def test_sec_70_a_download_is_an_attachment_that_no_browser_renders(alice, reaction):
    run = run_of(event_of(reaction.project), reaction, "succeeded")
    log_of(run, "<script>alert(1)</script>")
    answer = alice.get(reverse("run-log-download", args=[run.uid]))
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_colours_of_a_terminal_become_classes_and_nothing_else_survives(alice, reaction):
    run = run_of(event_of(reaction.project), reaction, "succeeded")
    log_of(run, "\x1b[31;1mred\x1b[0m plain \x1b]0;title\x07 <script>x</script>")
    text = page(alice, run)
    assert '<span class="ansi-red ansi-bold">red</span> plain ' in text
    assert "\x1b" not in text
    assert "<script>x" not in text


def test_a_script_that_was_started_by_a_webhook_shows_both(alice, reaction):
    action = ActionFactory(project=reaction.project, python=True)
    hook = WebhookFactory(project=reaction.project, name="Packages")
    scripted = ReactionFactory(action=action, triggers=[hook])
    event = event_of(reaction.project, "WebhookReceived", trigger=hook, subject="Acme.Web 1.0")
    text = page(alice, run_of(event, scripted, "succeeded"))
    assert "Packages: Acme.Web 1.0" in text
