"""Old rows go in batches that keep nobody waiting."""

from datetime import timedelta

import pytest

from actions.models import Attempt, Decision, LogChunk, Run
from actions.retention import FIRST_BATCH, LARGEST_BATCH, LOCK_SECONDS, Pace, clean_up
from reactions_project import clock
from tests.actions.views.ledgers import event_of, run_of
from tests.factories import ReactionFactory
from triggers.models import Event


class Timer:
    """A clock that goes on by what each deletion is said to take."""

    def __init__(self) -> None:
        self.now = 0.0
        self.rests: list[float] = []

    def pace(self) -> Pace:
        return Pace(timer=lambda: self.now, rest=self.rests.append)

    def deletion(self, seconds: float) -> None:
        self.now += seconds


def test_a_batch_that_took_too_long_is_followed_by_a_smaller_one() -> None:
    timer = Timer()
    pace = timer.pace()
    pace.take(lambda: timer.deletion(LOCK_SECONDS * 4))
    assert pace.size == FIRST_BATCH // 4
    for _ in range(5):
        pace.take(lambda: timer.deletion(1.0))
    assert pace.size == 1


def test_quick_batches_grow_up_to_a_bound() -> None:
    timer = Timer()
    pace = timer.pace()
    for _ in range(20):
        pace.take(lambda: timer.deletion(0.001))
    assert pace.size == LARGEST_BATCH


def test_others_have_the_database_for_as_long_as_the_deletion_had_it() -> None:
    timer = Timer()
    pace = timer.pace()
    pace.take(lambda: timer.deletion(0.02))
    pace.take(lambda: timer.deletion(5.0))
    assert timer.rests == pytest.approx([0.02, 0.2])


@pytest.mark.django_db
def test_what_is_old_goes_with_all_that_hangs_on_it_and_the_rest_stays() -> None:
    now = clock.now()
    long_ago = now - timedelta(days=4_000)
    reaction = ReactionFactory()
    _, new, unfinished = (
        run_of(event_of(reaction.project, type="ReleaseCreated"), reaction, status, **fields)
        for status, fields in (
            ("succeeded", {"finished_at": long_ago}),
            ("succeeded", {"finished_at": now}),
            ("queued", {"created_at": long_ago, "due_at": long_ago}),
        )
    )
    for attempt in Attempt.objects.all():
        LogChunk.objects.bulk_create(
            LogChunk(attempt=attempt, sequence=n, stream="stdout", text="x", at=now) for n in range(FIRST_BATCH * 3)
        )
    Event.objects.update(recorded_at=long_ago, matched_at=long_ago)
    gone = clean_up(now)
    assert (gone["runs"], gone["events"]) == (1, 1)
    assert set(Run.objects.values_list("pk", flat=True)) == {new.pk, unfinished.pk}
    assert Attempt.objects.get().run == new
    assert LogChunk.objects.count() == FIRST_BATCH * 3
    assert not Decision.objects.filter(at__lt=long_ago).exists()
