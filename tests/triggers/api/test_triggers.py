"""/api/triggers/ and the keys of webhooks: Alice owns, Bob is on the team, Charlie is outside."""

import uuid
from datetime import timedelta

import pytest

from accounts import grants, vault
from accounts.callers import caller_for
from accounts.models import AuditEntry
from reactions_project import clock
from tests.factories import (
    ActionFactory,
    InternalTriggerFactory,
    ProjectFactory,
    ReactionFactory,
    WebhookFactory,
    member,
    operator_caller,
)
from triggers.models import Event, Trigger, TriggerKey

pytestmark = pytest.mark.django_db
WEBHOOK = {"project": "core-web", "kind": "webhook", "name": "Packages", "route": "packages"}
INTERNAL = {"project": "core-web", "kind": "internal", "name": "Released", "event_type": "ReleaseCreated"}


def test_alice_makes_a_webhook_and_learns_its_address(project, alice, client_for, settings):
    settings.REACTIONS_BASE_URL = "https://reactions.example.com"
    made = client_for(alice).post("/api/triggers/", WEBHOOK | {"source": "myget", "delivery_id_path": "header.X-Id"})
    assert made.status_code == 201, made.data
    assert made.data["url"] == "https://reactions.example.com/triggers/packages"
    assert (made.data["is_enabled"], made.data["accepts_query_key"]) == (True, True)
    assert AuditEntry.objects.filter(verb="create", object_type="triggers.Trigger", project=project).exists()


def test_alice_makes_an_internal_trigger_once(project, alice, client_for):
    made = client_for(alice).post("/api/triggers/", INTERNAL)
    assert made.status_code == 201, made.data
    assert made.data["url"] == ""
    again = client_for(alice).post("/api/triggers/", INTERNAL)
    assert again.status_code == 400
    assert "already" in again.json()["errors"]["event_type"][0]


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        (WEBHOOK | {"route": ""}, "route"),
        (WEBHOOK | {"route": "../evil"}, "route"),
        (WEBHOOK | {"route": "a/b"}, "route"),
        (WEBHOOK | {"route": "x" * 101}, "route"),
        (WEBHOOK | {"route": "taken"}, "route"),
        (WEBHOOK | {"event_type": "ReleaseCreated"}, "event_type"),
        (WEBHOOK | {"source": "nobody"}, "source"),
        (WEBHOOK | {"delivery_id_path": "nonsense"}, "delivery_id_path"),
        (WEBHOOK | {"signature_scheme": "nonsense"}, "signature_scheme"),
        (WEBHOOK | {"signature_scheme": "github"}, "signing_secret"),
        (WEBHOOK | {"signing_secret": str(uuid.uuid4())}, "signing_secret"),
        (WEBHOOK | {"kind": "feed"}, "kind"),
        (WEBHOOK | {"name": ""}, "name"),
        (INTERNAL | {"event_type": ""}, "event_type"),
        (INTERNAL | {"event_type": "Nothing"}, "event_type"),
        (INTERNAL | {"route": "packages"}, "route"),
        (INTERNAL | {"source": "myget"}, "source"),
    ],
)
def test_a_trigger_that_cannot_be_is_refused_with_the_reason(project, alice, client_for, sent, field):
    WebhookFactory(route="taken")
    answer = client_for(alice).post("/api/triggers/", sent)
    assert answer.status_code == 400, answer.data
    assert field in answer.json()["errors"]
    assert Trigger.objects.count() == 1


@pytest.mark.parametrize(
    "change", [{"kind": "internal", "event_type": "ReleaseCreated", "route": ""}, {"project": "other"}]
)
def test_a_webhook_stays_one_and_stays_in_its_project(project, alice, client_for, change):
    ProjectFactory(slug="other", team=project.team)
    webhook = WebhookFactory(project=project)
    answer = client_for(alice).patch(f"/api/triggers/{webhook.pk}/", change)
    assert answer.status_code == 400
    assert "keeps its" in answer.json()["detail"]


def test_an_internal_trigger_keeps_its_event_type(project, alice, client_for):
    trigger = InternalTriggerFactory(project=project)
    answer = client_for(alice).patch(f"/api/triggers/{trigger.pk}/", {"event_type": "ReleaseCreated"})
    assert "keeps its event type" in answer.json()["detail"]


def test_a_change_is_audited_with_what_changed(project, alice, client_for):
    webhook = WebhookFactory(project=project, route="packages")
    answer = client_for(alice).patch(f"/api/triggers/{webhook.pk}/", {"is_enabled": False, "route": "parcels"})
    assert answer.status_code == 200, answer.data
    entry = AuditEntry.objects.get(verb="change", object_type="triggers.Trigger")
    assert entry.changes == {"is_enabled": [True, False], "route": ["packages", "parcels"]}


