"""What django-q2 does badly is kept from happening, by a check of the configuration where it can be said beforehand.

Held by tests with real processes instead: a killed worker that holds the queue's lock (test_killed_idle_worker), a
stalled cluster (test_stalled_cluster), a broker that fails (test_database_restart, of housekeeping: the other clusters'
broker asks no database), signals to a whole group (test_stopping), a worker that kills itself again and again (attempts
are counted in the claim, test_execution), statistics in a cache that others do not see (heartbeat rows, test_health).
"""

import copy
from typing import Any
from unittest.mock import patch

import pytest
from django.conf import settings as configured
from django_q.signing import SignedPackage

from reactions_project.checks import check_database, check_queue
from reactions_project.queue import SLICE_FUNCTION, SliceBroker


def test_our_own_configuration_has_none_of_it() -> None:
    assert check_queue() == []
    assert [found for found in check_database() if found.id != "reactions.W001"] == []


@pytest.mark.parametrize(
    ("cluster", "change", "expected"),
    [
        ("http", None, "E001"),
        ("http", {"retry": 30}, "E002"),
        ("", {"retry": 60}, "E002"),
        ("", {"max_attempts": 0}, "E003"),
        ("scripts", {"save_limit": 250}, "E004"),
        ("http", {"scheduler": True}, "E005"),
        ("http", {"queue_limit": 10}, "E006"),
    ],
)
def test_a_queue_that_would_lose_repeat_or_stall_is_named(
    settings: Any, cluster: str, change: dict[str, Any] | None, expected: str
) -> None:
    changed = copy.deepcopy(configured.Q_CLUSTER)
    if change is None:
        del changed["ALT_CLUSTERS"][cluster]
    else:
        (changed["ALT_CLUSTERS"][cluster] if cluster else changed).update(change)
    settings.Q_CLUSTER = changed
    assert f"reactions.{expected}" in {found.id for found in check_queue()}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"pool": True}, "reactions.E007"),
        ({"transaction_mode": "DEFERRED"}, "reactions.E008"),
        ({"transaction_mode": "IMMEDIATE", "init_command": "PRAGMA synchronous=OFF;"}, "reactions.W001"),
    ],
)
def test_a_database_that_would_hang_fail_or_forget_is_named(
    settings: Any, options: dict[str, Any], expected: str
) -> None:
    settings.EMBEDDED = True
    with patch.dict(configured.DATABASES["default"], {"OPTIONS": options}):
        assert expected in {found.id for found in check_database()}


def test_what_lies_in_the_queue_is_the_name_of_a_cluster_and_nothing_of_a_user() -> None:
    broker = SliceBroker.__new__(SliceBroker)
    broker.list_key = "http"
    ((acknowledged_as, package),) = broker.dequeue()
    task = SignedPackage.loads(package)
    assert (task["func"], task["args"], task["kwargs"]) == (SLICE_FUNCTION, ("http",), {})
    # Nothing to acknowledge or to store, so nothing that can be lost there.
    assert acknowledged_as is None
    assert not task["save"]
