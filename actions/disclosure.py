"""What a decision tells whom: values of the payload, query string and headers only to those who may read payloads
(SEC-01, row "event payload"). Pages and API ask here before they show a reason or a trace."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from actions.models import Verdict
from triggers.filters import fields

HIDDEN_CONDITION = (
    "A condition on the payload did not pass. Your role may not read payloads: ask an editor of the team."
)
HIDDEN_VALUE = "This reaction already fired for the same value; it fires once per value."


@dataclass(frozen=True)
class Disclosed:
    reason: str
    trace: list[dict[str, Any]]


def disclose(verdict: str, reason: str, trace: Iterable[dict[str, Any]], *, reads_payload: bool) -> Disclosed:
    """The reason and trace of a decision as its reader may know them. A row that was emptied says `"hidden": true`."""
    rows = list(trace)
    if reads_payload:
        return Disclosed(reason, rows)
    shown = [_emptied(row) for row in rows]
    if verdict in (Verdict.FILTERED, Verdict.ERROR) and any(row.get("hidden") for row in shown):
        # A reason is the sentence of the condition that decided; whatever is not surely harmless stays hidden.
        told = {row.get("sentence") for row in _each(shown)}
        reason = reason if reason in told else HIDDEN_CONDITION
    elif verdict == Verdict.DUPLICATE:
        reason = HIDDEN_VALUE
    return Disclosed(reason, shown)


def _emptied(row: dict[str, Any]) -> dict[str, Any]:
    """A group holds what its parts hold: with one hidden part its own sentence is hidden too."""
    if parts := row.get("parts"):
        emptied = [_emptied(part) for part in parts]
        is_hidden = any(part.get("hidden") for part in emptied)
        return {**row, "parts": emptied} | ({"sentence": "", "hidden": True} if is_hidden else {})
    name = row.get("field")
    return {**row, "got": "", "sentence": "", "hidden": True} if name not in fields else row


def _each(rows: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for row in rows:
        yield row
        yield from _each(row.get("parts", ()))
