"""What becomes of a run, through the engine's own functions: claim, attempt, outcome, and what people may do."""

import base64
import json
import socket
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError

from accounts import vault
from accounts.callers import caller_for
from accounts.models import AuditEntry, Role, RunToken
from actions import execution
from actions.definitions import save_action
from actions.engine.claims import Share, claim
from actions.engine.flush import Finished, flush
from actions.engine.leases import hand_back, return_unstarted
from actions.engine.matching import match_due
from actions.engine.synchronous import run_due
from actions.engine.work import make_ready
from actions.kinds.base import Outcome
from actions.models import Action, Attempt, Decision, LogChunk, Reaction, Run
from actions.models.reaction import NO_PASSTHROUGH
from reactions_project import clock
from tests.factories import ActionFactory, ReactionFactory, WebhookFactory, member, operator_caller
from tests.fakes.receiver import Answer, Receiver
from tests.fakes.tls import Authority
from triggers.ledger import EventData, record
from triggers.models import Event

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _settings(settings: Any, tmp_path: Any) -> None:
    settings.REACTIONS_ALLOW_PRIVATE_ADDRESSES = "127.0.0.1/32"
    settings.REACTIONS_SCRIPT_SANDBOX = "off"
    settings.REACTIONS_SCRIPT_WORK_DIR = tmp_path / "scripts"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


def http_reaction(receiver: Receiver, **config: Any) -> Reaction:
    action = ActionFactory(config={"method": "POST", "url": f"{receiver.url}/mark", **config}, max_attempts=3)
    return ReactionFactory(action=action)


def happen(reaction: Reaction, **more: Any) -> Event:
    """An event of the reaction's trigger."""
    trigger = reaction.triggers.get()
    if trigger.is_external:
        data = EventData(type="WebhookReceived", source="webhook", project=reaction.project, trigger=trigger, **more)
    else:
        payload = {"Project": {"Name": reaction.project.name}, "Release": {"Number": "1.2.3", "Notes": 'say "hi"\n'}}
        data = EventData(type=trigger.event_type, source="catalog", project=reaction.project, payload=payload, **more)
    return record(data).event


def the_run() -> Run:
    return Run.objects.latest("pk")


def test_a_target_behind_a_private_authority_sees_our_certificate_and_the_signature(tmp_path: Any) -> None:
    authority = Authority(tmp_path)
    key = base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
    pem = {"Cert": authority.issue("client.example").decode(), "Ca": authority.bundle.decode(), "Sign": key}
    with Receiver(tls=authority.server_context("127.0.0.1", wants_client=True)) as secure:
        reaction = ReactionFactory(action=ActionFactory(max_attempts=1))
        config = {
            "method": "POST",
            "url": f"{secure.url}/",
            "signing": {"secret": "Sign"},
            "tls": {"certificate": "Cert", "ca": "Ca"},
        }
        action = reaction.action
        action.config = config
        stored = {name: vault.store(operator_caller(), action.project, name, value) for name, value in pem.items()}
        save_action(operator_caller(), action, stored)
        happen(reaction)
        assert run_due() == 1
        run = the_run()
        assert run.status == "succeeded", run.reason
        (sent,) = secure.requests
    assert sent.headers["webhook-id"] == str(run.uid)
    assert sent.headers["webhook-signature"].startswith("v1,")
    attempt = run.attempts.get()
    assert set(attempt.timings) == {"connect", "tls", "first_byte", "total"}
    assert "CERTIFICATE" not in json.dumps([attempt.request, attempt.response])


def due_later(run: Run) -> Any:
    return run.due_at + timedelta(seconds=1)


def test_a_request_is_sent_and_the_attempt_keeps_both_sides(receiver: Receiver) -> None:
    reaction = http_reaction(
        receiver,
        headers={"X-Release": "#{Octopus.Release.Number}"},
        body={"kind": "json", "json": {"notes": "#{Octopus.Release.Notes}", "n": 1}},
    )
    happen(reaction)
    assert run_due() == 1
    run = the_run()
    assert (run.status, run.outcome, run.attempt_count) == ("succeeded", "ok", 1)
    (request,) = receiver.requests
    assert json.loads(request.body) == {"notes": 'say "hi"\n', "n": 1}
    assert request.headers["X-Release"] == "1.2.3"
    assert request.headers["Idempotency-Key"] == str(run.uid)
    attempt = Attempt.objects.get()
    assert attempt.http_status == 200
    assert attempt.request["url"] == f"{receiver.url}/mark"
    assert attempt.response["body"] == '{"ok": true}'
    assert attempt.timings["total"] > 0