@pytest.mark.parametrize("scheme", ["standard_webhooks", "github", "slack", "gitlab"])
def test_alice_has_signatures_checked_with_a_secret_of_the_project(project, alice, signed_in, scheme):
    secret = vault.store(caller_for(alice), project, "signing", "a value that is never shown")
    sent = WEBHOOK | {"signature_scheme": scheme, "signing_secret": str(secret.pk)}
    made = signed_in(alice).post("/api/triggers/", sent)
    assert made.status_code == 201, made.data
    assert "never shown" not in made.content.decode()
    url = f"/api/triggers/{made.data['id']}/"
    other = vault.store(caller_for(alice), project, "next", "another value")
    change = {"signing_secret": str(other.pk), "former_signing_secret": str(secret.pk)}
    assert signed_in(alice).patch(url, change).status_code == 200
    assert AuditEntry.objects.get(verb="change", object_type="triggers.Trigger").changes == {
        "signing_secret": "changed",
        "former_signing_secret": "changed",
    }


def test_sec_03_a_secret_of_another_project_or_team_cannot_sign(project, alice, charlie, signed_in):
    sister = ProjectFactory(team=project.team)
    foreign = ProjectFactory(team=charlie.memberships.get().team)
    for elsewhere, owner in ((sister, alice), (foreign, charlie)):
        secret = vault.store(caller_for(owner), elsewhere, "signing", "value")
        sent = WEBHOOK | {"signature_scheme": "github", "signing_secret": str(secret.pk)}
        answer = signed_in(alice).post("/api/triggers/", sent)
        assert answer.status_code == 400
        assert "signing_secret" in answer.json()["errors"]
    assert not Trigger.objects.exists()


def test_sec_12_a_key_binds_no_secret_to_a_trigger(project, alice, client_for):
    secret = vault.store(caller_for(alice), project, "signing", "value")
    sent = WEBHOOK | {"signature_scheme": "github", "signing_secret": str(secret.pk)}
    assert client_for(alice).post("/api/triggers/", sent).status_code == 400
    assert client_for(alice).post("/api/triggers/", WEBHOOK).status_code == 201


@pytest.mark.parametrize("role", ["owner", "author", "editor"])
def test_those_who_may_change_triggers_do(project, signed_in, role):
    bob = signed_in(member(project.team, role))
    made = bob.post("/api/triggers/", WEBHOOK)
    url = f"/api/triggers/{made.data['id']}/"
    assert bob.patch(url, {"name": "Parcels"}).data["name"] == "Parcels"
    assert bob.delete(url).status_code == 204


def test_bob_as_viewer_sees_triggers_and_changes_none(project, client_for):
    webhook, bob = WebhookFactory(project=project), client_for(member(project.team, "viewer"))
    url = f"/api/triggers/{webhook.pk}/"
    assert bob.get(url).data["name"] == webhook.name
    assert bob.patch(url, {"name": "Mine"}).status_code == 403
    assert bob.delete(url).status_code == 403
    assert bob.post("/api/triggers/", WEBHOOK).status_code == 403
    assert AuditEntry.objects.filter(verb="denied").count() == 3


def test_sec_02_charlie_knows_of_no_trigger(project, charlie, client_for):
    webhook, client = WebhookFactory(project=project), client_for(charlie)
    url = f"/api/triggers/{webhook.pk}/"
    assert client.get("/api/triggers/").data["results"] == []
    assert client.get(f"/api/triggers/?project={project.pk}").data["results"] == []
    for answer in (client.get(url), client.patch(url, {"name": "Mine"}), client.delete(url)):
        assert answer.status_code == 404
        assert answer.json() == client.get(f"/api/triggers/{uuid.uuid4()}/").json()
    assert client.post("/api/triggers/", WEBHOOK).status_code == 400


def test_a_trigger_that_reactions_listen_to_stays(project, alice, signed_in):
    trigger = InternalTriggerFactory(project=project)
    ReactionFactory(project=project, action=ActionFactory(project=project), triggers=[trigger], name="Tell them")
    answer = signed_in(alice).delete(f"/api/triggers/{trigger.pk}/")
    assert answer.status_code == 409
    assert "Tell them" in answer.json()["detail"]
    assert Trigger.objects.exists()


def test_triggers_are_filtered_and_listed_at_one_cost(project, alice, client_for, django_assert_max_num_queries):
    for _ in range(5):
        WebhookFactory(project=project)
    InternalTriggerFactory(project=project)
    client = client_for(alice)
    client.get("/api/triggers/")
    with django_assert_max_num_queries(2):
        assert len(client.get("/api/triggers/").data["results"]) == 6
    assert len(client.get("/api/triggers/?kind=internal").data["results"]) == 1
    assert len(client.get("/api/triggers/?event_type=DeploymentSucceeded&is_enabled=true").data["results"]) == 1


# Keys.


@pytest.fixture
def keys_url(project):
    return f"/api/triggers/{WebhookFactory(project=project, route='packages').pk}/keys/"


