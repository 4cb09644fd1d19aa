"""Deciding: every considered reaction leaves a Decision that says why."""

import uuid
from typing import Any

import pytest

from accounts.models import Team
from actions.dispatch import match_events
from actions.models import Decision, Reaction, Run, Verdict
from actions.models.reaction import NO_PASSTHROUGH
from reactions_project import clock
from tests.factories import (
    ActionFactory,
    EnvironmentFactory,
    InternalTriggerFactory,
    ProjectFactory,
    ReactionFactory,
    ReleaseFactory,
    WebhookFactory,
    operator_caller,
)
from triggers.catalog.deployments import create_deployment, move
from triggers.catalog.machines import register_machine
from triggers.ledger import EventData, record
from triggers.models import Event, Trigger

pytestmark = pytest.mark.django_db


def decide_all() -> dict[str, Decision]:
    """Match what is unmatched; the newest decision per reaction name."""
    match_events(list(Event.objects.filter(matched_at=None).order_by("pk")))
    return {decision.reaction_name: decision for decision in Decision.objects.order_by("pk")}


def webhook_event(trigger: Trigger, payload: Any = None, **more: Any) -> Event:
    return record(
        EventData(
            type="WebhookReceived", source="webhook", project=trigger.project, trigger=trigger, payload=payload, **more
        )
    ).event


def test_a_passing_filter_fires_and_queues_one_run() -> None:
    reaction = ReactionFactory(conditions=[{"field": "environment", "operator": "is", "value": "Production"}])
    deployment = create_deployment(
        operator_caller(),
        ReleaseFactory(project=reaction.project),
        EnvironmentFactory(name="Production", slug="production"),
    )
    move(operator_caller(), deployment, "start")
    move(operator_caller(), deployment, "succeed")
    decision = decide_all()[reaction.name]
    assert decision.verdict == Verdict.FIRED
    run = Run.objects.get()
    assert decision.run == run
    assert (run.status, run.executor, run.target_key) == ("queued", "http", "monitor.example.com:443")
    assert run.action_version.version == reaction.action.version


def test_a_failing_filter_says_what_it_wanted_and_what_it_got() -> None:
    reaction = ReactionFactory(conditions=[{"field": "environment", "operator": "is", "value": "Production"}])
    deployment = create_deployment(
        operator_caller(), ReleaseFactory(project=reaction.project), EnvironmentFactory(name="Staging", slug="staging")
    )
    move(operator_caller(), deployment, "start")
    move(operator_caller(), deployment, "succeed")
    decision = decide_all()[reaction.name]
    assert decision.verdict == Verdict.FILTERED
    assert "Staging" in decision.reason
    assert "Production" in decision.reason
    assert not Run.objects.exists()


def test_disabled_reaction_trigger_action_and_team_each_say_so() -> None:
    webhook = WebhookFactory()
    action = ActionFactory(project=webhook.project, python=True)
    reaction = ReactionFactory(action=action, triggers=[webhook])
    switches = [
        (Reaction.objects.filter(pk=reaction.pk), "reaction is disabled"),
        (Trigger.objects.filter(pk=webhook.pk), "trigger"),
        (type(action).objects.filter(pk=action.pk), "action"),
        (Team.objects.filter(pk=webhook.project.team_id), "team"),
    ]
    for rows, word in switches:
        rows.update(is_enabled=False)
        webhook_event(webhook)
        decision = decide_all()[reaction.name]
        assert decision.verdict == Verdict.DISABLED
        assert word in decision.reason
        rows.update(is_enabled=True)
    assert not Run.objects.exists()


def test_matching_the_same_event_twice_makes_one_run() -> None:
    webhook = WebhookFactory()
    ReactionFactory(action=ActionFactory(project=webhook.project, python=True), triggers=[webhook])
    event = webhook_event(webhook)
    assert len(match_events([event])) == 1
    assert len(match_events([event])) == 0
    assert Run.objects.count() == 1
    assert Decision.objects.count() == 1


def test_an_event_without_listeners_is_closed_all_the_same() -> None:
    event = webhook_event(WebhookFactory())
    match_events([event])
    event.refresh_from_db()
    assert event.matched_at is not None


def test_a_space_wide_event_reaches_every_project_that_listens() -> None:
    triggers = [InternalTriggerFactory(event_type="MachineRegistered") for _ in range(2)]
    for trigger in triggers:
        ReactionFactory(action=ActionFactory(project=trigger.project), triggers=[trigger])
    register_machine(operator_caller(), "web-07", roles=["web-server"])
    decisions = decide_all()
    assert [decision.verdict for decision in decisions.values()] == [Verdict.FIRED, Verdict.FIRED]
    assert {decision.project_id for decision in decisions.values()} == {trigger.project_id for trigger in triggers}


def test_an_event_of_another_project_is_not_considered() -> None:
    reaction = ReactionFactory()
    other = ProjectFactory()
    deployment = create_deployment(operator_caller(), ReleaseFactory(project=other), EnvironmentFactory())
    move(operator_caller(), deployment, "start")
    move(operator_caller(), deployment, "succeed")
    assert reaction.name not in decide_all()


