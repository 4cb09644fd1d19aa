"""/api/api-keys/, and what comes of asking with a key."""

from datetime import timedelta

import pytest
from rest_framework.test import APIClient

from accounts import keys
from accounts.models import ApiKey, AuditEntry
from reactions_project import clock
from tests.factories import UserFactory, api_key, member, operator_caller

pytestmark = pytest.mark.django_db
SENT = {"name": "ci", "scopes": ["read", "run"]}


def with_key(text: str, header: str = "HTTP_AUTHORIZATION") -> APIClient:
    client = APIClient()
    client.credentials(**{header: f"Bearer {text}" if header == "HTTP_AUTHORIZATION" else text})
    return client


def test_sec_10_alice_makes_a_key_and_sees_it_once(project, alice, signed_in):
    client = signed_in(alice)
    made = client.post("/api/api-keys/", SENT)
    assert made.status_code == 201, made.data
    assert with_key(made.data["key"]).get("/api/projects/").status_code == 200
    shown = client.get("/api/api-keys/").json()["results"]
    assert [row["prefix"] for row in shown] == [made.data["prefix"]]
    assert made.data["key"] not in str(shown)
    assert "digest" not in shown[0]
    assert AuditEntry.objects.filter(object_type="accounts.ApiKey", verb="create").count() == 1


@pytest.mark.parametrize("header", ["HTTP_AUTHORIZATION", "HTTP_X_OCTOPUS_APIKEY"])
def test_a_key_comes_in_either_header(project, alice, header):
    assert with_key(api_key(alice), header).get(f"/api/projects/{project.pk}/").status_code == 200


@pytest.mark.parametrize("holder", ["owner", "operator"])
def test_sec_12_no_key_lists_makes_or_revokes_keys(project, alice, holder):
    user = alice if holder == "owner" else operator_caller().user
    key, text = keys.issue_api_key(user, "ci", ["read", "write", "run"])
    client = with_key(text)
    assert client.get("/api/api-keys/").status_code == 403
    assert client.get(f"/api/api-keys/{key.pk}/").status_code == 403
    assert client.post("/api/api-keys/", SENT).status_code == 403
    assert client.delete(f"/api/api-keys/{key.pk}/").status_code == 403
    assert ApiKey.objects.count() == 1


def test_sec_12_nobody_sees_anothers_keys_but_an_operator_who_may_revoke_them(project, alice, signed_in):
    key, text = keys.issue_api_key(alice, "ci", ["read"])
    bob = signed_in(member(project.team, "owner", "bob"))
    assert bob.get("/api/api-keys/").data["results"] == []
    assert bob.delete(f"/api/api-keys/{key.pk}/").status_code == 404
    operator = signed_in(operator_caller().user)
    assert [row["user"] for row in operator.get("/api/api-keys/").data["results"]] == ["alice"]
    assert operator.delete(f"/api/api-keys/{key.pk}/").status_code == 204
    assert with_key(text).get("/api/projects/").status_code == 401


def test_sec_10_a_revoked_key_is_dead_at_once_and_stays_in_the_list(alice, signed_in):
    client = signed_in(alice)
    made = client.post("/api/api-keys/", SENT).data
    assert client.delete(f"/api/api-keys/{made['id']}/").status_code == 204
    assert with_key(made["key"]).get("/api/projects/").status_code == 401
    assert client.get(f"/api/api-keys/{made['id']}/").data["revoked_at"] is not None


def test_somebody_without_a_team_makes_no_key(signed_in):
    assert signed_in(UserFactory()).post("/api/api-keys/", SENT).status_code == 403


@pytest.mark.parametrize(
    "sent",
    [
        {"name": "ci", "scopes": []},
        {"name": "ci", "scopes": ["owner"]},
        {"name": "ci", "scopes": "read"},
        {"name": "ci"},
        {"name": "", "scopes": ["read"]},
        {"name": "ci", "scopes": ["read"], "expires_at": "2001-01-01T00:00:00Z"},
    ],
)
def test_a_key_that_makes_no_sense_is_refused(alice, signed_in, sent):
    assert signed_in(alice).post("/api/api-keys/", sent).status_code == 400
    assert not ApiKey.objects.exists()


