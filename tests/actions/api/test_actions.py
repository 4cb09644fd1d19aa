"""/api/actions/: what to do, with secrets by reference."""

import pytest

from accounts import vault
from accounts.callers import caller_for
from actions.definitions import save_action
from actions.models import Action
from tests.accounts.world import ledger_of
from tests.factories import ActionFactory, ProjectFactory, ReactionFactory, member, operator_caller

pytestmark = pytest.mark.django_db
HTTP = {"method": "POST", "url": "https://monitor.example.com/deployments", "body": {"kind": "text", "text": ""}}
SCRIPT = {"language": "python", "source": "print('hello')"}


def body(project, **more):
    return {"project": str(project.pk), "name": "Notify", "kind": "http", "config": HTTP} | more


def test_bob_as_editor_makes_an_http_action(project, client_for):
    answer = client_for(member(project.team, "editor", "bob")).post("/api/actions/", body(project))
    assert answer.status_code == 201, answer.data
    assert (answer.data["version"], answer.data["sends_http"], answer.data["secrets"]) == (1, True, {})


@pytest.mark.parametrize(("role", "expected"), [("owner", 403), ("author", 201), ("editor", 403), ("viewer", 403)])
def test_sec_06_only_authors_write_scripts(project, signed_in, role, expected):
    client = signed_in(member(project.team, role, "bob"))
    answer = client.post("/api/actions/", body(project, kind="script", config=SCRIPT))
    assert answer.status_code == expected, answer.data


def test_sec_06_no_key_writes_a_script(project, client_for):
    answer = client_for(member(project.team, "author", "bob")).post(
        "/api/actions/", body(project, kind="script", config=SCRIPT)
    )
    assert answer.status_code == 403


def test_sec_02_charlie_cannot_make_an_action_in_alices_project(project, charlie, client_for):
    answer = client_for(charlie).post("/api/actions/", body(project))
    assert answer.status_code == 400
    assert answer.json()["errors"]["project"] == [f"There is no project {project.pk} here that you may use."]


def test_a_changed_configuration_is_the_next_version_and_the_former_is_kept(project, alice, client_for):
    action = ActionFactory(project=project)
    answer = client_for(alice).patch(
        f"/api/actions/{action.pk}/", {"config": {**HTTP, "url": "https://monitor.example.com/other"}}
    )
    assert answer.status_code == 200, answer.data
    assert answer.data["version"] == 2
    assert [version.version for version in action.versions.all()] == [2, 1]


def test_sec_44_the_waits_between_tries_belong_to_the_action_and_to_its_version(project, alice, client_for):
    answer = client_for(alice).post("/api/actions/", body(project, retry_waits=[1, 5.5, 60]))
    assert answer.status_code == 201, answer.data
    assert answer.data["retry_waits"] == [1, 5.5, 60]
    action = Action.objects.get()
    client_for(alice).patch(f"/api/actions/{action.pk}/", {"retry_waits": []})
    assert [version.retry_waits for version in action.versions.all()] == [[], [1, 5.5, 60]]


def test_a_wait_of_nothing_is_refused_at_its_field(project, alice, client_for):
    answer = client_for(alice).post("/api/actions/", body(project, retry_waits=[0]))
    assert answer.status_code == 400
    assert "write 1 to 86400 seconds" in answer.json()["errors"]["retry_waits"][0]


def test_the_kind_of_an_action_never_changes(project, alice, client_for):
    action = ActionFactory(project=project)
    answer = client_for(alice).patch(f"/api/actions/{action.pk}/", {"kind": "script", "config": SCRIPT})
    assert answer.status_code in (400, 403)
    assert Action.objects.get().kind == "http"


@pytest.mark.parametrize("config", [{}, [], "text", {"url": ""}, None])
def test_a_configuration_that_cannot_work_is_refused(project, alice, client_for, config):
    answer = client_for(alice).post("/api/actions/", body(project, config=config))
    assert answer.status_code == 400
    assert "config" in answer.json()["errors"]


def test_an_unknown_kind_is_refused(project, alice, client_for):
    answer = client_for(alice).post("/api/actions/", body(project, kind="telepathy"))
    assert answer.status_code == 400
    assert "kind" in answer.json()["errors"]


# Secrets


@pytest.fixture
def secret(project):
    return vault.store(operator_caller(), project, "monitor-token", "correct horse battery staple")


def test_sec_21_a_secret_is_bound_by_reference_and_its_value_never_shown(project, alice, signed_in, secret):
    client = signed_in(alice)
    answer = client.post("/api/actions/", body(project, secrets={"Monitor.Token": str(secret.pk)}))
    assert answer.status_code == 201, answer.data
    assert answer.data["secrets"] == {"Monitor.Token": str(secret.pk)}
    assert b"battery" not in client.get("/api/actions/").content


