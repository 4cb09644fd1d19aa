"""/api/runs/ and /api/decisions/: what was done, and why (not)."""

import pytest

from actions.models import Decision, LogChunk
from reactions_project import clock
from tests.accounts.world import ledger_of
from tests.factories import ProjectFactory, member

pytestmark = pytest.mark.django_db


@pytest.fixture
def ledger(project):
    return ledger_of(project)


def print_lines(attempt, texts, first=2):
    LogChunk.objects.bulk_create(
        LogChunk(attempt=attempt, sequence=first + i, stream="stdout", text=text, at=clock.now())
        for i, text in enumerate(texts)
    )


def test_a_viewer_reads_runs_with_their_attempts(project, ledger, client_for):
    client = client_for(member(project.team, "viewer", "bob"))
    listed = client.get("/api/runs/").data["results"]
    assert [run["id"] for run in listed] == [str(ledger.run.uid)]
    shown = client.get(f"/api/runs/{ledger.run.uid}/").data
    assert shown["event"] == str(ledger.event.uid)
    assert shown["status"] == "queued"
    assert [attempt["number"] for attempt in shown["attempts"]] == [1]
    assert "lease_token" not in shown


@pytest.mark.parametrize("path", ["", "log/"])
def test_sec_02_charlie_reads_no_run(ledger, charlie, client_for, path):
    client = client_for(charlie)
    there = client.get(f"/api/runs/{ledger.run.uid}/{path}")
    missing = client.get(f"/api/runs/11111111-1111-4111-8111-111111111111/{path}")
    assert there.status_code == missing.status_code == 404
    assert there.content == missing.content
    assert client.get("/api/runs/").data["results"] == []


@pytest.mark.parametrize("verb", ["retry", "cancel", "replay"])
def test_sec_02_charlie_gets_404_and_bob_as_viewer_403_for_verbs(project, ledger, charlie, client_for, verb):
    url = f"/api/runs/{ledger.run.uid}/{verb}/"
    assert client_for(charlie).post(url).status_code == 404
    assert client_for(member(project.team, "viewer", "bob")).post(url).status_code == 403
    assert client_for(member(project.team, "editor"), ("read",)).post(url).status_code == 403


def test_a_queued_run_is_cancelled(ledger, alice, client_for):
    answer = client_for(alice).post(f"/api/runs/{ledger.run.uid}/cancel/")
    assert answer.status_code == 200, answer.data
    assert answer.data["status"] == "cancelled"


@pytest.mark.parametrize(
    ("verb", "sent"),
    [("retry", {}), ("replay", {}), ("replay", {"version": "same"}), ("replay", {"version": "current"})],
)
def test_a_cancelled_run_is_done_again_as_a_new_one(ledger, alice, client_for, verb, sent):
    client = client_for(alice)
    client.post(f"/api/runs/{ledger.run.uid}/cancel/")
    answer = client.post(f"/api/runs/{ledger.run.uid}/{verb}/", sent)
    assert answer.status_code == 201, answer.data
    assert answer.data["replay_of"] == str(ledger.run.uid)
    assert answer.data["sequence"] == 2


@pytest.mark.parametrize("verb", ["retry", "replay"])
def test_a_run_that_has_not_ended_is_not_done_again(ledger, alice, client_for, verb):
    answer = client_for(alice).post(f"/api/runs/{ledger.run.uid}/{verb}/")
    assert answer.status_code == 400
    assert "The run is queued" in answer.json()["detail"]


@pytest.mark.parametrize("sent", [{"version": 0}, {"version": "x"}, {"version": None}])
def test_a_version_that_is_not_there_is_refused(ledger, alice, client_for, sent):
    client = client_for(alice)
    client.post(f"/api/runs/{ledger.run.uid}/cancel/")
    assert client.post(f"/api/runs/{ledger.run.uid}/replay/", sent).status_code == 400


def test_sec_04_a_run_cannot_be_written(ledger, alice, client_for):
    client = client_for(alice)
    for method in ("put", "patch", "delete"):
        assert getattr(client, method)(f"/api/runs/{ledger.run.uid}/", {"status": "succeeded"}).status_code == 405
    assert client.post("/api/runs/", {}).status_code == 405


def test_runs_are_filtered_by_named_fields(project, ledger, alice, client_for):
    client = client_for(alice)
    for query, count in (
        (f"project={project.pk}", 1),
        (f"event={ledger.event.uid}", 1),
        (f"reaction={ledger.run.reaction_id}", 1),
        ("status=queued", 1),
        ("status=failed&status=queued", 1),
        ("status=failed", 0),
        (f"project={ProjectFactory().pk}", 0),
        ("lease_token__startswith=a", 1),
    ):
        assert len(client.get(f"/api/runs/?{query}").data["results"]) == count, query
    assert client.get("/api/runs/?status=nonsense").status_code == 400


