"""Saving definitions: rights, links, versions, and the pair that is refused by design."""

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction

from accounts import vault
from accounts.callers import caller_for
from accounts.models import Role
from actions.definitions import save_action, save_reaction
from actions.models import Action, ActionVersion, Reaction
from actions.models.reaction import NO_PASSTHROUGH
from tests.factories import (
    ActionFactory,
    InternalTriggerFactory,
    ProjectFactory,
    ReactionFactory,
    WebhookFactory,
    member,
    operator_caller,
)

pytestmark = pytest.mark.django_db
SCRIPT = {"language": "python", "source": "print(1)"}


def test_every_change_of_what_an_action_does_is_the_next_version() -> None:
    action = ActionFactory()
    action.config = {**action.config, "url": "https://other.example.com/"}
    save_action(operator_caller(), action)
    action.name = "Another name"
    save_action(operator_caller(), action)
    assert action.version == 2
    urls = [version.config["url"] for version in ActionVersion.objects.filter(action=action).order_by("version")]
    assert urls == ["https://monitor.example.com/deployments", "https://other.example.com/"]


def test_only_an_author_makes_a_script_and_an_editor_makes_a_request() -> None:
    project = ProjectFactory()
    for role, may_script, may_http in (
        (Role.OWNER, False, True),
        (Role.AUTHOR, True, True),
        (Role.EDITOR, False, True),
        (Role.VIEWER, False, False),
    ):
        caller = caller_for(member(project.team, role))
        for kind, config, allowed in (
            ("script", SCRIPT, may_script),
            ("http", {"method": "POST", "url": "https://monitor.example.com/"}, may_http),
        ):
            action = Action(project=project, name=f"{role} {kind}", kind=kind, config=config)
            if allowed:
                save_action(caller, action)
            else:
                with pytest.raises(PermissionDenied, match="may not create"):
                    save_action(caller, action)


def test_the_kind_of_an_action_never_changes() -> None:
    action = ActionFactory()
    action.kind, action.config = "script", SCRIPT
    with pytest.raises(ValidationError, match="cannot change"):
        save_action(operator_caller(), action)


def test_sec_07_changing_an_action_with_a_bound_secret_needs_the_right_to_bind_it() -> None:
    project = ProjectFactory()
    secret = vault.store(operator_caller(), project, "token", "a secret value")
    action = ActionFactory(project=project)
    save_action(operator_caller(), action, bindings={"Token": secret})
    other = ProjectFactory()
    foreign = vault.store(operator_caller(), other, "theirs", "another value")
    editor = caller_for(member(project.team, Role.EDITOR))
    with pytest.raises(ValidationError, match="no secret"):
        save_action(editor, action, bindings={"Token": foreign})
    action.config = {**action.config, "url": "https://elsewhere.example.com/"}
    save_action(editor, action)
    assert action.version == 2


def test_sec_35_a_webhook_joined_to_an_outgoing_request_is_refused_when_saved() -> None:
    webhook = WebhookFactory()
    http = ActionFactory(project=webhook.project)
    with pytest.raises(ValidationError) as refusal:
        save_reaction(operator_caller(), Reaction(project=webhook.project, name="broker", action=http), [webhook])
    assert NO_PASSTHROUGH in refusal.value.messages
    assert not Reaction.objects.filter(name="broker").exists()


def test_sec_35_the_model_refuses_every_way_round() -> None:
    webhook = WebhookFactory()
    http = ActionFactory(project=webhook.project)
    internal = ReactionFactory(action=http)
    with pytest.raises(ValidationError, match="not a broker"), transaction.atomic():
        internal.triggers.add(webhook)
    with pytest.raises(ValidationError, match="not a broker"), transaction.atomic():
        internal.triggers.set([webhook])
    assert not internal.triggers.filter(kind="webhook").exists()
    scripted = ReactionFactory(action=ActionFactory(project=webhook.project, python=True), triggers=[webhook])
    scripted.action = http
    with pytest.raises(ValidationError, match="not a broker"):
        scripted.save()
    with pytest.raises(ValidationError, match="not a broker"):
        scripted.full_clean()
    with pytest.raises(ValidationError, match="not a broker"):
        save_reaction(operator_caller(), scripted)


def test_a_reaction_may_change_from_a_webhook_with_a_script_to_an_event_with_a_request_at_once() -> None:
    webhook = WebhookFactory()
    reaction = ReactionFactory(action=ActionFactory(project=webhook.project, python=True), triggers=[webhook])
    reaction.action = ActionFactory(project=webhook.project)
    event = InternalTriggerFactory(project=webhook.project)
    save_reaction(operator_caller(), reaction, [event])
    assert list(reaction.triggers.all()) == [event]
    assert reaction.version == 2


def test_a_reaction_needs_a_trigger_and_not_two_kinds_of_them() -> None:
    webhook = WebhookFactory()
    script = ActionFactory(project=webhook.project, python=True)
    for triggers, words in (
        ([], "needs a trigger"),
        ([webhook, InternalTriggerFactory(project=webhook.project)], "not to both"),
        ([WebhookFactory()], "another project"),
    ):
        with pytest.raises(ValidationError, match=words):
            save_reaction(operator_caller(), Reaction(project=webhook.project, name="r", action=script), triggers)


def test_sec_03_an_action_of_another_project_is_refused() -> None:
    mine = ProjectFactory()
    with pytest.raises(ValidationError, match="another project"):
        save_reaction(
            operator_caller(),
            Reaction(project=mine, name="r", action=ActionFactory()),
            [InternalTriggerFactory(project=mine)],
        )


def test_a_condition_that_cannot_be_read_is_refused_when_saved() -> None:
    with pytest.raises(ValidationError, match="nonsense"):
        ReactionFactory(conditions=[{"field": "environment", "operator": "nonsense"}])


def test_powershell_is_refused_in_words_where_no_worker_has_it(settings: object) -> None:
    settings.REACTIONS_PWSH = "/nowhere/pwsh"  # type: ignore[attr-defined]
    with pytest.raises(ValidationError, match="pwsh"):
        ActionFactory(kind="script", config={"language": "powershell", "source": "Write-Host 1"})