def test_bindings_are_replaced_or_left_alone(project, alice, signed_in, secret):
    client = signed_in(alice)
    path = client.post("/api/actions/", body(project, secrets={"A": str(secret.pk)})).data["id"]
    assert client.patch(f"/api/actions/{path}/", {"name": "Other"}).data["secrets"] == {"A": str(secret.pk)}
    assert client.patch(f"/api/actions/{path}/", {"secrets": {"B": str(secret.pk)}}).data["secrets"] == {
        "B": str(secret.pk)
    }
    assert client.patch(f"/api/actions/{path}/", {"secrets": {}}).data["secrets"] == {}


def test_sec_07_a_key_binds_no_secret(project, alice, client_for, secret):
    answer = client_for(alice).post("/api/actions/", body(project, secrets={"A": str(secret.pk)}))
    assert answer.status_code == 400
    assert "secrets" in str(answer.json()["errors"])
    assert not Action.objects.exists()


def test_sec_07_who_may_not_bind_a_secret_may_not_change_an_action_that_holds_one(project, alice, client_for, secret):
    action = save_action(
        operator_caller(), Action(project=project, name="Notify", kind="http", config=HTTP), {"A": secret}
    )
    answer = client_for(alice).patch(
        f"/api/actions/{action.pk}/", {"config": {**HTTP, "url": "https://evil.example.com/"}}
    )
    assert answer.status_code == 400
    action.refresh_from_db()
    assert action.config == HTTP


def test_sec_03_a_secret_of_another_project_is_told_like_one_that_does_not_exist(project, alice, signed_in):
    foreign = vault.store(operator_caller(), ProjectFactory(), "other", "value")
    missing = "11111111-1111-4111-8111-111111111111"
    answers = [
        signed_in(alice).post("/api/actions/", body(project, secrets={"A": pk})).content.decode()
        for pk in (str(foreign.pk), missing)
    ]
    assert answers[0].replace(str(foreign.pk), missing) == answers[1]


def test_sec_03_a_secret_of_another_project_of_the_same_team_is_refused(project, alice, signed_in):
    other = ProjectFactory(team=project.team)
    secret = vault.store(caller_for(alice), other, "other", "value")
    answer = signed_in(alice).post("/api/actions/", body(project, secrets={"A": str(secret.pk)}))
    assert answer.status_code == 400
    assert not Action.objects.exists()


# Reading and deleting


def test_an_action_in_use_stays_and_says_by_what(project, alice, signed_in):
    reaction = ReactionFactory(action=ActionFactory(project=project), name="Tell them")
    answer = signed_in(alice).delete(f"/api/actions/{reaction.action.pk}/")
    assert answer.status_code == 409
    assert "in use by reaction Tell them" in answer.json()["detail"]


def test_an_action_that_ran_is_kept_with_its_history(project, alice, signed_in):
    action = ledger_of(project).run.action_version.action
    action.reactions.all().delete()
    answer = signed_in(alice).delete(f"/api/actions/{action.pk}/")
    assert answer.status_code == 409
    assert "disable this instead" in answer.json()["detail"]


def test_an_unused_action_is_deleted(project, alice, signed_in):
    action = ActionFactory(project=project)
    assert signed_in(alice).delete(f"/api/actions/{action.pk}/").status_code == 204


def test_bob_as_editor_reads_scripts_and_does_not_delete_them(project, signed_in):
    action = ActionFactory(project=project, python=True)
    client = signed_in(member(project.team, "editor", "bob"))
    assert client.get(f"/api/actions/{action.pk}/").data["config"]["source"] == "print('hello')"
    assert client.delete(f"/api/actions/{action.pk}/").status_code == 403


def test_a_list_costs_the_same_however_long_it_is(project, alice, client_for, django_assert_max_num_queries):
    for _ in range(10):
        ActionFactory(project=project)
    client = client_for(alice)
    client.get("/api/actions/")
    with django_assert_max_num_queries(3):
        assert len(client.get("/api/actions/?kind=http").data["results"]) == 10


def test_action_kinds_declare_their_fields(alice, client_for):
    client = client_for(alice)
    shown = {kind["name"]: kind for kind in client.get("/api/action-kinds/").data}
    assert shown["http"]["sends_http"] is True
    assert shown["script"]["sends_http"] is False
    assert client.get("/api/action-kinds/http/").data == shown["http"]
    assert client.get("/api/action-kinds/nonsense/").status_code == 404
    assert client_for(None).get("/api/action-kinds/").status_code == 401
