"""A run's log: its last lines, what came after a cursor, and the whole of it as a download.

The cursor is "attempt.sequence" of the last line that the reader has, so a repeated question loses and doubles nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse

from accounts.permissions import visible
from accounts.views.scoped import ScopedPage
from actions.models import LogChunk, Run

MOST_CHUNKS = 500


@dataclass(frozen=True)
class Tail:
    """`has_more` after: ask again at once; before: the beginning was left out."""

    chunks: list[Any]
    cursor: str
    has_more: bool
    left_out: bool = False


def chunks_of(page: ScopedPage, run: Run) -> QuerySet[LogChunk]:
    found = visible(LogChunk.objects.filter(attempt__run=run), page.caller)
    return found.select_related("attempt").order_by("attempt__number", "sequence")


def last_lines(chunks: QuerySet[LogChunk]) -> Tail:
    rows = list(chunks.reverse()[: MOST_CHUNKS + 1])
    shown = rows[:MOST_CHUNKS][::-1]
    return Tail(shown, _cursor(shown, ""), has_more=False, left_out=len(rows) > MOST_CHUNKS)


def lines_after(chunks: QuerySet[LogChunk], cursor: str) -> Tail:
    if position := _position(cursor):
        attempt, sequence = position
        chunks = chunks.filter(Q(attempt__number__gt=attempt) | Q(attempt__number=attempt, sequence__gt=sequence))
    rows = list(chunks[: MOST_CHUNKS + 1])
    shown = rows[:MOST_CHUNKS]
    return Tail(shown, _cursor(shown, cursor if position else ""), has_more=len(rows) > MOST_CHUNKS)


class RunLogDownload(ScopedPage):
    """The whole log as a text file, which no browser will render (SEC-70)."""

    queryset = Run.objects.all()

    def get(self, request: HttpRequest, uid: Any) -> HttpResponseBase:
        run = self.visible_one(self.queryset.all(), uid=uid)
        answer = StreamingHttpResponse(_as_text(chunks_of(self, run)), content_type="text/plain; charset=utf-8")
        answer["Content-Disposition"] = f'attachment; filename="run-{run.pk}.log"'
        answer["X-Content-Type-Options"] = "nosniff"
        return answer


def _as_text(chunks: QuerySet[LogChunk]) -> Iterator[str]:
    for chunk in chunks.iterator(chunk_size=200):
        yield chunk.text if chunk.text.endswith("\n") else f"{chunk.text}\n"


def _cursor(chunks: list[LogChunk], former: str) -> str:
    return f"{chunks[-1].attempt.number}.{chunks[-1].sequence}" if chunks else former


def _position(cursor: str) -> tuple[int, int] | None:
    attempt, _, sequence = cursor.partition(".")
    if not all(part.isascii() and part.isdigit() and len(part) < 10 for part in (attempt, sequence)):
        return None
    return int(attempt), int(sequence)
