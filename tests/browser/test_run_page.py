"""A run's page while the run goes on: the log follows, survives a lost connection, and stops at the end."""

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from actions.models import Run
from reactions_project import clock
from tests.actions.views.ledgers import event_of, log_of, run_of


def lines(page: Page) -> list[str]:
    return page.locator(".log .entry > span").all_inner_texts()


def finish(run: Run) -> None:
    Run.objects.filter(pk=run.pk).update(status="succeeded", finished_at=clock.now(), reason="All done.")


def test_lines_arrive_in_order_once_and_polling_ends_with_the_run(reaction, alice, sign_in, visit):
    run = run_of(event_of(reaction.project), reaction, "running")
    sign_in(alice)
    page = visit(reverse("run-detail", args=[run.uid]))
    for number in range(1, 4):
        log_of(run, f"line {number}", first=number)
        expect(page.locator(".log")).to_contain_text(f"line {number}")
    log_of(run, "the last line", first=4)
    finish(run)
    expect(page.locator("#run-head")).to_contain_text("Succeeded")
    expect(page.locator("#run-head")).to_contain_text("All done.")
    expect(page.locator(".poller")).to_have_count(0)
    assert lines(page) == ["line 1", "line 2", "line 3", "the last line"]
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(2500)
    assert asked == []


def test_a_lost_connection_is_said_and_nothing_is_lost_or_doubled(reaction, alice, sign_in, visit, watch):
    run = run_of(event_of(reaction.project), reaction, "running")
    log_of(run, "before")
    sign_in(alice)
    watch.expect("ERR_FAILED")
    watch.expect("htmx:")
    page = visit(reverse("run-detail", args=[run.uid]))
    page.route("**/log?*", lambda route: route.abort())
    expect(page.locator(".poller")).to_contain_text("The server does not answer.")
    log_of(run, "while it was gone", first=2)
    page.unroute("**/log?*")
    expect(page.locator(".log")).to_contain_text("while it was gone")
    assert lines(page) == ["before", "while it was gone"]


def test_the_log_stays_at_its_end_until_the_reader_scrolls_up(reaction, alice, sign_in, visit):
    run = run_of(event_of(reaction.project), reaction, "running")
    log_of(run, *(f"line {number}" for number in range(100)))
    sign_in(alice)
    page = visit(reverse("run-detail", args=[run.uid]))
    left = "log => log.scrollHeight - log.scrollTop - log.clientHeight"
    log_of(run, "one more", first=101)
    expect(page.locator(".log")).to_contain_text("one more")
    assert page.locator(".log").evaluate(left) < 40
    page.locator(".log").evaluate("log => { log.scrollTop = 0 }")
    log_of(run, "and another", first=102)
    expect(page.locator(".log")).to_contain_text("and another")
    assert page.locator(".log").evaluate("log => log.scrollTop") == 0


def test_a_run_is_cancelled_with_the_keyboard_alone(reaction, alice, sign_in, visit):
    run = run_of(event_of(reaction.project), reaction, "queued")
    sign_in(alice)
    page = visit(reverse("run-detail", args=[run.uid]))
    page.locator("summary", has_text="Cancel").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Cancel this run")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".title-line")).to_contain_text("Cancelled")


@pytest.mark.parametrize("width", [390, 1280])
def test_what_asks_for_a_confirmation_is_within_reach(reaction, alice, sign_in, visit, width):
    run = run_of(event_of(reaction.project), reaction, "failed")
    sign_in(alice)
    page = visit(reverse("run-detail", args=[run.uid]))
    page.set_viewport_size({"width": width, "height": 800})
    for word, button in (("Retry", "Retry now"), ("Replay", "With the current version 1")):
        page.locator("summary", has_text=word).click()
        expect(page.get_by_role("button", name=button)).to_be_in_viewport(ratio=1)
    page.get_by_role("button", name="With the current version 1").click()
    expect(page.get_by_role("status").first).to_contain_text("Replayed")


def test_escape_closes_what_asks_for_a_confirmation(reaction, alice, sign_in, visit):
    run = run_of(event_of(reaction.project), reaction, "failed")
    sign_in(alice)
    page = visit(reverse("run-detail", args=[run.uid]))
    page.locator("summary", has_text="Replay").click()
    expect(page.get_by_role("button", name="With the current version 1")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="With the current version 1")).to_be_hidden()
