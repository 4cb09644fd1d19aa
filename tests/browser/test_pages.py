"""The pages as people meet them: by keyboard, in both themes, on a phone, without scripts, and light to load."""

import gzip

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from actions.models import Decision, Reaction
from reactions_project import clock
from tests.actions.views.ledgers import decision_of, event_of, log_of, run_of
from tests.factories import EnvironmentFactory, ReleaseFactory, UserFactory, WebhookFactory, operator_caller
from triggers.catalog.deployments import create_deployment
from triggers.models import Event

TRACE = [
    {"field": "environment", "operator": "is", "wanted": "Production", "got": "Staging", "passed": False},
    {
        "field": "",
        "operator": "any",
        "passed": True,
        "parts": [{"field": "source", "operator": "exists", "passed": True}],
    },
]
_EMPTY = ("reaction-list", "event-list", "run-list", "dead-letter-list", "project-list", "account", "account-password")
EMPTY = {name: reverse(name) for name in _EMPTY}


@pytest.fixture
def filled(reaction):
    """An address for every page, with something of everything on it."""
    WebhookFactory(project=reaction.project, route="packages", is_enabled=False)
    release = ReleaseFactory(project=reaction.project)
    deployment = create_deployment(operator_caller(), release, EnvironmentFactory(name="Production"))
    Event.objects.update(matched_at=clock.now())
    event = event_of(reaction.project, query={"a": "b"}, headers={"User-Agent": "MyGet"})
    failed = run_of(event, reaction, "failed", outcome="http_503", was_sandboxed=False)
    failed.attempts.update(
        outcome="http_503", request={"method": "POST", "url": "https://x.example.com", "body": "{}"}, http_status=503
    )
    succeeded = run_of(event, reaction, "succeeded", sequence=2, replay_of=failed, outputs={"A": "https://example.com"})
    running = run_of(event, reaction, "running", sequence=3)
    queued = run_of(event, reaction, "queued", sequence=4, attempt_count=1)
    run_of(event, reaction, "cancelled", sequence=5)
    run_of(event, reaction, "interrupted", sequence=9)
    log_of(running, "plain", "\x1b[31mred\x1b[32mgreen\x1b[33myellow\x1b[34mblue\x1b[36mcyan\x1b[90mfaint")
    for number, level in enumerate(("verbose", "warning", "error", "highlight"), 10):
        log_of(running, level, first=number, level=level)
    for sequence, verdict in enumerate(Decision._meta.get_field("verdict").choices, 1):
        decision_of(event, reaction, verdict[0], sequence=sequence, trace=TRACE)
    waiting = event_of(reaction.project, subject="Not decided")
    slug = reaction.project.slug
    return EMPTY | {
        "reaction": reverse("reaction-detail", args=[reaction.pk]),
        "try": reverse("reaction-detail", args=[reaction.pk]) + f"?try={event.uid}",
        "event": reverse("event-detail", args=[event.uid]),
        "waiting": reverse("event-detail", args=[waiting.uid]),
        "failed": reverse("run-detail", args=[failed.uid]),
        "succeeded": reverse("run-detail", args=[succeeded.uid]),
        "running": reverse("run-detail", args=[running.uid]),
        "queued": reverse("run-detail", args=[queued.uid]),
        "project": reverse("project-detail", args=[slug]),
        "deployment": reverse("deployment-detail", args=[slug, deployment.octopus_id]),
        "nothing": reverse("run-list") + "?q=no-such-run",
        "missing": "/no/such/page",
    }


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_on_any_page(filled, alice, sign_in, visit, axe, watch, page, theme):
    watch.expect("404 (Not Found)")
    page.emulate_media(color_scheme=theme)
    sign_in(alice)
    found = {}
    for name, url in filled.items():
        visit(url)
        found[name] = axe()
    assert not any(found.values()), found


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_on_empty_pages_and_the_sign_in(transactional_db, sign_in, visit, axe, page, theme):
    page.emulate_media(color_scheme=theme)
    visit(reverse("sign-in"))
    found = {"sign in": axe()}
    page.get_by_label("Name").fill("nobody")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("do not belong together")
    found["refused"] = axe()
    sign_in(UserFactory())
    for name, url in EMPTY.items():
        visit(url)
        found[name] = axe()
    assert not any(found.values()), found


