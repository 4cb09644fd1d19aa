"""What a source says of one delivery: its type, one line for people, and the id by which its sender names it. Pure.

A type must never read like one of the internal event types, since the sender chose it: take it from a table of one's
own, or put the sender's name in front.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from reactions_project.registry import Registry

WEBHOOK_RECEIVED = "WebhookReceived"
# A sender's question whether we are there: recorded, and it starts nothing.
PING = "Ping"


@dataclass(frozen=True)
class Delivery:
    """One parsed request. Header names are in lower case."""

    payload: Any
    headers: Mapping[str, str]
    query: Mapping[str, str]


@dataclass(frozen=True)
class Told:
    """`delivery_id` is None where this delivery does not name itself."""

    type: str = WEBHOOK_RECEIVED
    subject: str = ""
    delivery_id: str | None = None


class Source(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def label(self) -> str: ...

    def tell(self, delivery: Delivery) -> Told:
        """Never raises, whatever the payload holds: strangers write it."""


sources: Registry[Source] = Registry("source")


def source_of(name: str) -> Source:
    """The source of that name; what is not known is read as generic."""
    return sources.get(name if name in sources else "generic")


def text_at(value: Any, *path: str) -> str:
    """The text or number under a path of keys; empty where there is none."""
    for key in path:
        if not isinstance(value, dict):
            return ""
        value = value.get(key)
    if isinstance(value, str):
        return one_line(value)
    return str(value) if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**18 else ""


def one_line(text: str) -> str:
    """The beginning of a text with runs of white space made one blank."""
    return " ".join(text[:400].split())[:200]
