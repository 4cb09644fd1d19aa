"""Who sees which page: 404 outside the team, 403 with too little role, to the sign-in without one (SEC-01, SEC-02)."""

from uuid import uuid4

import pytest
from django.urls import reverse

from accounts.models import AuditEntry
from tests.actions.views.ledgers import decision_of, event_of, run_of

LISTS = ["reaction-list", "event-list", "run-list", "dead-letter-list", "project-list", "account"]


@pytest.fixture
def pages(reaction):
    event = event_of(reaction.project, deployment="Deployments-7")
    run = run_of(event, reaction, "failed")
    decision_of(event, reaction, "fired", run=run)
    slug = reaction.project.slug
    return {
        "reaction": reverse("reaction-detail", args=[reaction.pk]),
        "event": reverse("event-detail", args=[event.uid]),
        "run": reverse("run-detail", args=[run.uid]),
        "download": reverse("run-log-download", args=[run.uid]),
        "project": reverse("project-detail", args=[slug]),
        "deployment": reverse("deployment-detail", args=[slug, "Deployments-7"]),
    }


@pytest.fixture
def commands(reaction):
    run = run_of(event_of(reaction.project), reaction, "failed", sequence=9)
    return [
        reverse("reaction-enable", args=[reaction.pk]),
        reverse("reaction-disable", args=[reaction.pk]),
        reverse("run-retry", args=[run.uid]),
        reverse("run-replay", args=[run.uid]),
        reverse("run-cancel", args=[run.uid]),
    ]


@pytest.mark.parametrize("name", LISTS)
def test_sec_01_lists_ask_who_is_there(browse, name):
    answer = browse("").get(reverse(name))
    assert answer.status_code == 302
    assert answer.url.startswith(reverse("sign-in"))


def test_sec_01_every_page_asks_who_is_there(browse, pages, commands):
    nobody = browse("")
    assert all(nobody.get(url).url.startswith(reverse("sign-in")) for url in pages.values())
    assert all(nobody.post(url).url.startswith(reverse("sign-in")) for url in commands)


@pytest.mark.parametrize("person", ["alice", "ed", "vera"])
def test_sec_01_every_member_sees_every_page(browse, pages, person):
    client = browse(person)
    assert {name: client.get(url).status_code for name, url in pages.items()} == dict.fromkeys(pages, 200)


def test_sec_02_outside_the_team_a_page_is_the_same_404_as_one_that_does_not_exist(browse, pages):
    charlie = browse("charlie")
    missing = charlie.get(reverse("reaction-detail", args=[uuid4()]))
    for url in pages.values():
        answer = charlie.get(url)
        assert answer.status_code == 404
        assert _without_tokens(answer) == _without_tokens(missing)


def test_sec_02_outside_the_team_no_command_reaches_anything(browse, commands):
    charlie = browse("charlie")
    assert [charlie.post(url).status_code for url in commands] == [404] * len(commands)


def test_sec_02_a_viewer_may_not_command_and_the_refusal_is_kept(browse, commands):
    vera = browse("vera")
    assert [vera.post(url).status_code for url in commands] == [403] * len(commands)
    assert AuditEntry.objects.filter(verb="denied", actor_label="vera").count() == len(commands)


@pytest.mark.parametrize("name", ["reaction-list", "event-list", "run-list", "project-list"])
def test_sec_02_lists_and_their_filters_show_nothing_of_other_teams(browse, reaction, pages, name):
    answer = browse("charlie").get(reverse(name), {"project": reaction.project.slug, "reaction": str(reaction.pk)})
    assert answer.status_code == 200
    text = answer.content.decode()
    assert reaction.name not in text
    assert reaction.project.name not in text


def test_sec_02_a_viewer_sees_no_buttons_that_would_be_refused(browse, pages):
    vera = browse("vera")
    assert "Turn off" not in vera.get(pages["reaction"]).content.decode()
    assert "Retry" not in vera.get(pages["run"]).content.decode()


def test_sec_71_pages_are_never_cached(browse, pages):
    alice = browse("alice")
    assert all("no-store" in alice.get(url).headers["Cache-Control"] for url in pages.values())


def test_a_fragment_without_a_session_reloads_the_page_instead_of_showing_a_form_in_it(browse, pages):
    answer = browse("").get(pages["run"] + "log", headers={"HX-Request": "true"})
    assert answer.status_code == 401
    assert answer.headers["HX-Refresh"] == "true"


def test_commands_do_not_answer_to_get(browse, commands):
    alice = browse("alice")
    assert [alice.get(url).status_code for url in commands] == [405] * len(commands)


def _without_tokens(answer) -> str:
    return "\n".join(line for line in answer.content.decode().splitlines() if "csrfmiddlewaretoken" not in line)