def test_sec_44_an_actions_own_schedule_says_when_it_is_tried_again(receiver: Receiver) -> None:
    receiver.answers(*[Answer(500)] * 3)
    reaction = http_reaction(receiver)
    reaction.action.retry_waits = [1_000, 50_000]
    save_action(operator_caller(), reaction.action)
    happen(reaction)
    # Of a later version, which is not that of the run.
    match_due()
    reaction.action.retry_waits = [1]
    save_action(operator_caller(), reaction.action)
    now = clock.now()
    for number, wait in ((1, 1_000), (2, 50_000)):
        run_due(now)
        run = the_run()
        assert (run.status, run.attempt_count) == ("queued", number)
        ended = run.attempts.get(number=number).finished_at
        assert timedelta(seconds=wait / 10) <= run.due_at - ended <= timedelta(seconds=wait + 5)
        now = due_later(run)
    run_due(now)
    assert (the_run().status, the_run().attempt_count) == ("failed", 3)


def test_sec_44_a_server_error_is_tried_again_later_with_the_same_idempotency_key(receiver: Receiver) -> None:
    receiver.answers(Answer(500), Answer(429, headers=(("Retry-After", "120"),)))
    happen(http_reaction(receiver))
    run_due()
    run = the_run()
    assert (run.status, run.attempt_count) == ("queued", 1)
    assert run.due_at > clock.now()
    assert "500" in run.reason
    run_due(due_later(run))
    run.refresh_from_db()
    assert run.status == "queued"
    assert run.due_at >= clock.now() + timedelta(seconds=100)
    run_due(due_later(run))
    run.refresh_from_db()
    assert (run.status, run.attempt_count) == ("succeeded", 3)
    assert len({request.headers["Idempotency-Key"] for request in receiver.requests}) == 1
    assert [attempt.outcome for attempt in run.attempts.all()] == ["http_500", "http_429", "ok"]


def test_sec_44_tries_are_bounded_and_another_4xx_is_final(receiver: Receiver) -> None:
    receiver.answers(*[Answer(503)] * 3, Answer(404))
    happen(http_reaction(receiver))
    for _ in range(3):
        run_due(clock.now() + timedelta(days=2))
    run = the_run()
    assert (run.status, run.attempt_count) == ("failed", 3)
    assert "used up" in run.reason
    happen(http_reaction(receiver))
    run_due()
    assert (the_run().status, the_run().outcome, the_run().attempt_count) == ("failed", "http_404", 1)


def test_an_unknown_token_fails_before_anything_is_sent_and_names_the_nearest(receiver: Receiver) -> None:
    happen(http_reaction(receiver, headers={"X-Release": "#{Octopus.Relase.Number}"}))
    run_due()
    run = the_run()
    assert (run.status, run.outcome) == ("failed", "unresolved")
    assert "#{Octopus.Relase.Number} in header X-Release" in run.reason
    assert "did you mean Octopus.Release.Number" in run.reason
    assert receiver.requests == []


def test_sec_60_a_template_inside_a_payload_stays_text(receiver: Receiver) -> None:
    reaction = http_reaction(receiver, body={"kind": "json", "json": {"notes": "#{Payload.Release.Notes}"}})
    event = happen(reaction)
    event.payload["Release"]["Notes"] = "#{Octopus.Project.Name} #{Token}"
    event.save()
    run_due()
    assert json.loads(receiver.requests[0].body) == {"notes": "#{Octopus.Project.Name} #{Token}"}


def test_sec_61_an_event_value_cannot_choose_the_host_and_is_encoded_in_the_path(receiver: Receiver) -> None:
    reaction = ActionFactory(config={"method": "GET", "url": "https://#{Octopus.Release.Number}.example.com/"})
    happen(ReactionFactory(action=reaction))
    run_due()
    assert (the_run().status, the_run().outcome) == ("failed", "template")
    assert "host" in the_run().reason
    other = http_reaction(receiver)
    other.action.config["url"] = f"{receiver.url}/a/#{{Octopus.Release.Notes}}/b"
    save_action(operator_caller(), other.action)
    happen(other)
    run_due()
    assert receiver.requests[-1].path == "/a/say%20%22hi%22%0A/b"


