"""Until when a process may do what it does for a run, by the machine's uptime: it must know when it is cut off from
everybody who could tell that its lease has ended."""

import time
from collections.abc import Callable, Iterable


class Fence:
    """A lease that was asked for at some time (by `uptime`) ends a lease's length later, whenever the answer came. What
    runs under it is to stop a little before, since to end all that a script started takes a moment."""

    def __init__(self, lease_seconds: float, uptime: Callable[[], float] = time.monotonic) -> None:
        self._seconds = lease_seconds * 0.9
        self._uptime = uptime
        self._asked_at: dict[int, float] = {}

    def is_over(self, asked_at: float) -> bool:
        return self._uptime() >= asked_at + self._seconds

    def hold(self, run_ids: Iterable[int], asked_at: float) -> None:
        self._asked_at.update(dict.fromkeys(run_ids, asked_at))

    def let_go(self, run_id: int) -> None:
        self._asked_at.pop(run_id, None)

    def take_ended(self) -> list[int]:
        """Runs whose lease ends now, each once."""
        ended = [run_id for run_id, asked_at in self._asked_at.items() if self.is_over(asked_at)]
        for run_id in ended:
            self.let_go(run_id)
        return ended
