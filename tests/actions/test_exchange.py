"""Definitions out and in again: the same checks as everywhere, all or nothing."""

import copy
import json
from io import StringIO
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.management import CommandError, call_command

from accounts import vault
from accounts.callers import caller_for
from accounts.models import Role
from actions.definitions import save_action
from actions.exchange import export_definitions, import_definitions
from actions.models import Action, Reaction
from actions.models.reaction import NO_PASSTHROUGH
from tests.factories import ActionFactory, ProjectFactory, ReactionFactory, WebhookFactory, member, operator_caller
from triggers.models import Trigger

pytestmark = pytest.mark.django_db


@pytest.fixture
def document() -> dict[str, Any]:
    """A project's definitions: a webhook with a script, an event with a request that uses a secret."""
    webhook = WebhookFactory(route="from-elsewhere")
    project = webhook.project
    ReactionFactory(action=ActionFactory(project=project, python=True), triggers=[webhook])
    http = ActionFactory(project=project)
    save_action(operator_caller(), http, bindings={"Key": vault.store(operator_caller(), project, "key", "a value")})
    ReactionFactory(action=http, conditions=[{"field": "environment", "operator": "is", "value": "Production"}])
    exported = export_definitions(operator_caller(), project)
    assert "a value" not in json.dumps(exported)
    # Routes are unique on a server.
    exported["triggers"] = [
        {**one, "route": "here"} if one["kind"] == "webhook" else one for one in exported["triggers"]
    ]
    return exported


def test_what_was_exported_is_imported_and_a_second_time_changes_nothing(document: dict[str, Any]) -> None:
    project = ProjectFactory()
    vault.store(operator_caller(), project, "key", "another value")
    for _ in range(2):
        assert import_definitions(operator_caller(), project, document) == {"triggers": 2, "actions": 2, "reactions": 2}
    again = export_definitions(operator_caller(), project)
    assert again == document
    assert Action.objects.filter(project=project, version=1).count() == 2


def test_sec_35_an_imported_webhook_with_an_outgoing_request_is_refused_and_nothing_is_taken(
    document: dict[str, Any],
) -> None:
    broker = copy.deepcopy(document)
    http = next(action["name"] for action in broker["actions"] if action["kind"] == "http")
    webhook = next(trigger["name"] for trigger in broker["triggers"] if trigger["kind"] == "webhook")
    broker["reactions"].append({"name": "broker", "triggers": [webhook], "action": http})
    project = ProjectFactory()
    vault.store(operator_caller(), project, "key", "another value")
    with pytest.raises(ValidationError) as refusal:
        import_definitions(operator_caller(), project, broker)
    assert refusal.value.messages == [f"Reaction broker: {NO_PASSTHROUGH}"]
    assert not Reaction.objects.filter(project=project).exists()
    assert not Trigger.objects.filter(project=project).exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": 2}, "not an export"),
        ({"more": []}, "unknown parts: more"),
        ({"actions": {}}, "must be a list"),
        ({"actions": [{"kind": "http"}]}, "has no name"),
        ({"actions": [{"name": "a", "kind": "http"}]}, "Action a lacks or misuses 'config'"),
        ({"actions": [], "reactions": [{"name": "r", "action": "gone", "triggers": []}]}, "no action 'gone'"),
        ({"triggers": [{"name": "t"}]}, "Trigger t lacks"),
    ],
)
def test_a_document_that_is_wrong_is_refused_and_names_the_entry(
    document: dict[str, Any], change: dict[str, Any], words: str
) -> None:
    project = ProjectFactory()
    with pytest.raises(ValidationError, match=words):
        import_definitions(operator_caller(), project, {**document, **change})


def test_sec_06_an_editor_imports_no_script(document: dict[str, Any]) -> None:
    project = ProjectFactory()
    vault.store(operator_caller(), project, "key", "another value")
    with pytest.raises(PermissionDenied):
        import_definitions(caller_for(member(project.team, Role.EDITOR)), project, document)
    assert not Action.objects.filter(project=project).exists()


def test_the_api_and_the_command_go_the_same_way(document: dict[str, Any], client_for: Any, tmp_path: Any) -> None:
    project = ProjectFactory()
    owner = member(project.team, Role.OWNER, "olga")
    client = client_for(owner)
    shown = client.get(f"/api/projects/{project.pk}/definitions/")
    assert shown.json() == {"version": 1, "triggers": [], "actions": [], "reactions": []}
    refused = client.post(f"/api/projects/{project.pk}/definitions/", {"version": 7}, format="json")
    assert refused.status_code == 400
    assert client_for(member(ProjectFactory().team, Role.OWNER)).get(shown.request["PATH_INFO"]).status_code == 404
    file = tmp_path / "document.json"
    file.write_text(json.dumps({"version": 1, "triggers": document["triggers"]}))
    output = StringIO()
    call_command("definitions", "import", project.slug, str(file), "--as", "olga", stdout=output)
    assert "2 triggers" in output.getvalue()
    call_command("definitions", "export", project.slug, "--as", "olga", stdout=output)
    assert "from-elsewhere" not in output.getvalue()
    with pytest.raises(CommandError, match="no enabled user"):
        call_command("definitions", "export", project.slug, "--as", "nobody")