def test_sec_22_and_23_a_bound_secret_is_sent_but_never_stored_and_only_to_its_hosts(receiver: Receiver) -> None:
    reaction = http_reaction(receiver, headers={"Api-Key": "#{Monitor.Key}"})
    secret = vault.store(operator_caller(), reaction.project, "monitor", "sesame-open-4711", ["127.0.0.1"])
    save_action(operator_caller(), reaction.action, bindings={"Monitor.Key": secret})
    receiver.answers(Answer(body=b"you sent sesame-open-4711"))
    happen(reaction)
    run_due()
    assert receiver.requests[0].headers["Api-Key"] == "sesame-open-4711"
    attempt = Attempt.objects.get()
    assert "sesame-open-4711" not in json.dumps([attempt.request, attempt.response, the_run().reason])
    assert ["Api-Key", "*****"] in attempt.request["headers"]
    vault.store(operator_caller(), reaction.project, "monitor", "sesame-open-4711", ["api.example.com"])
    happen(reaction)
    run_due()
    assert (the_run().status, the_run().outcome) == ("failed", "refused")
    assert len(receiver.requests) == 1


def test_a_try_that_got_no_answer_says_how_long_it_took() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}/"
        happen(ReactionFactory(action=ActionFactory(config={"method": "POST", "url": url})))
        run_due()
    attempt = Attempt.objects.get()
    assert attempt.outcome == "connection"
    assert set(attempt.timings) == {"total"}


def test_an_inner_address_is_refused_and_says_how_to_allow_it(receiver: Receiver, settings: Any) -> None:
    settings.REACTIONS_ALLOW_PRIVATE_ADDRESSES = ""
    happen(http_reaction(receiver))
    run_due()
    assert (the_run().status, the_run().outcome) == ("failed", "refused")
    assert "REACTIONS_ALLOW_PRIVATE_ADDRESSES" in the_run().reason


def test_a_value_of_the_answer_is_kept_for_later(receiver: Receiver) -> None:
    receiver.answers(Answer(body=b'{"deployment": {"id": 77}}'))
    happen(http_reaction(receiver, capture={"MarkerId": "deployment.id"}))
    run_due()
    assert the_run().outputs == {"MarkerId": "77"}


SCRIPT = """
print("payload is", payload["n"], "query is", query["q"])
set_octopusvariable("Out", "value")
made = octopus.create_release(project=get_octopusvariable("Octopus.Project.Id") or "Core", version="9.9.9")
set_octopusvariable("ReleaseId", made["id"])
"""


def scripted(source: str = SCRIPT, **more: Any) -> Reaction:
    webhook = WebhookFactory()
    action = ActionFactory(
        project=webhook.project, kind="script", config={"language": "python", "source": source}, max_attempts=1, **more
    )
    return ReactionFactory(action=action, triggers=[webhook])


def test_a_script_gets_payload_query_and_an_api_client_and_its_log_is_kept() -> None:
    reaction = scripted(SCRIPT.replace('get_octopusvariable("Octopus.Project.Id") or "Core"', 'query["project"]'))
    happen(reaction, payload={"n": 5}, query={"q": "seven", "project": reaction.project.slug})
    run_due()
    run = the_run()
    assert run.status == "succeeded", (run.reason, list(LogChunk.objects.values_list("text", flat=True)))
    assert reaction.project.releases.get().version == "9.9.9"
    assert run.outputs == {"Out": "value", "ReleaseId": str(reaction.project.releases.get().pk)}
    assert "payload is 5 query is seven" in "\n".join(LogChunk.objects.values_list("text", flat=True))
    assert run.was_sandboxed is False


def test_sec_53_the_scripts_token_dies_with_its_run_and_its_events_carry_the_chain() -> None:
    reaction = scripted(SCRIPT.replace('get_octopusvariable("Octopus.Project.Id") or "Core"', 'query["project"]'))
    first = happen(reaction, payload={"n": 5}, query={"q": "x", "project": reaction.project.slug})
    run_due()
    assert RunToken.objects.get().revoked_at is not None
    caused = Event.objects.get(type="ReleaseCreated")
    assert caused.root == first.uid
    assert caused.chain == [str(reaction.pk)]
    assert caused.cause_run == the_run().uid