def test_sec_10_a_key_is_shown_once_and_delivers(keys_url, alice, signed_in, client):
    made = signed_in(alice).post(keys_url, {"name": "MyGet"})
    assert made.status_code == 201, made.data
    text = made.data["key"]
    assert client.post("/triggers/packages", {}, "application/json", headers={"X-Api-Key": text}).status_code == 202
    for answer in (signed_in(alice).get(keys_url), signed_in(alice).get(f"{keys_url}{made.data['id']}/")):
        assert answer.status_code == 200
        assert text not in answer.content.decode()
        assert "digest" not in answer.content.decode()
    stored = TriggerKey.objects.values().get()
    assert text not in repr(stored)
    assert text not in repr(list(AuditEntry.objects.values()))
    assert text not in repr(list(Event.objects.values()))


def test_sec_10_deleting_a_key_revokes_it_and_keeps_its_record(keys_url, alice, signed_in, client):
    made = signed_in(alice).post(keys_url, {}).data
    assert signed_in(alice).delete(f"{keys_url}{made['id']}/").status_code == 204
    answer = client.post("/triggers/packages", {}, "application/json", headers={"X-Api-Key": made["key"]})
    assert answer.status_code == 401
    assert signed_in(alice).get(keys_url).data["results"][0]["revoked_at"] is not None
    assert AuditEntry.objects.filter(object_type="triggers.TriggerKey").count() == 2


def test_a_key_may_expire_but_not_in_the_past(keys_url, alice, signed_in):
    later, sooner = (clock.now() + timedelta(days=days) for days in (1, -1))
    assert signed_in(alice).post(keys_url, {"expires_at": later.isoformat()}).status_code == 201
    answer = signed_in(alice).post(keys_url, {"expires_at": sooner.isoformat()})
    assert answer.status_code == 400
    assert "expires_at" in answer.json()["errors"]


def test_an_internal_trigger_has_no_keys(project, alice, signed_in):
    url = f"/api/triggers/{InternalTriggerFactory(project=project).pk}/keys/"
    assert signed_in(alice).get(url).data["results"] == []
    assert signed_in(alice).post(url, {}).status_code == 400


def test_sec_11_whoever_may_change_the_trigger_issues_its_keys(keys_url, project, signed_in):
    for role in ("owner", "author", "editor"):
        bob = signed_in(member(project.team, role))
        made = bob.post(keys_url, {})
        assert made.status_code == 201
        assert bob.delete(f"{keys_url}{made.data['id']}/").status_code == 204
    made = signed_in(member(project.team, "owner")).post(keys_url, {})
    viewer = signed_in(member(project.team, "viewer"))
    assert viewer.post(keys_url, {}).status_code == 403
    assert viewer.delete(f"{keys_url}{made.data['id']}/").status_code == 403
    assert TriggerKey.objects.get(pk=made.data["id"]).revoked_at is None


def test_sec_11_a_trigger_key_is_worth_nothing_elsewhere(keys_url, alice, signed_in, client):
    text = signed_in(alice).post(keys_url, {}).data["key"]
    for header in ({"Authorization": f"Bearer {text}"}, {"X-Octopus-ApiKey": text}):
        assert client.get("/api/triggers/", headers=header).status_code == 401


@pytest.mark.parametrize("scopes", [("read",), ("read", "write", "run")])
def test_sec_12_no_key_lists_makes_or_revokes_trigger_keys(keys_url, alice, signed_in, client_for, scopes):
    made = signed_in(alice).post(keys_url, {}).data
    client = client_for(alice, scopes)
    assert client.get(keys_url).status_code == 403
    assert client.post(keys_url, {}).status_code == 403
    assert client.delete(f"{keys_url}{made['id']}/").status_code == 403
    assert TriggerKey.objects.get().revoked_at is None


def test_sec_02_charlie_knows_of_no_keys(keys_url, alice, charlie, signed_in):
    made = signed_in(alice).post(keys_url, {}).data
    client = signed_in(charlie)
    for answer in (client.get(keys_url), client.post(keys_url, {}), client.delete(f"{keys_url}{made['id']}/")):
        assert answer.status_code == 404


def test_sec_02_a_key_is_found_under_its_own_trigger_only(keys_url, project, alice, signed_in):
    made = signed_in(alice).post(keys_url, {}).data
    other = WebhookFactory(project=project)
    assert signed_in(alice).get(f"/api/triggers/{other.pk}/keys/{made['id']}/").status_code == 404
    assert signed_in(alice).delete(f"/api/triggers/{other.pk}/keys/{made['id']}/").status_code == 404


def test_rights_that_end_end_at_once(keys_url, project, alice, signed_in):
    bob = member(project.team, "editor")
    client = signed_in(bob)
    assert client.get(keys_url).status_code == 200
    grants.leave(operator_caller(), project.team, bob)
    assert client.get(keys_url).status_code == 404