def test_axe_finds_nothing_on_a_phone(filled, alice, sign_in, visit, axe, watch, page):
    watch.expect("404 (Not Found)")
    page.set_viewport_size({"width": 390, "height": 800})
    sign_in(alice)
    found, wider = {}, {}
    for name, url in filled.items():
        visit(url)
        found[name] = axe()
        wider[name] = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert not any(found.values()), found
    assert wider == dict.fromkeys(filled, 0)


def test_people_sign_in_and_out_through_the_form(reaction, alice, visit, page):
    alice.set_password("a long enough password")
    alice.save()
    visit(reverse("run-list"))
    page.get_by_label("Name").fill("alice")
    page.get_by_label("Password").fill("a long enough password")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Runs")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_reaction_is_turned_off_with_the_keyboard(reaction, alice, sign_in, visit, page):
    sign_in(alice)
    visit(reverse("reaction-detail", args=[reaction.pk]))
    page.get_by_role("button", name="Turn off").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").first).to_contain_text("is off")
    expect(page.get_by_role("button", name="Turn on")).to_be_visible()
    assert not Reaction.objects.get(pk=reaction.pk).is_enabled


def test_a_filter_applies_when_chosen_and_the_address_keeps_it(reaction, alice, sign_in, visit, page):
    sign_in(alice)
    visit(reverse("reaction-list"))
    page.get_by_label("State").select_option("Off")
    expect(page.get_by_text("No reaction matches these filters.")).to_be_visible()
    assert "state=off" in page.url
    page.reload()
    expect(page.get_by_label("State")).to_have_value("off")


def test_slash_jumps_to_the_search(reaction, alice, sign_in, visit, page):
    sign_in(alice)
    visit(reverse("event-list"))
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()


def test_the_first_tab_leads_past_the_rail_to_the_content(reaction, alice, sign_in, visit, page):
    sign_in(alice)
    visit(reverse("reaction-list"))
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Name")).to_be_focused()


def test_the_choice_of_theme_is_kept_and_there_before_the_first_paint(reaction, alice, sign_in, visit, page):
    page.emulate_media(color_scheme="light")
    sign_in(alice)
    visit(reverse("reaction-list"))
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    light = page.evaluate(ground)
    page.get_by_role("button", name="Light or dark").click()
    dark = page.evaluate(ground)
    assert dark != light
    visit(reverse("event-list"))
    assert page.evaluate(ground) == dark
    assert page.locator("html").get_attribute("data-theme") == "dark"


def test_an_undecided_event_fills_by_itself(reaction, alice, sign_in, visit, page):
    event = event_of(reaction.project)
    sign_in(alice)
    visit(reverse("event-detail", args=[event.uid]))
    expect(page.locator("#decisions")).to_contain_text("Not decided yet")
    decision_of(event, reaction, reason="environment is Staging, wanted Production")
    expect(page.locator("#decisions")).to_contain_text("environment is Staging, wanted Production")
    expect(page.locator("#decisions[hx-get]")).to_have_count(0)


def test_pages_work_without_scripts(filled, alice, sign_in, live_server, browser, browser_context_args, page):
    sign_in(alice)
    context = browser.new_context(**browser_context_args, java_script_enabled=False)
    context.add_cookies(page.context.cookies())
    plain = context.new_page()
    plain.goto(live_server.url + filled["running"])
    expect(plain.locator(".log")).to_contain_text("plain")
    plain.goto(live_server.url + filled["failed"])
    plain.locator("summary", has_text="Retry").click()
    plain.get_by_role("button", name="Retry now").click()
    expect(plain.get_by_role("status").first).to_contain_text("Queued again")
    context.close()


def test_the_first_page_weighs_less_than_ninety_kilobytes(filled, alice, sign_in, visit, page):
    sizes: dict[str, int] = {}
    page.on("response", lambda response: sizes.update({response.url: len(gzip.compress(response.body(), 9))}))
    sign_in(alice)
    visit(filled["reaction-list"])
    page.wait_for_load_state("networkidle")
    assert sum(sizes.values()) < 90_000, sizes


def test_the_admin_looks_right_under_the_same_policy(filled, reaction, sign_in, visit, page, axe):
    sign_in(operator_caller().user)
    for path in ("", "actions/run/", "actions/reaction/", f"actions/reaction/{reaction.pk}/change/", "triggers/event/"):
        visit(f"/admin/{path}")
        expect(page.locator("#site-name")).to_contain_text("Reactions administration")
