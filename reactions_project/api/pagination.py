"""Cursor pagination for every list: stable while rows arrive, and it never counts."""

from rest_framework.pagination import CursorPagination


class LedgerPagination(CursorPagination):
    """Newest first by default; `?page_size=` up to 200. A viewset names another unique ordering in `page_ordering`."""

    page_size = 50
    max_page_size = 200
    page_size_query_param = "page_size"
    ordering = "-pk"

    def get_ordering(self, request: object, queryset: object, view: object) -> tuple[str, ...]:
        return tuple(getattr(view, "page_ordering", (self.ordering,)))
