"""The limits of one inbound request, and the one way of refusing it."""

from dataclasses import dataclass, field

from reactions_project.strict_json import JsonLimits


@dataclass(frozen=True)
class Limits:
    body: JsonLimits = field(default_factory=JsonLimits)
    header_bytes: int = 16_384
    query_bytes: int = 8_192
    query_fields: int = 100
    form_fields: int = 1_000


DEFAULT_LIMITS = Limits()


class PayloadRejected(ValueError):
    """The request is not taken; the message is one sentence for the sender."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def storable(value: str) -> str:
    """Header bytes are not always text: no NUL and no lone surrogate may reach a JSON column."""
    return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def shown(text: str) -> str:
    short = text if len(text) <= 60 else text[:60] + "…"
    return f'"{storable(short)}"'