def test_once_per_value_stops_the_second_and_names_the_first() -> None:
    webhook = WebhookFactory()
    reaction = ReactionFactory(
        action=ActionFactory(project=webhook.project, python=True), triggers=[webhook], once_per="payload.machine"
    )
    webhook_event(webhook, {"machine": "web-07"})
    assert decide_all()[reaction.name].verdict == Verdict.FIRED
    webhook_event(webhook, {"machine": "web-07"})
    duplicate = decide_all()[reaction.name]
    assert duplicate.verdict == Verdict.DUPLICATE
    assert "web-07" in duplicate.reason
    webhook_event(webhook, {"machine": "web-08"})
    assert decide_all()[reaction.name].verdict == Verdict.FIRED


def test_once_per_value_holds_within_one_batch_too() -> None:
    webhook = WebhookFactory()
    reaction = ReactionFactory(
        action=ActionFactory(project=webhook.project, python=True), triggers=[webhook], once_per="payload.machine"
    )
    events = [webhook_event(webhook, {"machine": "web-07"}) for _ in range(3)]
    assert len(match_events(events)) == 1
    verdicts = list(Decision.objects.filter(reaction=reaction).order_by("event_id").values_list("verdict", flat=True))
    assert verdicts == [Verdict.FIRED, Verdict.DUPLICATE, Verdict.DUPLICATE]


def test_sec_35_a_webhook_joined_to_an_http_action_behind_our_back_is_refused_by_the_worker() -> None:
    webhook = WebhookFactory()
    reaction = ReactionFactory(action=ActionFactory(project=webhook.project, python=True), triggers=[webhook])
    http = ActionFactory(project=webhook.project)
    Reaction.objects.filter(pk=reaction.pk).update(action=http)
    webhook_event(webhook)
    decision = decide_all()[reaction.name]
    assert decision.verdict == Verdict.REFUSED
    assert decision.reason == NO_PASSTHROUGH
    assert not Run.objects.exists()


def _caused(trigger: Trigger, chain: list[str]) -> Event:
    event = webhook_event(trigger)
    Event.objects.filter(pk=event.pk).update(chain=chain)
    event.refresh_from_db()
    return event


def test_sec_91_the_same_reaction_runs_once_per_chain() -> None:
    webhook = WebhookFactory()
    reaction = ReactionFactory(action=ActionFactory(project=webhook.project, python=True), triggers=[webhook])
    match_events([_caused(webhook, [str(reaction.pk)])])
    decision = Decision.objects.get()
    assert decision.verdict == Verdict.LOOP
    assert "already ran" in decision.reason


def test_sec_91_a_chain_is_at_most_five_deep() -> None:
    webhook = WebhookFactory()
    ReactionFactory(action=ActionFactory(project=webhook.project, python=True), triggers=[webhook])
    match_events([_caused(webhook, [str(uuid.uuid4()) for _ in range(5)])])
    assert Decision.objects.get().verdict == Verdict.LOOP
    match_events([_caused(webhook, [str(uuid.uuid4()) for _ in range(4)])])
    assert Decision.objects.latest("pk").verdict == Verdict.FIRED


def test_sec_91_one_first_event_starts_at_most_a_hundred_runs(settings: Any) -> None:
    settings.REACTIONS_RUNS_PER_ROOT = 3
    webhook = WebhookFactory()
    for _ in range(5):
        ReactionFactory(action=ActionFactory(project=webhook.project, python=True), triggers=[webhook])
    match_events([webhook_event(webhook)])
    verdicts = list(Decision.objects.values_list("verdict", flat=True))
    assert verdicts.count(Verdict.FIRED) == 3
    assert verdicts.count(Verdict.LOOP) == 2


def test_a_broken_condition_is_a_visible_error_and_not_a_silent_miss() -> None:
    webhook = WebhookFactory()
    reaction = ReactionFactory(action=ActionFactory(project=webhook.project, python=True), triggers=[webhook])
    Reaction.objects.filter(pk=reaction.pk).update(conditions=[{"field": "payload.a", "operator": "no_such_operator"}])
    webhook_event(webhook, {"a": 1})
    decision = decide_all()[reaction.name]
    assert decision.verdict == Verdict.ERROR
    assert "no_such_operator" in decision.reason


def test_the_number_of_queries_does_not_grow_with_events_and_reactions(django_assert_max_num_queries: Any) -> None:
    webhook = WebhookFactory()
    for _ in range(10):
        ReactionFactory(action=ActionFactory(project=webhook.project, python=True), triggers=[webhook])
    events = [webhook_event(webhook, {"n": n}) for n in range(10)]
    events = list(
        Event.objects.select_related("trigger", "project", "environment").filter(pk__in=[e.pk for e in events])
    )
    with django_assert_max_num_queries(13):
        assert len(match_events(events)) == 100
    assert clock.now() >= Run.objects.latest("pk").created_at


def test_a_host_from_a_projects_own_variable_is_the_target_that_caps_and_circuits_go_by() -> None:
    project = ProjectFactory(variables={"Monitor": "https://m.example.com"})
    action = ActionFactory(
        project=project, config={"method": "POST", "url": "#{Monitor}/hooks", "body": {"kind": "none"}}
    )
    reaction = ReactionFactory(action=action)
    trigger = reaction.triggers.get()
    record(EventData(type=trigger.event_type, source="catalog", project=project, payload={}))
    decide_all()
    assert Run.objects.get().target_key == "m.example.com:443"
