"""The admin as an operator uses it: every page opens, history is read-only, buttons call the product's functions."""

from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from accounts.models import AuditEntry, Membership, Role, User
from actions import pausing
from actions.engine.matching import match_due
from actions.models import Action, Pause, Reaction, Run
from actions.models.reaction import NO_PASSTHROUGH
from reactions_project import clock
from tests.factories import (
    ActionFactory,
    InternalTriggerFactory,
    ProjectFactory,
    ReactionFactory,
    UserFactory,
    WebhookFactory,
    member,
    operator_caller,
)
from triggers.ledger import EventData, record
from triggers.models import Trigger

pytestmark = pytest.mark.django_db
OURS = [model for app in ("accounts", "triggers", "actions") for model in apps.get_app_config(app).get_models()]


@pytest.fixture
def operator() -> Client:
    client = Client()
    client.force_login(operator_caller().user)
    return client


def a_run() -> Run:
    reaction = ReactionFactory()
    trigger = reaction.triggers.get()
    record(EventData(type=trigger.event_type, source="catalog", project=reaction.project, payload={}))
    match_due()
    return Run.objects.latest("pk")


def address(model: Any, page: str, *args: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def test_every_model_is_registered_with_columns_and_search() -> None:
    for model in OURS:
        registered = admin.site._registry.get(model)
        assert registered is not None, f"{model.__name__} is not in the admin"
        assert registered.list_display != ("__str__",), f"{model.__name__} has no columns"


def test_every_list_and_every_add_page_opens(operator: Client) -> None:
    a_run()
    for model, registered in admin.site._registry.items():
        assert operator.get(address(model, "changelist") + "?q=x").status_code == 200, model
        expected = 200 if registered.has_add_permission(_request(operator_caller().user)) else 403
        assert operator.get(address(model, "add")).status_code == expected, model


def _request(user: User) -> Any:
    class Request:
        pass

    request = Request()
    request.user = user  # type: ignore[attr-defined]
    return request


def test_only_operators_enter(client: Client) -> None:
    owner = member(ProjectFactory().team, Role.OWNER)
    for user in (owner, UserFactory()):
        client.force_login(user)
        assert client.get(reverse("admin:index")).status_code in {302, 403}
    staff = UserFactory(is_staff=True)
    client.force_login(staff)
    assert client.get(address(Run, "changelist")).status_code == 200


def test_sec_08_the_queues_inside_is_not_there(operator: Client) -> None:
    assert not [model for model in admin.site._registry if model._meta.app_label == "django_q"]
    assert operator.get("/admin/django_q/schedule/").status_code == 404


def test_run_history_is_read_only_and_shows_its_attempts(operator: Client) -> None:
    run = a_run()
    page = operator.get(address(Run, "change", run.pk))
    assert page.status_code == 200
    assert 'name="_save"' not in page.content.decode()
    assert operator.post(address(Run, "change", run.pk), {"status": "succeeded"}).status_code == 403
    assert operator.post(address(Run, "delete", run.pk), {"post": "yes"}).status_code == 403
    assert operator.get(address(Run, "add")).status_code == 403


def act(operator: Client, name: str, *runs: Run) -> str:
    answer = operator.post(
        address(Run, "changelist"), {"action": name, "_selected_action": [run.pk for run in runs]}, follow=True
    )
    assert answer.status_code == 200
    return " ".join(str(message) for message in answer.context["messages"])


def test_cancel_retry_and_replay_are_buttons_on_the_products_functions(operator: Client) -> None:
    run = a_run()
    assert "1 runs cancelled" in act(operator, "cancel", run)
    run.refresh_from_db()
    assert run.status == "cancelled"
    assert "nothing to cancel" in act(operator, "cancel", run)
    assert "1 runs queued again" in act(operator, "retry", run)
    Run.objects.filter(pk=run.pk).update(status="succeeded", finished_at=clock.now())
    assert "only a failed" in act(operator, "retry", run)
    assert "1 runs replayed" in act(operator, "replay", run)
    assert list(Run.objects.order_by("sequence").values_list("sequence", flat=True)) == [1, 2, 3]
    assert AuditEntry.objects.filter(verb__in=["cancel", "retry", "replay"]).count() == 3


def test_sec_35_a_webhook_with_an_outgoing_request_is_refused_at_the_form(operator: Client) -> None:
    webhook = WebhookFactory()
    http = ActionFactory(project=webhook.project)
    form = {
        "project": webhook.project_id,
        "name": "broker",
        "conditions": "[]",
        "action": http.pk,
        "triggers": [webhook.pk],
        "once_seconds": 60,
    }
    answer = operator.post(address(Reaction, "add"), form)
    assert answer.status_code == 200
    assert NO_PASSTHROUGH in answer.content.decode().replace("&#x27;", "'")
    assert not Reaction.objects.exists()
    event = InternalTriggerFactory(project=webhook.project)
    assert operator.post(address(Reaction, "add"), {**form, "triggers": [event.pk]}).status_code == 302
    reaction = Reaction.objects.get()
    answer = operator.post(address(Reaction, "change", reaction.pk), {**form, "triggers": [webhook.pk]})
    assert answer.status_code == 200
    assert list(reaction.triggers.all()) == [event]


def test_what_an_action_lacks_stands_at_the_form_and_nothing_is_saved(operator: Client) -> None:
    project = ProjectFactory()
    form = {
        "project": project.pk,
        "name": "a",
        "kind": "http",
        "config": '{"url": "ftp://x"}',
        "timeout_seconds": 30,
        "max_attempts": 3,
    }
    answer = operator.post(address(Action, "add"), form)
    assert answer.status_code == 200
    assert "begins with https://" in answer.content.decode()
    good = {**form, "config": '{"method": "GET", "url": "https://example.com/"}', "is_enabled": "on"}
    assert operator.post(address(Action, "add"), good).status_code == 302
    action = Action.objects.get()
    assert action.versions.count() == 1
    operator.post(
        address(Action, "change", action.pk), {**good, "config": '{"method": "PUT", "url": "https://example.com/"}'}
    )
    action.refresh_from_db()
    assert (action.version, action.versions.count()) == (2, 2)


def test_sec_21_a_secrets_value_goes_in_and_never_comes_out(operator: Client) -> None:
    from accounts.models import Secret

    project = ProjectFactory()
    form = {"project": project.pk, "name": "token", "value": "sesame-4711", "allowed_hosts": "[]"}
    assert operator.post(address(Secret, "add"), form).status_code == 302
    secret = Secret.objects.get()
    page = operator.get(address(Secret, "change", secret.pk)).content.decode()
    assert "sesame" not in page
    assert secret.ciphertext not in page


def test_sec_06_a_membership_made_here_puts_the_person_into_the_teams_group(operator: Client) -> None:
    project = ProjectFactory()
    person = UserFactory()
    form = {"team": project.team_id, "user": person.pk, "role": Role.EDITOR}
    assert operator.post(address(Membership, "add"), form).status_code == 302
    assert person.groups.filter(team_role__team=project.team, team_role__role=Role.EDITOR).exists()


def test_switching_triggers_here_is_kept_in_the_audit_log(operator: Client) -> None:
    triggers = [WebhookFactory(), InternalTriggerFactory()]
    for name, on in (("disable", False), ("enable", True)):
        answer = operator.post(
            address(Trigger, "changelist"),
            {"action": name, "_selected_action": [trigger.pk for trigger in triggers]},
            follow=True,
        )
        assert f"2 triggers {name}d." in " ".join(str(message) for message in answer.context["messages"])
        for trigger in triggers:
            trigger.refresh_from_db()
            assert trigger.is_enabled is on
            entry = AuditEntry.objects.filter(object_id=str(trigger.pk), verb="change").latest("pk")
            assert entry.changes == {"is_enabled": [not on, on]}


def test_a_trigger_that_cannot_be_saved_is_named_and_the_others_are_switched(operator: Client) -> None:
    good, bad = WebhookFactory(), InternalTriggerFactory()
    Trigger.objects.filter(pk=bad.pk).update(event_type="GoneSince")
    answer = operator.post(
        address(Trigger, "changelist"), {"action": "disable", "_selected_action": [good.pk, bad.pk]}, follow=True
    )
    said = " ".join(str(message) for message in answer.context["messages"])
    assert "There is no event type GoneSince" in said
    assert "1 triggers disabled." in said
    good.refresh_from_db()
    bad.refresh_from_db()
    assert (good.is_enabled, bad.is_enabled) == (False, True)


def test_the_page_of_a_pause_says_what_resuming_lets_go_and_what_stays_held(operator: Client) -> None:
    kept, goes = a_run(), a_run()
    pausing.pause(operator_caller(), reason="Goes on.", reaction=kept.reaction)
    everything = pausing.pause(operator_caller(), reason="Ends soon.")
    page = operator.get(address(Pause, "change", everything.pk)).content.decode()
    assert f"1 runs, the oldest of {goes.created_at:%Y-%m-%d %H:%M} UTC; another pause goes on to hold 1." in page
    assert operator.get(address(Pause, "add")).status_code == 200
