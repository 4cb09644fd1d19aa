"""Several workers claim at the same moment, each over a connection of its own."""

import threading
from datetime import timedelta

import pytest
from django.db import connections

from actions.engine.claims import Share, claim
from actions.models import Run
from reactions_project import clock
from tests.actions.views.ledgers import event_of, run_of
from tests.factories import ReactionFactory

pytestmark = pytest.mark.django_db(transaction=True)
RUNS, WORKERS = 200, 4


@pytest.mark.parametrize("per_target", [None, 10])
def test_workers_that_claim_at_once_get_different_runs_and_together_all_of_them(per_target: int | None) -> None:
    reaction = ReactionFactory()
    event = event_of(reaction.project, type="ReleaseCreated")
    for sequence in range(1, RUNS + 1):
        run_of(event, reaction, "queued", target_key="one", sequence=sequence)
    now = clock.now() + timedelta(seconds=1)
    claimed: dict[str, list[int]] = {f"worker {number}": [] for number in range(WORKERS)}
    errors: list[Exception] = []
    start = threading.Barrier(WORKERS)

    def work(token: str) -> None:
        share = Share("http", 10, token, now, 15, per_target=per_target)
        try:
            start.wait()
            # Another may hold all that is due at this moment; whoever looks again gets what is left.
            while Run.objects.filter(status="queued").exists():
                claimed[token] += claim(share)
        except Exception as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work, args=(token,)) for token in claimed]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    told = [pk for ids in claimed.values() for pk in ids]
    assert len(told) == RUNS
    assert set(told) == set(Run.objects.values_list("pk", flat=True))
    for token, ids in claimed.items():
        assert set(Run.objects.filter(lease_token=token).values_list("pk", flat=True)) == set(ids)
    assert set(Run.objects.values_list("status", "attempt_count")) == {("running", 1)}
