"""/api/reactions/: Alice owns, Bob is on the team, Charlie is outside."""

import pytest
from rest_framework.test import APIClient

from accounts.models import AuditEntry
from actions.models import Decision, Reaction, Run
from actions.models.reaction import NO_PASSTHROUGH
from tests.factories import (
    ActionFactory,
    InternalTriggerFactory,
    ProjectFactory,
    ReactionFactory,
    WebhookFactory,
    member,
)
from triggers.ledger import EventData, record
from triggers.models import Trigger

pytestmark = pytest.mark.django_db


def body(project, action, **more):
    return {"project": str(project.pk), "name": "Tell them", "action": str(action.pk)} | more


def test_bob_as_editor_joins_internal_events_with_an_http_action(project, client_for):
    bob = client_for(member(project.team, "editor", "bob"))
    answer = bob.post(
        "/api/reactions/",
        body(project, ActionFactory(project=project), event_types=["DeploymentStarted", "DeploymentSucceeded"]),
    )
    assert answer.status_code == 201, answer.data
    assert answer.data["event_types"] == ["DeploymentStarted", "DeploymentSucceeded"]
    assert len(answer.data["triggers"]) == 2
    assert answer.data["version"] == 1
    assert Reaction.objects.get().created_by.username == "bob"


def test_a_second_reaction_listens_to_the_same_trigger(project, alice, client_for):
    client, action = client_for(alice), ActionFactory(project=project)
    for name in ("One", "Two"):
        answer = client.post("/api/reactions/", body(project, action, name=name, event_types=["ReleaseCreated"]))
        assert answer.status_code == 201
    assert Trigger.objects.count() == 1


def test_sec_35_a_webhook_with_an_outgoing_request_is_refused_with_the_reason(project, alice, client_for):
    webhook, action = WebhookFactory(project=project), ActionFactory(project=project)
    answer = client_for(alice).post("/api/reactions/", body(project, action, triggers=[str(webhook.pk)]))
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["errors"]["action"] == [NO_PASSTHROUGH]
    assert not Reaction.objects.exists()


def test_sec_35_a_reaction_cannot_be_changed_into_a_passthrough(project, alice, client_for):
    reaction = ReactionFactory(project=project, action=ActionFactory(project=project))
    webhook = WebhookFactory(project=project)
    answer = client_for(alice).patch(f"/api/reactions/{reaction.pk}/", {"triggers": [str(webhook.pk)]})
    assert answer.status_code == 400
    assert NO_PASSTHROUGH in answer.json()["detail"]
    assert not reaction.triggers.filter(pk=webhook.pk).exists()


def test_a_webhook_may_start_a_script(project, alice, client_for):
    webhook, script = WebhookFactory(project=project), ActionFactory(project=project, python=True)
    answer = client_for(alice).post("/api/reactions/", body(project, script, triggers=[str(webhook.pk)]))
    assert answer.status_code == 201, answer.data


def test_a_reaction_may_change_from_webhook_and_script_to_event_and_request_at_once(project, alice, client_for):
    reaction = ReactionFactory(
        project=project, action=ActionFactory(project=project, python=True), triggers=[WebhookFactory(project=project)]
    )
    answer = client_for(alice).patch(
        f"/api/reactions/{reaction.pk}/",
        {"action": str(ActionFactory(project=project).pk), "event_types": ["DeploymentSucceeded"]},
    )
    assert answer.status_code == 200, answer.data
    assert answer.data["event_types"] == ["DeploymentSucceeded"]
    assert answer.data["version"] == 2


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({}, "triggers"),
        ({"event_types": ["Nonsense"]}, "event_types"),
        ({"triggers": ["nonsense"]}, "triggers"),
        ({"event_types": ["ReleaseCreated"], "name": ""}, "name"),
        ({"event_types": ["ReleaseCreated"], "action": "11111111-1111-4111-8111-111111111111"}, "action"),
        ({"event_types": ["ReleaseCreated"], "once_seconds": -1}, "once_seconds"),
    ],
)
def test_a_reaction_that_cannot_work_is_refused_by_field_and_leaves_nothing(project, alice, client_for, more, field):
    answer = client_for(alice).post("/api/reactions/", {**body(project, ActionFactory(project=project)), **more})
    assert answer.status_code == 400
    assert field in answer.json()["errors"]
    assert not Reaction.objects.exists()
    assert not Trigger.objects.exists()


