"""SEC-94: a disk that is nearly full takes no more events."""

from typing import Any

import pytest

from triggers import room
from triggers.models import Event


@pytest.fixture(autouse=True)
def _look_anew():
    room.free_percent.cache_clear()


def test_the_share_of_a_real_disk_is_between_nothing_and_all(tmp_path):
    assert 0 <= room.free_percent(tmp_path, 1) <= 100


@pytest.mark.django_db
def test_sec_94_with_too_little_disk_a_delivery_is_refused_and_may_come_again(settings: Any, deliver):
    settings.EMBEDDED = True
    settings.REACTIONS_LEAST_FREE_PERCENT = 101
    answer = deliver({"a": 1})
    assert (answer.status_code, answer["Retry-After"]) == (503, "300")
    assert "send it again" in answer.json()["detail"]
    assert not Event.objects.exists()
    settings.EMBEDDED = False
    assert deliver({"a": 1}).status_code == 202


@pytest.mark.django_db
def test_sec_94_a_stranger_does_not_learn_of_the_disk(settings: Any, deliver):
    settings.EMBEDDED = True
    settings.REACTIONS_LEAST_FREE_PERCENT = 101
    assert deliver({"a": 1}, key=None).status_code == 401
