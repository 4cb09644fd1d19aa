"""What every page knows."""

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from accounts.callers import caller_of
from actions.pausing import visible_pauses


def pauses(request: HttpRequest) -> dict[str, Any]:
    """The pauses in force that concern the reader; asked for when a page shows them."""
    return {
        "pauses_in_force": SimpleLazyObject(lambda: list(visible_pauses(caller_of(request)).filter(resumed_at=None)))
    }
