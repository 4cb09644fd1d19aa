"""Who may not read payloads learns nothing of them from a decision (SEC-01, row "event payload")."""

import json

import pytest

from actions.disclosure import HIDDEN_CONDITION, disclose

OPEN = {
    "field": "environment",
    "operator": "is",
    "got": "Staging",
    "passed": False,
    "sentence": "environment is Staging",
}
CLOSED = {"field": "payload.Card", "operator": "is", "got": "4111", "passed": False, "sentence": "payload.Card is 4111"}
GROUP = {
    "field": "",
    "operator": "any",
    "got": "",
    "passed": False,
    "sentence": "none of these passed: environment is Staging; payload.Card is 4111",
    "parts": [OPEN, CLOSED],
}


@pytest.mark.parametrize("verdict", ["filtered", "error"])
@pytest.mark.parametrize("trace", [[CLOSED], [GROUP], [OPEN, CLOSED], [{**GROUP, "parts": [GROUP]}]])
@pytest.mark.parametrize("reason", [CLOSED["sentence"], GROUP["sentence"], "of another version: 4111"])
def test_sec_01_values_of_a_payload_stay_hidden(verdict, trace, reason):
    told = disclose(verdict, reason, trace, reads_payload=False)
    assert "4111" not in told.reason + json.dumps(told.trace)
    assert told.reason == HIDDEN_CONDITION


@pytest.mark.parametrize("field", ["payload", "payload.A", "query.token", "header.X-Key", "no such field", None])
def test_sec_01_whatever_is_not_known_to_be_harmless_is_hidden(field):
    row = {**CLOSED, "field": field}
    assert "4111" not in json.dumps(disclose("filtered", "x", [row], reads_payload=False).trace)


def test_what_everybody_may_know_is_told():
    told = disclose("filtered", OPEN["sentence"], [OPEN, CLOSED], reads_payload=False)
    assert told.reason == OPEN["sentence"]
    assert told.trace[0] == OPEN
    assert told.trace[1]["hidden"]


def test_an_unreadable_filter_says_so_to_everybody():
    sentence = "The filter cannot be read. Condition 1: there is no field."
    assert disclose("error", sentence, [], reads_payload=False).reason == sentence


def test_sec_01_the_value_of_a_duplicate_stays_hidden():
    reason = "payload.Card is '4111', for which this reaction already fired"
    assert "4111" not in disclose("duplicate", reason, [], reads_payload=False).reason


@pytest.mark.parametrize("verdict", ["fired", "filtered", "duplicate", "error"])
def test_who_may_read_payloads_gets_everything(verdict):
    told = disclose(verdict, CLOSED["sentence"], [GROUP], reads_payload=True)
    assert (told.reason, told.trace) == (CLOSED["sentence"], [GROUP])