# Logs


def test_a_log_is_read_on_from_where_the_reader_was(ledger, alice, client_for):
    client, url = client_for(alice), f"/api/runs/{ledger.run.uid}/log/"
    first = client.get(url).data
    assert [line["text"] for line in first["lines"]] == ["hello"]
    assert first["is_finished"] is False
    print_lines(ledger.chunk.attempt, ["more"])
    second = client.get(url, {"after": first["next"]}).data
    assert [line["text"] for line in second["lines"]] == ["more"]
    third = client.get(url, {"after": second["next"]}).data
    assert third["lines"] == []
    assert third["next"] == second["next"]
    assert [line["text"] for line in client.get(url, {"after": "1"}).data["lines"]] == ["more"]


def test_sec_94_a_long_log_comes_in_pieces(ledger, alice, client_for):
    print_lines(ledger.chunk.attempt, [str(n) for n in range(700)])
    client, url = client_for(alice), f"/api/runs/{ledger.run.uid}/log/"
    texts, after, more = [], "", True
    while more:
        page = client.get(url, {"after": after}).data
        texts += [line["text"] for line in page["lines"]]
        after, more = page["next"], page["has_more"]
    assert texts == ["hello", *(str(n) for n in range(700))]


@pytest.mark.parametrize("after", ["x", "-1", "1.2.3", "1e9", "99999999999999999999", "\x00", "\u0661"])
def test_a_cursor_that_is_none_is_refused(ledger, alice, client_for, after):
    assert client_for(alice).get(f"/api/runs/{ledger.run.uid}/log/", {"after": after}).status_code == 400


@pytest.mark.parametrize("how", [{"data": {"format": "text"}}, {"HTTP_ACCEPT": "text/plain"}])
def test_sec_70_a_log_is_downloaded_as_plain_text(ledger, alice, client_for, how):
    print_lines(ledger.chunk.attempt, ["<script>alert(1)</script>"])
    answer = client_for(alice).get(f"/api/runs/{ledger.run.uid}/log/", **how)
    assert answer.content.decode() == "hello\n<script>alert(1)</script>\n"
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    assert answer["Content-Disposition"] == f'attachment; filename="run-{ledger.run.uid}.log"'
    assert answer["X-Content-Type-Options"] == "nosniff"


# Decisions


def test_an_event_tells_why_each_reaction_fired_or_not(project, ledger, client_for):
    client = client_for(member(project.team, "viewer", "bob"))
    for url in (
        f"/api/events/{ledger.event.uid}/decisions/",
        f"/api/decisions/?event={ledger.event.uid}",
        f"/api/decisions/?reaction={ledger.run.reaction_id}&verdict=fired",
    ):
        (shown,) = client.get(url).data["results"]
        assert (shown["verdict"], shown["reason"], shown["run"]) == ("fired", "It passed.", str(ledger.run.uid))
    assert client.get("/api/decisions/?verdict=filtered").data["results"] == []
    assert client.get(f"/api/decisions/{ledger.decision.pk}/").data["reaction_name"] == "Past"


@pytest.mark.parametrize(("role", "sees"), [("editor", True), ("viewer", False)])
def test_sec_01_who_may_not_read_payloads_reads_none_in_a_decision(project, ledger, signed_in, role, sees):
    trace = [
        {"field": "payload.Token", "wanted": "a", "got": "hunter2", "sentence": "payload.Token is hunter2, not a."}
    ]
    Decision.objects.filter(pk=ledger.decision.pk).update(
        verdict="filtered", reason="payload.Token is hunter2, not a.", trace=trace
    )
    client = signed_in(member(project.team, role, "bob"))
    for url in ("/api/decisions/", f"/api/events/{ledger.event.uid}/decisions/"):
        answer = client.get(url)
        assert (b"hunter2" in answer.content) == sees
        assert answer.json()["results"][0]["verdict"] == "filtered"


def test_sec_02_charlie_reads_no_decision(ledger, charlie, client_for):
    client = client_for(charlie)
    assert client.get("/api/decisions/").data["results"] == []
    assert client.get(f"/api/decisions/{ledger.decision.pk}/").status_code == 404
    there = client.get(f"/api/events/{ledger.event.uid}/decisions/")
    missing = client.get("/api/events/11111111-1111-4111-8111-111111111111/decisions/")
    assert there.status_code == missing.status_code == 404
    assert there.content == missing.content


def test_a_list_costs_the_same_however_long_it_is(project, alice, client_for, django_assert_max_num_queries):
    for number in range(3):
        ledger_of(project, f"Past {number}")
    client = client_for(alice)
    for url in ("/api/runs/", "/api/decisions/"):
        client.get(url)
        # The key with its holder, the rows, and where the caller may read payloads.
        with django_assert_max_num_queries(3):
            assert len(client.get(url).data["results"]) == 3