def test_a_script_that_fails_keeps_its_code_and_its_own_words() -> None:
    happen(scripted('failstep("disk full")'))
    run_due()
    assert the_run().status == "failed"
    assert "disk full" in the_run().reason
    happen(scripted("import sys; sys.exit(2)"))
    run_due()
    assert the_run().outcome == "exit_2"
    assert Attempt.objects.latest("pk").exit_code == 2


def test_sec_35_the_worker_refuses_a_pair_that_was_joined_behind_its_back(receiver: Receiver) -> None:
    reaction = scripted()
    happen(reaction, payload={})
    match_due()
    run = the_run()
    http = ActionFactory(project=reaction.project, config={"method": "GET", "url": receiver.url})
    version = http.versions.get()
    Run.objects.filter(pk=run.pk).update(action_version=version, executor="http")
    run_due()
    run.refresh_from_db()
    assert (run.status, run.outcome, run.reason) == ("failed", "refused", NO_PASSTHROUGH)
    assert receiver.requests == []
    with pytest.raises(ValidationError, match="not a broker"):
        execution.replay(operator_caller(), run)


def test_sec_07_a_disabled_action_does_not_run_though_it_was_decided(receiver: Receiver) -> None:
    reaction = http_reaction(receiver)
    happen(reaction)
    match_due()
    Action.objects.filter(pk=reaction.action.pk).update(is_enabled=False)
    run_due()
    assert (the_run().status, the_run().outcome) == ("failed", "disabled")
    assert receiver.requests == []


def claimed(reaction: Reaction) -> Run:
    """A run that a worker has claimed, as it stands when that worker is killed."""
    happen(reaction, **({"payload": {}} if reaction.triggers.get().is_external else {}))
    match_due()
    executor = the_run().executor
    assert claim(Share(executor, 10, "dead", clock.now(), 15)) == [the_run().pk]
    return the_run()


def test_sec_93_a_script_whose_worker_was_lost_is_interrupted_and_not_repeated() -> None:
    run = claimed(scripted())
    make_ready(run, "dead")
    assert execution.expire_leases(clock.now()) == 0
    assert execution.expire_leases(clock.now() + timedelta(seconds=16)) == 1
    run.refresh_from_db()
    assert run.status == "interrupted"
    assert "retry it" in run.reason
    assert run_due() == 0
    again = execution.retry(operator_caller(), run)
    assert (again.sequence, again.replay_of_id) == (2, run.pk)


def test_sec_93_a_script_whose_worker_was_lost_before_it_began_is_queued_again() -> None:
    run = claimed(scripted("print(1)"))
    assert not run.is_repeatable
    execution.expire_leases(clock.now() + timedelta(seconds=16))
    run.refresh_from_db()
    assert (run.status, run.reason) == (
        "queued",
        "The worker that had it was lost before the script began; it is tried again.",
    )
    run_due(clock.now() + timedelta(seconds=17))
    run.refresh_from_db()
    assert (run.status, run.attempt_count) == ("succeeded", 2)
    assert [a.outcome for a in run.attempts.order_by("number")] == ["worker_lost", "ok"]


def test_sec_93_a_script_that_every_worker_loses_before_it_begins_is_not_queued_for_ever() -> None:
    run = claimed(scripted())
    for round_ in range(1, execution.TRIES_TO_BEGIN + 2):
        execution.expire_leases(clock.now() + timedelta(seconds=16 * round_))
        claim(Share("script", 10, "dead", clock.now() + timedelta(seconds=16 * round_), 15))
    run.refresh_from_db()
    assert (run.status, run.outcome, run.attempt_count) == ("failed", "worker_lost", execution.TRIES_TO_BEGIN)


def test_sec_93_a_request_or_a_repeatable_script_whose_worker_was_lost_is_tried_again(receiver: Receiver) -> None:
    for reaction in (http_reaction(receiver), scripted("print(1)", is_repeatable=True)):
        run = claimed(reaction)
        Run.objects.filter(pk=run.pk).update(max_attempts=3)
        execution.expire_leases(clock.now() + timedelta(seconds=16))
        run.refresh_from_db()
        assert run.status == "queued"
        run_due(clock.now() + timedelta(seconds=17))
        run.refresh_from_db()
        assert (run.status, run.attempt_count) == ("succeeded", 2)
        assert [a.outcome for a in run.attempts.all()] == ["worker_lost", "ok"]


