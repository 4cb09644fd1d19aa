"""/api/secrets/ and /api/audit/."""

import pytest

from accounts import vault
from accounts.callers import caller_for
from accounts.models import AuditEntry, Secret
from actions.definitions import save_action
from actions.models import Action
from tests.factories import ActionFactory, ProjectFactory, member, operator_caller

pytestmark = pytest.mark.django_db
VALUE = "  correct horse\nbattery staple "


def body(project, **more):
    return {"project": str(project.pk), "name": "token", "value": VALUE} | more


def test_sec_21_alice_stores_a_value_that_nobody_gets_back(project, alice, signed_in):
    client = signed_in(alice)
    made = client.post("/api/secrets/", body(project, allowed_hosts=["api.example.com"]))
    assert made.status_code == 201, made.data
    assert "value" not in made.data
    assert "ciphertext" not in made.data
    assert vault.reveal(Secret.objects.get()) == VALUE
    for url in ("/api/secrets/", f"/api/secrets/{made.data['id']}/", "/api/audit/"):
        assert b"battery" not in client.get(url).content


def test_a_value_and_its_hosts_are_changed_apart(project, alice, signed_in):
    client = signed_in(alice)
    url = f"/api/secrets/{client.post('/api/secrets/', body(project)).data['id']}/"
    assert client.patch(url, {"allowed_hosts": ["api.example.com"]}).data["allowed_hosts"] == ["api.example.com"]
    assert vault.reveal(Secret.objects.get()) == VALUE
    assert client.patch(url, {"value": "new"}).data["allowed_hosts"] == ["api.example.com"]
    assert vault.reveal(Secret.objects.get()) == "new"


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"value": ""}, "value"),
        ({"value": "x" * 70_000}, "value"),
        ({"name": ""}, "name"),
        ({"allowed_hosts": ["https://example.com"]}, "allowed_hosts"),
        ({"allowed_hosts": "example.com"}, "allowed_hosts"),
    ],
)
def test_what_is_no_secret_is_refused(project, alice, signed_in, more, field):
    answer = signed_in(alice).post("/api/secrets/", body(project, **more))
    assert answer.status_code == 400
    assert field in answer.json()["errors"]
    assert not Secret.objects.exists()


def test_sec_31_a_nul_in_a_value_is_refused(project, alice, signed_in):
    assert signed_in(alice).post("/api/secrets/", body(project, value="a\x00b")).status_code == 400


def test_a_name_that_is_taken_does_not_replace_the_value(project, alice, signed_in):
    client = signed_in(alice)
    client.post("/api/secrets/", body(project))
    answer = client.post("/api/secrets/", body(project, value="other"))
    assert answer.status_code == 400
    assert vault.reveal(Secret.objects.get()) == VALUE


@pytest.mark.parametrize("role", ["author", "editor", "viewer"])
def test_bob_knows_of_secrets_and_changes_none(project, signed_in, role):
    secret = vault.store(operator_caller(), project, "token", VALUE)
    client, url = signed_in(member(project.team, role, "bob")), f"/api/secrets/{secret.pk}/"
    assert client.get(url).data["name"] == "token"
    assert client.patch(url, {"value": "mine"}).status_code == 403
    assert client.patch(url, {"allowed_hosts": []}).status_code == 403
    assert client.delete(url).status_code == 403
    assert client.post("/api/secrets/", body(project, name="other")).status_code == 403


def test_sec_12_a_key_knows_of_secrets_and_changes_none(project, alice, client_for):
    secret = vault.store(operator_caller(), project, "token", VALUE)
    client = client_for(alice)
    assert client.get(f"/api/secrets/{secret.pk}/").status_code == 200
    assert client.patch(f"/api/secrets/{secret.pk}/", {"value": "mine"}).status_code == 403


def test_sec_03_a_secret_stays_where_it_is(project, alice, signed_in):
    secret = vault.store(operator_caller(), project, "token", VALUE)
    other = ProjectFactory(team=project.team)
    client, url = signed_in(alice), f"/api/secrets/{secret.pk}/"
    assert client.patch(url, {"project": str(other.pk)}).status_code == 400
    assert client.patch(url, {"name": "other"}).status_code == 400


def test_a_bound_secret_stays_and_says_where(project, alice, signed_in):
    secret = vault.store(operator_caller(), project, "token", VALUE)
    action = ActionFactory(project=project)
    save_action(operator_caller(), Action.objects.get(pk=action.pk), {"A": secret})
    answer = signed_in(alice).delete(f"/api/secrets/{secret.pk}/")
    assert answer.status_code == 409
    assert "in use by" in answer.json()["detail"]
    unbound = vault.store(caller_for(alice), project, "other", VALUE)
    assert signed_in(alice).delete(f"/api/secrets/{unbound.pk}/").status_code == 204


def test_sec_02_charlie_sees_no_secret(project, charlie, signed_in):
    secret = vault.store(operator_caller(), project, "token", VALUE)
    assert signed_in(charlie).get(f"/api/secrets/{secret.pk}/").status_code == 404
    assert signed_in(charlie).get("/api/secrets/").data["results"] == []


def test_sec_80_owners_read_the_audit_log_and_nobody_writes_it(project, alice, charlie, signed_in, client_for):
    client = signed_in(alice)
    client.post("/api/secrets/", body(project))
    (shown,) = client.get("/api/audit/?object_type=accounts.Secret").data["results"]
    assert (shown["actor_label"], shown["verb"], shown["changes"]) == ("alice", "create", {"value": "changed"})
    url = f"/api/audit/{shown['id']}/"
    assert client.get(url).status_code == 200
    for method in ("put", "patch", "delete"):
        assert getattr(client, method)(url, {}).status_code == 405
    assert signed_in(member(project.team, "editor", "bob")).get(url).status_code == 404
    assert signed_in(charlie).get(url).status_code == 404
    assert client_for(alice).get(url).status_code == 404


def test_sec_80_operators_read_all_of_it(project, signed_in):
    shown = signed_in(operator_caller().user).get("/api/audit/").data["results"]
    assert len(shown) == AuditEntry.objects.count()
