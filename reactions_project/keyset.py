"""Pages of a list that grows at its head: by the id before or after which they lie, so that rows never jump."""

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db.models import Model, QuerySet
from django.http import HttpRequest

M = TypeVar("M", bound=Model)
PER_PAGE = 50
_LARGEST_ID = 2**63 - 1


@dataclass(frozen=True)
class Page(Generic[M]):
    """`older` and `newer` are query strings of the neighbouring pages, with the filters kept."""

    rows: list[M]
    older: str = ""
    newer: str = ""


def page_of(queryset: QuerySet[M], request: HttpRequest, per_page: int = PER_PAGE) -> Page[M]:
    """The page that ?before= or ?after= names, newest first. One query; it never counts."""
    before, after = _number(request, "before"), _number(request, "after")
    if after is not None:
        rows = list(queryset.filter(pk__gt=after).order_by("pk")[: per_page + 1])
        has_newer, rows = len(rows) > per_page, rows[:per_page][::-1]
        return Page(rows, _at(request, "before", rows[-1] if rows else None), _newer(request, rows, has_newer))
    if before is not None:
        queryset = queryset.filter(pk__lt=before)
    rows = list(queryset.order_by("-pk")[: per_page + 1])
    has_older, rows = len(rows) > per_page, rows[:per_page]
    return Page(
        rows,
        _at(request, "before", rows[-1] if has_older else None),
        _newer(request, rows, before is not None),
    )


def _newer(request: HttpRequest, rows: list[Any], is_there: bool) -> str:
    return _at(request, "after", rows[0] if is_there and rows else None)


def _at(request: HttpRequest, name: str, row: Any | None) -> str:
    if row is None:
        return ""
    kept = request.GET.copy()
    for cursor in ("before", "after"):
        kept.pop(cursor, None)
    kept[name] = str(row.pk)
    return f"?{kept.urlencode()}"


def _number(request: HttpRequest, name: str) -> int | None:
    text = request.GET.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= _LARGEST_ID else None
