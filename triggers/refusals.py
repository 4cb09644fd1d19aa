"""How many requests to an endpoint were refused within a day, and why. Counted and never stored (SEC-30).

By route, whether or not there is such an endpoint: what is refused must cost the same (SEC-13). Best effort, since a
count is evicted before a request waits for it; without Redis each host counts its own.
"""

from enum import StrEnum

from triggers import rate

DAY = rate.Window("refused", 86_400)


class Reason(StrEnum):
    KEY = "key"
    DISABLED = "disabled"
    SIGNATURE = "signature"
    SIZE = "size"
    RATE = "rate"
    QUEUE = "queue"
    CONTENT = "content"
    SERVER = "server"


_BY_STATUS = {413: Reason.SIZE, 431: Reason.SIZE, 429: Reason.RATE, 503: Reason.SERVER}


def reason_of(status: int) -> Reason:
    """Why a request was refused, where its status says all."""
    return _BY_STATUS.get(status, Reason.CONTENT)


def count(route: str, reason: Reason) -> None:
    rate.add(f"{reason} {route}", DAY)


def counts(route: str) -> dict[str, int]:
    """Of every reason that occurred, how often within the day that began with its first."""
    found = {str(reason): rate.look(f"{reason} {route}", DAY).times for reason in Reason}
    return {reason: times for reason, times in found.items() if times}
