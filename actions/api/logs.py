"""Reading a run's log: by cursor while it grows, or whole as text."""

import json
import re
from typing import Any

from django.db.models import Q, QuerySet
from rest_framework import serializers
from rest_framework.renderers import BaseRenderer

from actions.models import LogChunk, Run

_MOST = 500
_CURSOR = re.compile(r"(?:([0-9]{1,9})\.)?([0-9]{1,9})\Z")


class LogLineSerializer(serializers.ModelSerializer[LogChunk]):
    attempt = serializers.IntegerField(source="attempt.number", read_only=True)

    class Meta:
        model = LogChunk
        fields = ["attempt", "sequence", "stream", "level", "text", "at"]
        read_only_fields = fields


class LogAnswer(serializers.Serializer[Any]):
    lines = LogLineSerializer(many=True)
    next = serializers.CharField(help_text="Give it as `after` to read on.")
    has_more = serializers.BooleanField(help_text="More is there already.")
    is_finished = serializers.BooleanField(help_text="The run has ended, so nothing will be added.")


class PlainTextRenderer(BaseRenderer):
    """For `Accept: text/plain` and `?format=text`; a refusal is still a problem document."""

    media_type = "text/plain"
    format = "text"
    charset = "utf-8"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> str:
        return data if isinstance(data, str) else json.dumps(data)


def after_of(text: str) -> tuple[int, int]:
    """`attempt.sequence`; a bare number is a sequence of every attempt, nothing the beginning.
    Raises ValidationError."""
    if not text:
        return 0, -1
    match = _CURSOR.match(text)
    if match is None:
        raise serializers.ValidationError({"after": "Give the `next` of the former answer, or nothing to begin."})
    return int(match.group(1) or 0), int(match.group(2))


def read_log(run: Run, chunks: QuerySet[LogChunk], after: tuple[int, int]) -> dict[str, Any]:
    """The next pieces after the cursor."""
    attempt, sequence = after
    later = Q(attempt__number__gt=attempt) | Q(attempt__number=attempt, sequence__gt=sequence)
    wanted = later if attempt else Q(sequence__gt=sequence)
    # The state is read before the lines: a run that ended in between is seen to have ended on the next reading.
    is_finished = run.is_finished
    found = list(_ordered(chunks.filter(wanted))[: _MOST + 1])
    lines = found[:_MOST]
    if lines:
        attempt, sequence = lines[-1].attempt.number, lines[-1].sequence
    return {
        "lines": LogLineSerializer(lines, many=True).data,
        "next": f"{attempt}.{sequence}" if attempt else str(max(sequence, 0) or ""),
        "has_more": len(found) > _MOST,
        "is_finished": is_finished,
    }


def log_text(chunks: QuerySet[LogChunk]) -> str:
    """The whole log; later attempts are told apart by a heading."""
    parts: list[str] = []
    attempt = 1
    for chunk in _ordered(chunks):
        if chunk.attempt.number != attempt:
            attempt = chunk.attempt.number
            parts.append(f"--- attempt {attempt} ---\n")
        parts.append(chunk.text if chunk.text.endswith("\n") else f"{chunk.text}\n")
    return "".join(parts)


def _ordered(chunks: QuerySet[LogChunk]) -> QuerySet[LogChunk]:
    return chunks.select_related("attempt").order_by("attempt__number", "sequence")
