"""Two worker hosts on one PostgreSQL, in networks of their own where this machine may make some."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.end_to_end.faults.flows import Flow, flow_to, repeated, sent, slow_or_slower, uids
from tests.end_to_end.faults.installation import Host, Installation, awaited
from tests.end_to_end.faults.network import Namespace, forwarded, may_make_namespaces, namespaces
from tests.end_to_end.faults.truth import health_tells_the_truth
from tests.end_to_end.server import wait_until
from tests.fakes.receiver import Receiver

pytestmark = pytest.mark.end_to_end
LOAD = 400


@dataclass
class Pair:
    """`networks` is empty where no namespace may be made: then the two are neighbours on this machine."""

    hosts: list[Host]
    receiver: Receiver
    networks: list[Namespace]


@pytest.fixture
def pair(installation: Installation) -> Iterator[Pair]:
    url = installation.environment.get("DATABASE_URL")
    if not url:
        pytest.skip("SQLite is for one host: set TEST_DATABASE_URL to a PostgreSQL to run this test")
    with contextlib.ExitStack() as stack:
        networks = stack.enter_context(namespaces(2)) if may_make_namespaces() else []
        receiver = stack.enter_context(Receiver(host=networks[0].gateway) if networks else Receiver())
        hosts = []
        for index in range(2):
            environment, prefix = {}, ()
            if networks:
                network = networks[index]
                environment["DATABASE_URL"] = stack.enter_context(forwarded(url, network.gateway))
                environment["REACTIONS_ALLOW_PRIVATE_ADDRESSES"] = f"{receiver.host}/32"
                prefix = network.prefix
            hosts.append(stack.enter_context(installation.host("http", prefix=prefix, **environment)))
        for host in hosts:
            awaited(host, "http")
        yield Pair(hosts, receiver, networks)


def both_work(flow: Flow) -> bool:
    return flow.running().values("lease_token").distinct().count() == 2


def test_when_one_of_two_hosts_is_lost_the_other_does_its_work(pair: Pair) -> None:
    lost, staying = pair.hosts
    pair.receiver.respond = slow_or_slower()
    flow = flow_to(pair.receiver)
    flow.queue(LOAD)
    wait_until(lambda: both_work(flow), "only one of two hosts worked")
    lost.kill()
    wait_until(flow.all_succeeded, "the other host did not finish")
    health_tells_the_truth(lost, staying, lost=1)
    assert staying.stop() == 0, staying.log.read_text()
    health_tells_the_truth(lost, staying, lost=1)
    assert set(sent(pair.receiver)) == uids(flow.runs)
    assert max(sent(pair.receiver).values()) <= 2
    again = uids(flow.runs.filter(attempt_count=2))
    assert again
    assert repeated(pair.receiver) <= again


def test_a_host_that_was_cut_off_writes_over_nothing_and_comes_back(pair: Pair) -> None:
    if not pair.networks:
        pytest.skip("no cable to pull: network namespaces need root and the ip command")
    cut, staying = pair.hosts
    pair.receiver.respond = slow_or_slower()
    flow = flow_to(pair.receiver)
    flow.queue(LOAD)
    wait_until(lambda: both_work(flow), "only one of two hosts worked")
    pair.networks[0].pull_cable()
    wait_until(flow.all_succeeded, "the other host did not finish")
    # Who cannot be heard is no living worker until it is back.
    health_tells_the_truth(staying, lost=1)
    done = list(flow.runs.order_by("pk").values())
    assert staying.stop() == 0, staying.log.read_text()
    pair.networks[0].plug_in()
    flow.queue(100, first=LOAD + 1)
    wait_until(flow.all_succeeded, "the host that was cut off did not come back")
    health_tells_the_truth(cut, staying)
    assert list(flow.runs.order_by("pk").values()[:LOAD]) == done
    assert cut.stop() == 0, cut.log.read_text()
    assert max(sent(pair.receiver).values()) <= 2