def test_a_name_that_is_taken_is_refused(project, alice, client_for):
    reaction = ReactionFactory(action=ActionFactory(project=project))
    answer = client_for(alice).post(
        "/api/reactions/", body(project, reaction.action, name=reaction.name, event_types=["ReleaseCreated"])
    )
    assert answer.status_code == 400
    assert "already exists" in answer.json()["detail"]


def test_sec_04_version_author_and_dates_are_not_for_callers_to_set(project, alice, client_for):
    reaction = ReactionFactory(action=ActionFactory(project=project))
    sent = {"version": 99, "created_by": "charlie", "created_at": "2001-01-01T00:00:00Z", "id": "x", "name": "New"}
    answer = client_for(alice).patch(f"/api/reactions/{reaction.pk}/", sent)
    assert (answer.data["name"], answer.data["version"], answer.data["created_by"]) == ("New", 2, "operator")


def test_sec_03_a_reaction_stays_in_its_project(project, alice, client_for):
    reaction = ReactionFactory(action=ActionFactory(project=project))
    other = ProjectFactory(team=project.team)
    answer = client_for(alice).patch(f"/api/reactions/{reaction.pk}/", {"project": str(other.pk)})
    assert answer.status_code == 400


def test_sec_03_objects_of_another_team_are_told_like_ones_that_do_not_exist(project, alice, client_for):
    foreign, client = ActionFactory(), client_for(alice)
    missing = "11111111-1111-4111-8111-111111111111"
    answers = [
        client.post("/api/reactions/", {**body(project, foreign, event_types=["ReleaseCreated"]), "action": pk}).json()
        for pk in (str(foreign.pk), missing)
    ]
    assert answers[0]["errors"]["action"][0].replace(str(foreign.pk), missing) == answers[1]["errors"]["action"][0]


def test_sec_03_a_foreign_trigger_or_project_cannot_be_used(project, alice, client_for):
    action, client = ActionFactory(project=project), client_for(alice)
    foreign = InternalTriggerFactory()
    assert client.post("/api/reactions/", body(project, action, triggers=[str(foreign.pk)])).status_code == 400
    assert client.post("/api/reactions/", body(foreign.project, action, triggers=[str(foreign.pk)])).status_code == 400


def test_sec_02_charlie_gets_404_for_what_is_there_and_what_is_not(project, charlie, client_for):
    reaction, client = ReactionFactory(action=ActionFactory(project=project)), client_for(charlie)
    there = client.get(f"/api/reactions/{reaction.pk}/")
    missing = client.get("/api/reactions/11111111-1111-4111-8111-111111111111/")
    assert there.status_code == missing.status_code == 404
    assert there.content == missing.content
    assert client.get("/api/reactions/").data["results"] == []
    for method, path in (("patch", ""), ("delete", ""), ("post", "test/"), ("post", "disable/"), ("post", "enable/")):
        assert getattr(client, method)(f"/api/reactions/{reaction.pk}/{path}", {}).status_code == 404


def test_sec_02_bob_as_viewer_gets_403_in_words_and_the_denial_is_kept(project, client_for):
    reaction = ReactionFactory(action=ActionFactory(project=project))
    client = client_for(member(project.team, "viewer", "bob"))
    assert client.get(f"/api/reactions/{reaction.pk}/").status_code == 200
    answer = client.patch(f"/api/reactions/{reaction.pk}/", {"name": "Mine"})
    assert answer.status_code == 403
    assert "may not change this reaction: use a key with another scope" in answer.json()["detail"]
    assert AuditEntry.objects.filter(verb="denied", actor_label="bob").count() == 1


def test_without_a_key_it_is_401(client_for):
    answer = client_for(None).get("/api/reactions/")
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith("Bearer")


def test_a_key_that_reads_changes_nothing(project, alice, client_for):
    reaction = ReactionFactory(action=ActionFactory(project=project))
    client = client_for(alice, ("read",))
    assert client.get(f"/api/reactions/{reaction.pk}/").status_code == 200
    assert client.patch(f"/api/reactions/{reaction.pk}/", {"name": "Other"}).status_code == 403


def test_no_key_deletes_a_reaction_but_its_holder_may(project, alice, client_for, signed_in):
    reaction = ReactionFactory(action=ActionFactory(project=project))
    assert client_for(alice).delete(f"/api/reactions/{reaction.pk}/").status_code == 403
    assert signed_in(alice).delete(f"/api/reactions/{reaction.pk}/").status_code == 204
    assert AuditEntry.objects.filter(verb="delete", object_label=reaction.name).exists()


