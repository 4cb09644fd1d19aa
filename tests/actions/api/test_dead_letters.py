"""Pauses, dead letters, and verbs for many runs, through the API."""

from typing import Any

import pytest
from django.db import connection

from actions.dead_letters import dead_letters
from actions.models import Run
from actions.tasks import keep_house
from reactions_project import clock
from tests.accounts.world import ledger_of
from tests.actions.views.ledgers import event_of, run_of
from tests.factories import ActionFactory, ReactionFactory, member, operator_caller
from triggers.ledger import EventData, record

pytestmark = pytest.mark.django_db


def letter(project: Any, outcome: str = "http_503", name: str = "Past", **changes: Any) -> Run:
    run = ledger_of(project, name).run
    named = {
        "status": "failed",
        "outcome": outcome,
        "finished_at": clock.now(),
        "target_key": "m.example:443",
    } | changes
    Run.objects.filter(pk=run.pk).update(**named)
    run.refresh_from_db()
    return run


def again(run: Run, outcome: str = "http_503") -> Run:
    """Another failed run of the same reaction."""
    event = record(EventData(type="DeploymentSucceeded", source="catalog", project=run.project)).event
    copy = Run.objects.get(pk=run.pk)
    copy.pk, copy.event, copy.outcome, copy.uid = None, event, outcome, event.uid
    copy.save(force_insert=True)
    return copy


def test_letters_are_grouped_by_cause_with_counts_and_a_sample(project, alice, client_for):
    first = letter(project)
    newest = again(first)
    again(first, "http_404")
    letter(project, name="Fine", status="succeeded")
    letter(project, name="Stopped", status="interrupted", outcome="interrupted")
    answer = client_for(alice).get("/api/dead-letters/causes/").json()
    assert answer["count"] == 4
    top = answer["results"][0]
    assert (top["outcome"], top["target"], top["count"], top["sample"]) == (
        "http_503",
        "m.example:443",
        2,
        str(newest.uid),
    )
    assert {cause["outcome"] for cause in answer["results"]} == {"http_503", "http_404", "interrupted"}


def test_counted_first_then_replayed_at_a_pace_and_gone_from_the_list(project, alice, client_for):
    first = letter(project)
    again(first)
    again(first, "http_404")
    client, chosen = client_for(alice), "/api/dead-letters/replay/?outcome=http_503"
    counted = client.post(chosen, {}, format="json").json()
    assert counted == {"counted": 2, "up_to": Run.objects.filter(outcome="http_503").latest("pk").pk}
    assert Run.objects.count() == 3
    done = client.post(chosen, {"expected": 2, "per_second": 2}, format="json").json()
    assert done == {"count": 2, "refused": []}
    one, two = Run.objects.filter(status="queued").order_by("pk")
    assert abs((two.due_at - one.due_at).total_seconds() - 0.5) < 0.01
    assert one.replay_of == first
    assert client.get("/api/dead-letters/").json()["results"][0]["outcome"] == "http_404"


def test_what_was_counted_is_what_is_replayed(project, alice, client_for):
    first = letter(project)
    again(first)
    answer = client_for(alice).post("/api/dead-letters/replay/", {"expected": 1}, format="json")
    assert answer.status_code == 400
    assert "1 were counted and there are more now: count again." in answer.json()["detail"]
    assert not Run.objects.filter(status="queued").exists()


def test_a_letter_that_came_after_the_count_takes_nobodys_place(project, alice, client_for):
    first = letter(project)
    second = again(first)
    client, path = client_for(alice), "/api/dead-letters/replay/"
    told = client.post(path, {}, format="json").json()
    Run.objects.filter(pk=first.pk).update(dismissed_at=clock.now())
    again(first)
    answer = client.post(path, {"expected": told["counted"], "up_to": told["up_to"]}, format="json")
    assert answer.status_code == 400
    assert "2 were counted and there are 1 now" in answer.json()["detail"]
    done = client.post(path, {"expected": 1, "up_to": told["up_to"]}, format="json").json()
    assert done["count"] == 1
    assert Run.objects.get(status="queued").replay_of == second


def test_dismissed_letters_are_off_the_list_and_still_in_the_history(project, alice, client_for):
    run = letter(project)
    client = client_for(alice)
    assert client.post("/api/dead-letters/dismiss/", {"expected": 1}, format="json").json()["count"] == 1
    assert client.get("/api/dead-letters/causes/").json()["count"] == 0
    assert client.get(f"/api/runs/{run.uid}/").json()["status"] == "failed"


def test_many_runs_are_cancelled_together(project, alice, client_for):
    waiting = letter(project, status="queued", outcome="", finished_at=None)
    again(waiting)
    client = client_for(alice)
    path = f"/api/runs/cancel-many/?reaction={waiting.reaction_id}"
    assert client.post(path, {}, format="json").json()["counted"] == 2
    assert client.post(path, {"expected": 2}, format="json").json() == {"count": 2, "refused": []}
    assert set(Run.objects.values_list("status", flat=True)) == {"cancelled"}


