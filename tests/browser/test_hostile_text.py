"""What others send is shown and never acts (SEC-70): no violation, no dialog, no request, no hidden reordering."""

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from actions.models import Attempt
from tests.actions.views.ledgers import decision_of, event_of, log_of, run_of

SCRIPT = "<script>document.title='taken';alert(1)</script>"
IMAGE = '<img src=x onerror="alert(2)"><svg onload=alert(3)>'
HTMX = '<div hx-get="/admin/" hx-trigger="load" hx-target="body">x</div><i data-hx-get="/admin/" hx-trigger="load">'
BIDI = "invoice\u202efdp.exe\u2066"
LINK = "javascript:alert(4)"
HOSTILE = f"{SCRIPT} {IMAGE} {HTMX} {BIDI} </pre></textarea></title>"


@pytest.fixture
def pages(reaction):
    payload = {"script": SCRIPT, IMAGE: HTMX, "bidi": BIDI, "link": LINK, "deep": [{"list": [HOSTILE]}]}
    event = event_of(
        reaction.project,
        subject=HOSTILE[:200],
        payload=payload,
        query={HOSTILE: HOSTILE},
        headers={"X-Evil": HOSTILE},
        actor=HOSTILE[:200],
        delivery_id=HOSTILE[:200],
    )
    run = run_of(event, reaction, "running", outputs={HOSTILE: HOSTILE, "link": LINK}, reason=HOSTILE)
    Attempt.objects.filter(run=run).update(
        reason=HOSTILE,
        request={"method": "POST", "url": LINK, "headers": {HOSTILE: HOSTILE}, "body": HOSTILE, HOSTILE: HOSTILE},
        response={"status": 200, "headers": [[HOSTILE, HOSTILE]], "body": f'{{"a": "{SCRIPT}"}}'},
    )
    log_of(run, HOSTILE, "\x1b[31m" + HOSTILE + "\x1b[0m\x1b]8;;javascript:alert(5)\x07link\x1b]8;;\x07")
    trace = [{"field": HOSTILE, "operator": "is", "wanted": HOSTILE, "got": HOSTILE, "passed": False, "sentence": ""}]
    decision_of(event, reaction, reason=HOSTILE, trace=trace, run=run)
    reaction.name = HOSTILE[:150]
    reaction.save()
    return {
        "event": reverse("event-detail", args=[event.uid]),
        "run": reverse("run-detail", args=[run.uid]),
        "reaction": reverse("reaction-detail", args=[reaction.pk]),
        "try": reverse("reaction-detail", args=[reaction.pk]) + f"?try={event.uid}",
        "reactions": reverse("reaction-list"),
        "events": reverse("event-list"),
        "runs": reverse("run-list"),
        "search": reverse("event-list") + "?q=%3Cscript%3Ealert(1)%3C/script%3E%22%3E",
        "project": reverse("project-detail", args=[reaction.project.slug]),
    }


@pytest.mark.parametrize(
    "name", ["event", "run", "reaction", "try", "reactions", "events", "runs", "search", "project"]
)
def test_sec_70_hostile_text_stays_text(pages, alice, sign_in, visit, watch, name):
    sign_in(alice)
    asked: list[str] = []
    page = visit(pages[name])
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(1300)
    assert page.locator("script:not([src])").count() == 0
    assert page.locator("main img, main [onerror], main [onload]").count() == 0
    assert page.locator("main a[href^='javascript']").count() == 0
    assert not [url for url in asked if "/admin/" in url]
    assert page.title() != "taken"


def test_sec_70_the_payload_can_be_read_as_it_came(pages, alice, sign_in, visit):
    sign_in(alice)
    page = visit(pages["event"])
    payload = page.get_by_role("region", name="Payload")
    expect(payload).to_contain_text("<script>document.title='taken';alert(1)</script>")
    expect(payload).to_contain_text("invoiceU+202Efdp.exeU+2066")
    expect(payload.locator(".hidden-char").first).to_have_attribute("title", "right-to-left override")


def test_sec_70_lines_that_arrive_later_stay_text_too(reaction, alice, sign_in, visit):
    run = run_of(event_of(reaction.project), reaction, "running")
    log_of(run, "first")
    sign_in(alice)
    page = visit(reverse("run-detail", args=[run.uid]))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    log_of(run, HOSTILE, first=2)
    expect(page.locator(".log")).to_contain_text("<img src=x onerror")
    page.wait_for_timeout(300)
    assert not [url for url in asked if "/admin/" in url]


def test_a_very_long_word_does_not_break_the_page(reaction, alice, sign_in, visit):
    long = "x" * 200
    event = event_of(reaction.project, subject=long, payload={long: long * 20}, query={long: long})
    run = run_of(event, reaction, "failed", reason=long * 3, outputs={"A" * 120: long}, target_key=long)
    log_of(run, long * 5)
    decision_of(event, reaction, reason=long * 4, run=run)
    reaction.name = "n" * 150
    reaction.project.name = "p" * 150
    reaction.project.description = "d" * 500
    reaction.project.save()
    reaction.save()
    sign_in(alice)
    for width in (1280, 390):
        for url in (
            reverse("event-detail", args=[event.uid]),
            reverse("run-detail", args=[run.uid]),
            reverse("reaction-detail", args=[reaction.pk]),
            reverse("reaction-list"),
            reverse("event-list"),
            reverse("run-list"),
            reverse("project-list"),
            reverse("project-detail", args=[reaction.project.slug]),
        ):
            page = visit(url)
            page.set_viewport_size({"width": width, "height": 800})
            wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wider <= 0, f"{url} is {wider} px wider than {width}"