def test_sec_93_a_worker_that_keeps_dying_does_not_repeat_for_ever(receiver: Receiver) -> None:
    run = claimed(http_reaction(receiver))
    for round_ in range(1, 5):
        execution.expire_leases(clock.now() + timedelta(seconds=16 * round_))
        claim(Share("http", 10, "dead", clock.now() + timedelta(seconds=16 * round_), 15))
    run.refresh_from_db()
    assert (run.status, run.attempt_count) == ("failed", 3)


def test_who_lost_the_lease_writes_nothing(receiver: Receiver) -> None:
    run = claimed(http_reaction(receiver))
    done = Finished(run, Outcome(ok=True, code="ok", reason="fine"), clock.now(), clock.now())
    assert flush([done], "somebody else", "w") == []
    run.refresh_from_db()
    assert run.status == "running"
    assert flush([done], "dead", "w") == [done]
    assert flush([done], "dead", "w") == []
    assert Attempt.objects.count() == 1


def test_a_stopped_worker_hands_back_what_it_did_not_finish(receiver: Receiver) -> None:
    run = claimed(http_reaction(receiver))
    begun_at = clock.now()
    hand_back([(run, begun_at)], "dead", "w")
    run.refresh_from_db()
    assert run.status == "queued"
    assert run_due() == 1
    run.refresh_from_db()
    assert (run.status, run.attempt_count, run.max_attempts) == ("succeeded", 2, 4), "a stop uses up no try"
    stopped, done = run.attempts.order_by("number")
    assert (stopped.outcome, stopped.worker, stopped.started_at) == ("stopped", "w", begun_at)
    assert done.outcome == "ok"
    assert receiver.requests[0].headers["X-Reactions-Attempt"] == "2", "the first may have arrived"


def test_what_was_cancelled_while_it_ran_is_neither_tried_again_nor_handed_on(receiver: Receiver) -> None:
    busy = Outcome(ok=False, code="http_503", reason="Not now.", retryable=True)
    for give_up in (
        lambda run: flush([Finished(run, busy, clock.now(), clock.now())], "dead", "w"),
        lambda run: hand_back([(run, clock.now())], "dead", "w"),
        lambda run: return_unstarted([run], "dead"),
    ):
        run = claimed(http_reaction(receiver))
        execution.cancel(operator_caller(), the_run())
        give_up(run)
        run.refresh_from_db()
        assert (run.status, run.outcome, run.lease_token) == ("cancelled", "cancelled", "")
    assert run_due() == 0


def test_a_stop_uses_up_no_try_of_a_repeatable_script() -> None:
    run = claimed(scripted("print(1)", is_repeatable=True))
    make_ready(run, "w")
    hand_back([(run, clock.now())], "dead", "w")
    assert run_due() == 1
    run.refresh_from_db()
    assert (run.status, run.attempt_count, run.max_attempts) == ("succeeded", 2, 2)
    assert [attempt.outcome for attempt in run.attempts.all()] == ["stopped", "ok"]


def test_sec_53_a_stopped_worker_takes_away_no_key_of_who_has_the_run_by_now() -> None:
    run = claimed(scripted("print(1)", is_repeatable=True))
    Run.objects.filter(pk=run.pk).update(max_attempts=3, lease_until=clock.now() - timedelta(seconds=1))
    make_ready(run, "w")
    execution.expire_leases(clock.now())
    claim(Share("script", 10, "other", clock.now(), 15))
    make_ready(the_run(), "w")
    for give_back in (
        lambda: hand_back([(run, clock.now())], "dead", "w"),
        lambda: return_unstarted([run], "dead"),
    ):
        give_back()
        assert RunToken.objects.filter(run=run.uid, revoked_at=None).count() == 1


def test_sec_93_a_script_whose_lease_ended_before_it_began_does_not_begin_and_gets_no_key() -> None:
    run = claimed(scripted())
    execution.expire_leases(clock.now() + timedelta(seconds=16))
    ready = make_ready(run, "dead")
    assert ready.problem is not None
    assert (ready.problem.code, ready.problem.retryable) == ("worker_lost", False)
    assert not RunToken.objects.filter(revoked_at=None).exists()