def test_ended_runs_are_replayed_together_whatever_became_of_them(project, alice, client_for):
    run = letter(project, status="succeeded", outcome="ok")
    answer = client_for(alice).post(f"/api/runs/replay-many/?event={run.event.uid}", {"expected": 1}, format="json")
    assert answer.json() == {"count": 1, "refused": []}


def test_each_of_many_is_refused_for_its_own_reason(project, alice, client_for):
    run = letter(project)
    run.action_version.action.is_enabled = False
    run.action_version.action.save()
    answer = client_for(alice).post("/api/dead-letters/replay/", {"expected": 1}, format="json").json()
    assert answer["count"] == 0
    assert "disabled: enable it first" in answer["refused"][0]["reason"]


def test_sec_01_viewers_see_letters_and_touch_none(project, signed_in):
    letter(project)
    client = signed_in(member(project.team, "viewer", "vera"))
    assert client.get("/api/dead-letters/causes/").json()["count"] == 1
    for verb in ("replay", "dismiss"):
        answer = client.post(f"/api/dead-letters/{verb}/", {"expected": 1}, format="json").json()
        assert (answer["count"], len(answer["refused"])) == (0, 1)
    assert Run.objects.get().dismissed_at is None


def test_sec_02_charlie_sees_and_replays_nothing_of_alices(project, charlie, client_for):
    letter(project)
    client = client_for(charlie)
    assert client.get("/api/dead-letters/causes/").json() == {"count": 0, "results": []}
    assert client.post("/api/dead-letters/replay/", {}, format="json").json() == {"counted": 0, "up_to": 0}


# Pauses


@pytest.fixture
def reaction(project):
    return ReactionFactory(action=ActionFactory(project=project))


def test_an_editor_pauses_a_reaction_previews_and_resumes(project, signed_in, reaction):
    client = signed_in(member(project.team, "editor", "bob"))
    body = {"reaction": str(reaction.pk), "reason": "The target moves."}
    made = client.post("/api/pauses/", body, format="json")
    assert made.status_code == 201, made.data
    assert (made.data["scope"], made.data["paused_by"]) == (f"reaction {reaction.name}", "bob")
    path = f"/api/pauses/{made.data['id']}"
    assert client.get(f"{path}/held/?older_than_seconds=60").json()["count"] == 0
    ended = client.post(f"{path}/resume/", {"skip_older_than_seconds": 3600, "per_second": 5}, format="json")
    assert (ended.status_code, ended.data["resumed_by"], ended.data["per_second"]) == (200, "bob", 5)
    assert client.get("/api/pauses/?is_over=true").json()["results"][0]["id"] == made.data["id"]
    assert client.get("/api/pauses/?is_over=false").json()["results"] == []


def test_sec_02_charlie_neither_sees_nor_ends_alices_pause(project, alice, charlie, signed_in, reaction):
    body = {"reaction": str(reaction.pk), "reason": "Wait."}
    made = signed_in(alice).post("/api/pauses/", body, format="json").data
    other = signed_in(charlie)
    assert other.get("/api/pauses/").json()["results"] == []
    assert other.post(f"/api/pauses/{made['id']}/resume/", {}, format="json").status_code == 404
    assert other.post("/api/pauses/", body, format="json").status_code == 400


def test_sec_02_what_a_pause_of_everything_holds_is_told_of_ones_own_runs_only(project, alice, signed_in, reaction):
    others = ReactionFactory()
    for one in (reaction, others, others):
        run_of(event_of(one.project, type="ReleaseCreated"), one, "queued", target_key=f"{one.name}.example:443")
    made = signed_in(operator_caller().user).post("/api/pauses/", {"reason": "Wait."}, format="json").data
    told = signed_in(alice).get(f"/api/pauses/{made['id']}/held/").json()
    assert (told["count"], told["kept"]) == (1, 0)
    assert told["by_reaction"] == [{"name": reaction.name, "count": 1}]
    assert others.name not in str(told)
    assert signed_in(operator_caller().user).get(f"/api/pauses/{made['id']}/held/").json()["count"] == 3


def test_everything_is_paused_by_operators_and_seen_by_all(project, alice, signed_in):
    body = {"reason": "The data centre moves."}
    assert signed_in(alice).post("/api/pauses/", body, format="json").status_code == 403
    made = signed_in(operator_caller().user).post("/api/pauses/", body, format="json")
    assert made.status_code == 201, made.data
    seen = signed_in(alice)
    assert seen.get("/api/pauses/").json()["results"][0]["scope"] == "everything"
    assert seen.post(f"/api/pauses/{made.data['id']}/resume/", {}, format="json").status_code == 403
    assert "The data centre moves." in seen.get("/runs/").content.decode()


def test_looking_for_them_does_not_go_through_all_of_history(project: Any) -> None:
    run = letter(project)
    for _ in range(200):
        Run.objects.filter(pk=again(run).pk).update(status="succeeded")
    keep_house()
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # It would not ask an index about a table this small.
            cursor.execute("SET LOCAL enable_seqscan = off")
        plan = dead_letters(operator_caller()).explain()
    assert "run_dead_letter" in plan
