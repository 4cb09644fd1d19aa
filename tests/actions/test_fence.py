"""When a worker must stop by itself, since its leases end and nobody can be asked."""

from actions.engine.fence import Fence

LEASE = 10.0


class Uptime:
    seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def test_what_is_not_renewed_ends_before_its_lease_does_and_is_told_once() -> None:
    uptime = Uptime()
    fence = Fence(LEASE, uptime)
    fence.hold([1, 2, 3], asked_at=uptime())
    uptime.seconds += LEASE / 2
    fence.hold([2], asked_at=uptime())
    fence.let_go(3)
    assert fence.take_ended() == []
    uptime.seconds += LEASE / 2 - 0.5
    assert fence.take_ended() == [1]
    assert fence.take_ended() == []
    uptime.seconds += LEASE / 2
    assert fence.take_ended() == [2]


def test_a_lease_counts_from_when_it_was_asked_for_and_not_from_the_answer() -> None:
    uptime = Uptime()
    fence = Fence(LEASE, uptime)
    asked_at = uptime()
    uptime.seconds += LEASE
    assert fence.is_over(asked_at)
    fence.hold([1], asked_at)
    assert fence.take_ended() == [1]
