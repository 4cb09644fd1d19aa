"""A worker that waits for work holds the lock of django-q2's queue, and takes it along when it is killed."""

import os
import signal

import pytest
from django_q.models import Success
from django_q.tasks import async_task

from actions.models import Heartbeat
from reactions_project.queue import HOUSEKEEPING_FUNCTION
from tests.end_to_end.faults.flows import flow_to
from tests.end_to_end.faults.installation import Installation, parent_of
from tests.end_to_end.faults.truth import health_tells_the_truth
from tests.end_to_end.server import wait_until
from tests.fakes.receiver import Receiver

pytestmark = pytest.mark.end_to_end


def test_housekeeping_goes_on_after_its_idle_worker_was_killed(installation: Installation) -> None:
    with installation.host("housekeeping") as host:
        cluster = host.cluster()
        os.kill(cluster.waiting_worker(), signal.SIGKILL)
        # What the former cluster had taken from its table would come back after q2's `retry`, two minutes.
        wait_until(lambda: not parent_of(cluster.pusher), "the cluster without its worker stayed", 10)
        task = async_task(HOUSEKEEPING_FUNCTION)
        wait_until(lambda: Success.objects.filter(id=task).exists(), "no housekeeping was done any more", 15)
        health_tells_the_truth(host)
        assert host.stop() == 0, host.log.read_text()


def all_beat(pids: list[int]) -> bool:
    return Heartbeat.objects.filter(pid__in=pids).count() == len(pids)


def test_runs_are_sent_after_every_idle_worker_was_killed(installation: Installation) -> None:
    with Receiver() as receiver, installation.host("http", REACTIONS_WORKERS="2") as host:
        for _ in range(2):
            cluster = host.cluster(workers=2)
            wait_until(lambda pids=cluster.workers: all_beat(pids), "not both workers came up")
            # Its workers are hardly ever idle, since slices are endless: nobody hands them out any more.
            os.kill(cluster.pusher, signal.SIGSTOP)
            os.kill(cluster.waiting_worker(), signal.SIGKILL)
            wait_until(lambda pids=cluster.workers: not any(map(parent_of, pids)), "the other worker stayed", 10)
        flow = flow_to(receiver)
        flow.queue(20)
        wait_until(flow.all_succeeded, "nothing was sent any more", 15)
        # Each took the other along, which left properly.
        health_tells_the_truth(host, lost=2)
        assert host.stop() == 0, host.log.read_text()
        health_tells_the_truth(host, lost=2)
