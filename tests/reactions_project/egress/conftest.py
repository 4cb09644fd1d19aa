"""One way to send for every test: through each client in turn."""

import asyncio
from collections.abc import Callable, Iterator

import pytest

from reactions_project.egress import policy_from
from reactions_project.egress.aio import AsyncEgress
from reactions_project.egress.policy import EgressRequest, EgressResponse, Policy
from reactions_project.egress.sync import SyncEgress
from tests.fakes.receiver import Receiver

LOOPBACK = policy_from("127.0.0.1/32, [::1]/128")
Lookup = Callable[[str, int], list[str]]
Send = Callable[..., EgressResponse]


def names(**addresses: str) -> Lookup:
    """A resolver that knows these names only, such as names(monitor="127.0.0.1") for monitor.example."""

    def look_up(host: str, port: int) -> list[str]:
        found = addresses.get(host.removesuffix(".example"))
        if found is None:
            raise OSError("no such name")
        return found.split()

    return look_up


@pytest.fixture(params=["aio", "sync"])
def send(request: pytest.FixtureRequest) -> Iterator[Send]:
    """`send(EgressRequest(...), policy, look_up)`; with the same policy and resolver, calls of a test share a client.
    The lookup runs in a thread, as the system's does."""
    loop = asyncio.new_event_loop()
    clients: dict[tuple[int, int], AsyncEgress | SyncEgress] = {}

    async def make_async(policy: Policy, look_up: Lookup) -> AsyncEgress:
        async def later(host: str, port: int) -> list[str]:
            return await asyncio.to_thread(look_up, host, port)

        return AsyncEgress(policy, later)

    def make(policy: Policy, look_up: Lookup) -> AsyncEgress | SyncEgress:
        if request.param == "sync":
            return SyncEgress(policy, look_up)
        return loop.run_until_complete(make_async(policy, look_up))

    nobody = names()

    def send(message: EgressRequest, policy: Policy = LOOPBACK, look_up: Lookup = nobody) -> EgressResponse:
        key = (id(policy), id(look_up))
        client = clients.get(key) or clients.setdefault(key, make(policy, look_up))
        if isinstance(client, SyncEgress):
            return client.send(message)
        return loop.run_until_complete(client.send(message))

    yield send
    for client in clients.values():
        if isinstance(client, AsyncEgress):
            loop.run_until_complete(client.aclose())
        else:
            client.close()
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running