def test_two_that_claim_get_different_runs(receiver: Receiver) -> None:
    reaction = http_reaction(receiver)
    for _ in range(5):
        happen(reaction)
    match_due()
    first = claim(Share("http", 3, "a", clock.now(), 15))
    second = claim(Share("http", 3, "b", clock.now(), 15))
    assert (len(first), len(second)) == (3, 2)
    assert not set(first) & set(second)


def test_a_claim_leaves_excluded_targets_and_teams_alone(receiver: Receiver) -> None:
    one, two = http_reaction(receiver), http_reaction(receiver)
    happen(one)
    happen(two)
    match_due()
    target = the_run().target_key
    assert target == f"127.0.0.1:{receiver.port}"
    assert claim(Share("http", 9, "a", clock.now(), 15, targets={target})) == []
    got = claim(Share("http", 9, "a", clock.now(), 15, teams={one.project.team_id}))
    assert [run.reaction for run in Run.objects.filter(pk__in=got)] == [two]


def test_cancelling_a_queued_run_ends_it_at_once_and_a_finished_one_is_refused(receiver: Receiver) -> None:
    reaction = http_reaction(receiver)
    happen(reaction)
    match_due()
    run = execution.cancel(operator_caller(), the_run())
    assert run.status == "cancelled"
    assert run_due() == 0
    with pytest.raises(ValidationError, match="nothing to cancel"):
        execution.cancel(operator_caller(), run)
    assert AuditEntry.objects.filter(verb="cancel", object_id=str(run.pk)).exists()


def test_cancelling_a_running_run_asks_its_worker() -> None:
    run = claimed(scripted())
    execution.cancel(operator_caller(), run)
    run.refresh_from_db()
    assert run.status == "running"
    assert run.cancel_requested_at is not None


def test_a_replay_is_the_next_sequence_with_the_version_that_was_asked_for(receiver: Receiver) -> None:
    reaction = http_reaction(receiver)
    happen(reaction)
    run_due()
    first = the_run()
    reaction.action.config = {"method": "PUT", "url": f"{receiver.url}/new"}
    save_action(operator_caller(), reaction.action)
    same = execution.replay(operator_caller(), first)
    current = execution.replay(operator_caller(), first, version="current")
    assert (same.sequence, current.sequence) == (2, 3)
    run_due()
    sent = sorted((request.method, request.path) for request in receiver.requests)
    assert sent == [("POST", "/mark"), ("POST", "/mark"), ("PUT", "/new")]
    assert Decision.objects.filter(event=first.event).count() == 3


def test_sec_01_only_who_may_run_retries_and_replays(receiver: Receiver) -> None:
    reaction = http_reaction(receiver)
    happen(reaction)
    run_due()
    viewer = caller_for(member(reaction.project.team, Role.VIEWER))
    editor = caller_for(member(reaction.project.team, Role.EDITOR))
    with pytest.raises(PermissionDenied):
        execution.replay(viewer, the_run())
    with pytest.raises(PermissionDenied):
        execution.cancel(viewer, the_run())
    assert execution.replay(editor, the_run()).requested_by == editor.user


def test_a_run_that_succeeded_is_not_retried(receiver: Receiver) -> None:
    happen(http_reaction(receiver))
    run_due()
    with pytest.raises(ValidationError, match="only a failed"):
        execution.retry(operator_caller(), the_run())


def test_what_no_database_keeps_as_text_is_replaced_in_all_that_is_stored() -> None:
    """NUL in JSON escapes and from templates, halves of surrogate pairs."""
    body = rb'{"a": "x\u0000y", "b": "\ud800", "c": {"\u0000": 1}}'
    with Receiver() as receiver:
        receiver.answers(Answer(body=body))
        reaction = http_reaction(
            receiver,
            body={"kind": "text", "text": "#{Octopus.Reaction.Name | FromBase64}"},
            capture={"A": "a", "B": "b", "C": "c"},
        )
        reaction.name = "AA=="
        reaction.save()
        happen(reaction)
        run_due()
        run = the_run()
        assert receiver.requests[0].body == b"\0"
    assert (run.status, run.outputs) == ("succeeded", {"A": "x\ufffdy", "B": "\ufffd", "C": '{"\\u0000": 1}'})
    assert run.attempts.get().request["body"] == "\ufffd"