def test_a_reaction_is_disabled_and_enabled(project, alice, client_for):
    reaction, client = ReactionFactory(action=ActionFactory(project=project)), client_for(alice)
    assert client.post(f"/api/reactions/{reaction.pk}/disable/").data["is_enabled"] is False
    assert client.post(f"/api/reactions/{reaction.pk}/enable/").data["is_enabled"] is True


def test_sec_92_a_reaction_whose_trigger_is_gone_can_still_be_disabled(project, alice, client_for):
    reaction, client = ReactionFactory(action=ActionFactory(project=project)), client_for(alice)
    Trigger.objects.all().delete()
    assert client.post(f"/api/reactions/{reaction.pk}/disable/").data["is_enabled"] is False
    assert client.post(f"/api/reactions/{reaction.pk}/enable/").status_code == 400


# Dry run


def test_a_dry_run_says_what_would_happen_and_writes_nothing(project, alice, client_for):
    reaction = ReactionFactory(action=ActionFactory(project=project))
    event = record(EventData(type="DeploymentSucceeded", source="catalog", project=project)).event
    answer = client_for(alice).post(f"/api/reactions/{reaction.pk}/test/", {"event": str(event.uid)})
    assert answer.status_code == 200, answer.data
    assert (answer.data["would_fire"], answer.data["verdict"]) == (True, "fired")
    assert not Run.objects.exists()
    assert not Decision.objects.exists()


def test_a_dry_run_of_another_event_says_that_it_is_not_listened_to(project, alice, client_for):
    reaction = ReactionFactory(action=ActionFactory(project=project))
    event = record(EventData(type="ReleaseCreated", source="catalog", project=project)).event
    answer = client_for(alice).post(f"/api/reactions/{reaction.pk}/test/", {"event": str(event.uid)})
    assert (answer.data["would_fire"], answer.data["verdict"]) == (False, "not_considered")
    assert "does not listen to ReleaseCreated" in answer.data["reason"]


def test_a_dry_run_of_a_disabled_reaction_says_so(project, alice, client_for):
    reaction = ReactionFactory(action=ActionFactory(project=project), is_enabled=False)
    event = record(EventData(type="DeploymentSucceeded", source="catalog", project=project)).event
    answer = client_for(alice).post(f"/api/reactions/{reaction.pk}/test/", {"event": str(event.uid)})
    assert answer.data["verdict"] == "disabled"


def test_sec_03_a_dry_run_takes_no_event_of_another_team(project, alice, client_for):
    reaction = ReactionFactory(action=ActionFactory(project=project))
    foreign = record(EventData(type="DeploymentSucceeded", source="catalog", project=ProjectFactory())).event
    client = client_for(alice)
    for uid in (str(foreign.uid), "11111111-1111-4111-8111-111111111111", "nonsense"):
        assert client.post(f"/api/reactions/{reaction.pk}/test/", {"event": uid}).status_code == 400


# Lists


def test_a_list_is_filtered_by_named_fields_only(project, alice, client_for):
    first = ReactionFactory(action=ActionFactory(project=project), is_enabled=False)
    ReactionFactory(action=first.action)
    client = client_for(alice)
    assert [row["id"] for row in client.get("/api/reactions/?is_enabled=false").data["results"]] == [str(first.pk)]
    assert len(client.get("/api/reactions/?event_type=DeploymentSucceeded").data["results"]) == 2
    assert len(client.get("/api/reactions/?project__team__name=x&created_by__password=x").data["results"]) == 2


def test_sec_02_a_filter_tells_nothing_about_foreign_objects(alice, client_for):
    client, foreign = client_for(alice), ReactionFactory()
    for pk in (str(foreign.project.pk), "11111111-1111-4111-8111-111111111111"):
        assert client.get(f"/api/reactions/?project={pk}").data["results"] == []


def test_a_list_costs_the_same_however_long_it_is(project, alice, client_for, django_assert_max_num_queries):
    action = ActionFactory(project=project)
    for _ in range(10):
        ReactionFactory(action=action)
    client = client_for(alice)
    client.get("/api/reactions/")
    # The key with its holder, the reactions, their triggers.
    with django_assert_max_num_queries(3):
        assert len(client.get("/api/reactions/").data["results"]) == 10


def test_sec_94_a_list_is_paged(project, alice, client_for):
    action = ActionFactory(project=project)
    names = [ReactionFactory(action=action).name for _ in range(5)]
    client: APIClient = client_for(alice)
    seen, url = [], "/api/reactions/?page_size=2"
    while url:
        page = client.get(url).data
        seen += [row["name"] for row in page["results"]]
        url = page["next"]
    assert sorted(seen) == sorted(names)