def test_sec_04_holder_and_dates_are_not_for_callers_to_set(alice, charlie, signed_in):
    sent = {**SENT, "user": "charlie", "prefix": "x", "last_used_at": "2001-01-01T00:00:00Z", "key": "rxk_chosen"}
    made = signed_in(alice).post("/api/api-keys/", sent).data
    assert made["user"] == "alice"
    assert made["key"].startswith(f"rxk_{made['prefix']}_")


# Asking with a key


@pytest.mark.parametrize(
    "text",
    ["", " ", "rxk_", "nonsense", "rxk_0000000000_" + "a" * 43, "\xff\xfe", "rxt_0000000000_" + "a" * 43, "a" * 5000],
)
def test_sec_13_a_wrong_or_malformed_key_is_401_and_never_anonymous(text):
    answer = with_key(text).get("/api/projects/")
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == 'Bearer realm="reactions"'


def test_sec_13_all_wrong_keys_get_the_same_answer(alice):
    key, text = keys.issue_api_key(alice, "ci", ["read"])
    keys.revoke(key)
    expired = keys.issue_api_key(alice, "ci", ["read"], expires_at=clock.now() - timedelta(seconds=1))[1]
    answers = {with_key(one).get("/api/projects/").content for one in (text, expired, "rxk_0000000000_" + "a" * 43)}
    assert len(answers) == 1


def test_sec_14_disabling_a_person_ends_their_keys_and_sessions_at_once(project, alice, signed_in):
    client, session = with_key(api_key(alice)), signed_in(alice)
    assert client.get("/api/projects/").status_code == session.get("/api/projects/").status_code == 200
    alice.is_active = False
    alice.save()
    assert client.get("/api/projects/").status_code == 401
    assert session.get("/api/projects/").status_code == 401


def test_sec_12_a_key_loses_what_its_holder_loses(project, alice):
    from accounts import grants

    member(project.team, "owner")
    client = with_key(api_key(alice))
    assert len(client.get("/api/projects/").data["results"]) == 1
    grants.leave(operator_caller(), project.team, alice)
    assert client.get("/api/projects/").data["results"] == []


def test_sec_11_a_key_in_the_query_string_is_no_key(alice):
    assert APIClient().get(f"/api/projects/?apikey={api_key(alice)}").status_code == 401


def test_sec_71_a_session_needs_its_csrf_token(project, alice):
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(alice, backend="django.contrib.auth.backends.ModelBackend")
    assert client.post("/api/api-keys/", SENT).status_code == 403
    assert not ApiKey.objects.exists()


# The client of a script


def run_token(project):
    from uuid import uuid4

    from accounts.models import RunToken

    token = RunToken(project=project, run=uuid4(), label="reaction Tell them", root=uuid4(), chain=[])
    return token, keys.issue(token, keys.RUN)


def test_sec_53_the_token_of_a_run_reads_its_project_and_no_other(project):
    from tests.factories import ProjectFactory

    other, (_, text) = ProjectFactory(), run_token(project)
    client = with_key(text)
    assert [row["slug"] for row in client.get("/api/projects/").data["results"]] == ["core-web"]
    assert client.get(f"/api/projects/{other.pk}/").status_code == 404


def test_sec_53_the_token_of_a_run_manages_nothing(project):
    client = with_key(run_token(project)[1])
    for path in ("api-keys", "teams", "secrets", "audit", "actions", "connections"):
        answer = client.get(f"/api/{path}/")
        assert answer.status_code == 403 or answer.data["results"] == [], path
    assert client.patch(f"/api/projects/{project.pk}/", {"name": "Mine"}).status_code == 403


def test_sec_53_the_token_is_dead_when_the_run_ends(project):
    token, text = run_token(project)
    keys.revoke_run_tokens(token.run)
    assert with_key(text).get("/api/projects/").status_code == 401
