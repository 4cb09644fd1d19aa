"""Liveness, readiness and metrics tell the truth."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import DatabaseError, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client

from actions import pausing
from actions.models import Heartbeat, Run, TargetState
from actions.views.workers import is_anybody_working
from reactions_project import clock, health
from reactions_project.health import Check, Finding, Metric, checks, prometheus_text
from tests.accounts.world import ledger_of
from tests.factories import ProjectFactory, api_key, member, operator_caller

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _look_again():
    health._all_applied.cache_clear()


def beat(cluster: str, age_seconds: float = 0, **facts) -> Heartbeat:
    at = clock.now() - timedelta(seconds=age_seconds)
    pid = Heartbeat.objects.count() + 1
    return Heartbeat.objects.create(host="here", pid=pid, cluster=cluster, started_at=at, beat_at=at, facts=facts)


def ready(client: Client) -> dict:
    answer = client.get("/health/ready")
    assert answer.status_code == 200, answer.json()
    return answer.json()


def test_a_live_process_says_so_without_asking_the_database(client: Client, django_assert_num_queries):
    with django_assert_num_queries(0):
        answer = client.get("/health/live")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_all_is_well_while_workers_beat(client: Client):
    beat("http")
    beat("scripts", sandbox="bwrap")
    shown = ready(client)
    assert shown["status"] == "ok"
    assert shown["checks"]["workers"]["alive"] == 2
    assert shown["checks"]["sandbox"] == {"ok": True, "detail": "Scripts run in the sandbox.", "mode": "bwrap"}


def test_without_workers_it_serves_but_says_that_nothing_runs(client: Client):
    shown = ready(client)
    assert shown["status"] == "degraded"
    assert shown["checks"]["workers"]["detail"] == "No worker is alive, so nothing runs: start manage.py worker."


def test_a_missing_cluster_is_named(client: Client):
    beat("http")
    assert "No worker of the cluster scripts is alive" in ready(client)["checks"]["workers"]["detail"]


def test_a_worker_that_stopped_without_leaving_is_counted(client: Client):
    beat("http")
    beat("scripts")
    beat("http", age_seconds=60)
    assert ready(client)["checks"]["workers"]["stale"] == 1


def test_who_was_lost_before_the_clock_was_set_back_is_not_alive(client: Client):
    beat("http")
    beat("scripts")
    beat("http", age_seconds=-3600)
    shown = ready(client)["checks"]["workers"]
    assert (shown["clusters"], shown["stale"]) == ({"http": 1, "scripts": 1}, 1)


@pytest.mark.parametrize("wrong_by", [3600, -3600])
def test_on_a_shared_database_a_host_with_a_wrong_clock_tells_the_truth(
    client: Client, monkeypatch: pytest.MonkeyPatch, wrong_by: int
):
    if connection.vendor != "postgresql":
        pytest.skip("On SQLite there is one machine, and one clock.")
    beat("http")
    beat("scripts")
    beat("http", age_seconds=60)
    run = ledger_of(ProjectFactory()).run
    Run.objects.filter(pk=run.pk).update(due_at=clock.now() - timedelta(minutes=2))
    monkeypatch.setattr(clock, "now", lambda: datetime.now(UTC) + timedelta(seconds=wrong_by))
    shown = ready(client)["checks"]
    assert (shown["workers"]["clusters"], shown["workers"]["stale"]) == ({"http": 1, "scripts": 1}, 1)
    assert 120 <= shown["queue"]["oldest_due_seconds"] < 180
    assert is_anybody_working()


def test_workers_that_all_went_silent_are_not_alive(client: Client):
    beat("http", age_seconds=60)
    shown = ready(client)["checks"]["workers"]
    assert (shown["ok"], shown["alive"], shown["stale"]) == (False, 0, 1)


def test_a_run_that_waits_too_long_shows(client: Client):
    run = ledger_of(ProjectFactory()).run
    Run.objects.filter(pk=run.pk).update(due_at=clock.now() - timedelta(minutes=2))
    shown = ready(client)["checks"]["queue"]
    assert not shown["ok"]
    assert shown["oldest_due_seconds"] >= 120
    assert shown["queued"] == 1


def late_run(**changes) -> Run:
    run = ledger_of(ProjectFactory()).run
    Run.objects.filter(pk=run.pk).update(**{"due_at": clock.now() - timedelta(minutes=2), **changes})
    return run


def closed(target: str, seconds: float) -> TargetState:
    now = clock.now()
    return TargetState.objects.create(target_key=target, open_until=now + timedelta(seconds=seconds), updated_at=now)


@pytest.mark.parametrize("seconds", [60, -5], ids=["left alone", "until just now"])
def test_what_waits_for_a_target_that_is_left_alone_is_not_stuck(client: Client, seconds: float):
    late_run(target_key="a.example.com:443")
    state = closed("a.example.com:443", seconds)
    closed("idle.example.com:443", 200)
    shown = ready(client)["checks"]["queue"]
    assert shown["ok"]
    assert shown["detail"] == (
        f"Runs wait for a.example.com:443, which failed and is left alone until {state.open_until:%H:%M:%S} UTC."
    )
    assert shown["oldest_due_seconds"] >= 120


def test_what_nobody_takes_shows_beside_what_waits_for_its_target(client: Client):
    for target in ("a.example.com:443", "b.example.com:443"):
        late_run(target_key=target)
        closed(target, 60)
    late_run(target_key="c.example.com:443", due_at=clock.now() - timedelta(seconds=90))
    shown = ready(client)["checks"]["queue"]
    assert not shown["ok"]
    assert shown["detail"].startswith("A run has been due for 90 s: workers are missing, stuck or too few. Runs wait ")
    assert shown["detail"].endswith(" Others wait for 1 more.")


def test_a_flood_that_is_worked_off_is_not_stuck(client: Client):
    late_run()
    running = late_run(status="running", lease_until=clock.now() + timedelta(seconds=10))
    assert not ready(client)["checks"]["queue"]["ok"], "nobody is alive"
    beat("http")
    shown = ready(client)["checks"]["queue"]
    assert shown["ok"]
    assert shown["detail"] == "A run has been due for 120 s: workers are behind, with 1 in hand."
    Run.objects.filter(pk=running.pk).update(status="succeeded", finished_at=clock.now())
    assert ready(client)["checks"]["queue"]["ok"]
    Run.objects.filter(pk=running.pk).update(finished_at=clock.now() - timedelta(minutes=5))
    assert not ready(client)["checks"]["queue"]["ok"], "nothing moves"


def test_scripts_that_nobody_takes_show_while_requests_are_sent(client: Client):
    late_run(executor="script", due_at=clock.now() - timedelta(seconds=60))
    late_run()
    late_run(status="running", lease_until=clock.now() + timedelta(seconds=10))
    beat("http")
    beat("scripts")
    shown = ready(client)["checks"]["queue"]
    assert not shown["ok"]
    assert shown["detail"] == "A run has been due for 60 s: workers are missing, stuck or too few."


def test_a_run_that_is_due_later_is_not_late(client: Client):
    run = ledger_of(ProjectFactory()).run
    Run.objects.filter(pk=run.pk).update(due_at=clock.now() + timedelta(hours=1))
    assert ready(client)["checks"]["queue"]["oldest_due_seconds"] == 0


def test_sec_51_a_sandbox_that_is_off_shows(client: Client):
    beat("http")
    beat("scripts", sandbox="off")
    shown = ready(client)
    assert shown["status"] == "degraded"
    assert "sandbox is off" in shown["checks"]["sandbox"]["detail"]


def test_missing_migrations_make_it_unready(client: Client):
    (last,) = MigrationLoader(connection).graph.leaf_nodes("actions")
    MigrationRecorder(connection).record_unapplied(*last)
    answer = client.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json()["checks"]["migrations"]["detail"] == "Migrations are missing: run manage.py migrate."
    MigrationRecorder(connection).record_applied(*last)
    assert client.get("/health/ready").status_code == 200


def test_a_database_that_is_away_makes_it_unready_without_telling_where_it_is(client: Client):
    def away() -> Finding:
        raise DatabaseError("connection to 10.0.0.7 refused, password=hunter2")

    with checks.temporarily(Check("database", "Database", away, is_vital=True)):
        answer = client.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json()["status"] == "failing"
    assert b"hunter2" not in answer.content


# Metrics


def test_metrics_are_text_for_prometheus(client: Client):
    ledger_of(ProjectFactory())
    beat("http")
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/plain")
    lines = answer.content.decode().splitlines()
    assert 'reactions_runs{status="queued"} 1' in lines
    assert 'reactions_workers_alive{cluster="http"} 1' in lines
    assert "# TYPE reactions_oldest_due_seconds gauge" in lines
    assert lines.count("# TYPE reactions_runs gauge") == 1


@pytest.mark.parametrize("accept", ["*/*", "application/openmetrics-text;version=1.0.0,text/plain;q=0.5", "image/png"])
def test_metrics_come_whatever_a_collector_asks_for(client: Client, accept: str):
    assert client.get("/metrics", HTTP_ACCEPT=accept).status_code == 200


@pytest.mark.parametrize(
    "sent",
    [
        {"REMOTE_ADDR": "192.0.2.7"},
        {"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "192.0.2.7"},
        {"REMOTE_ADDR": "127.0.0.1", "HTTP_FORWARDED": "for=192.0.2.7"},
    ],
)
def test_metrics_are_not_for_strangers(client: Client, sent: dict[str, str]):
    answer = client.get("/metrics", **sent)
    assert answer.status_code == 401
    assert b"reactions_runs" not in answer.content


def test_metrics_are_for_operators_from_anywhere_and_not_for_members(client: Client):
    elsewhere = {"REMOTE_ADDR": "192.0.2.7"}
    operator, owner = api_key(operator_caller().user, ["read"]), api_key(member(ProjectFactory().team, "owner"))
    assert client.get("/metrics", HTTP_AUTHORIZATION=f"Bearer {operator}", **elsewhere).status_code == 200
    assert client.get("/metrics", HTTP_AUTHORIZATION=f"Bearer {owner}", **elsewhere).status_code == 403


def test_labels_are_escaped():
    text = prometheus_text([Metric("m", "Help.", 1.5, {"a": 'b"c\\d\ne'})])
    assert text == '# HELP m Help.\n# TYPE m gauge\nm{a="b\\"c\\\\d\\ne"} 1.5\n'


def test_what_is_paused_is_said_and_is_no_fault(client: Client):
    beat("http")
    beat("scripts", sandbox="bwrap")
    assert ready(client)["checks"]["pauses"]["detail"] == "Nothing is paused."
    team = ProjectFactory().team
    pausing.pause(operator_caller(), reason="The data centre moves.", team=team)
    assert ready(client)["checks"]["pauses"]["detail"].startswith("1 reaction or team is paused since ")
    pausing.pause(operator_caller(), reason="The data centre moves.")
    shown = ready(client)["checks"]["pauses"]
    assert shown["detail"].startswith("Everything is paused since ")
    assert (shown["pauses"], shown["held"]) == (2, 0)
    # Reasons are for people who are signed in.
    assert "data centre" not in str(shown)
