"""POST /triggers/<route>: the only address at which strangers may write. A plain view: no session, no cookie."""

import logging
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from reactions_project.addresses import client_address
from reactions_project.api.problems import problem_answer
from triggers.intake import FAILED, Inbound, Refused, receive
from triggers.ledger import Recorded

logger = logging.getLogger("reactions.intake")


@csrf_exempt
def webhook(request: HttpRequest, route: str) -> HttpResponseBase:
    """202 with the event's id and address, 200 for a delivery that was recorded before, or a problem document."""
    if request.method != "POST":
        return problem_answer(405, "Triggers are reached by POST: send the delivery with that.", {"Allow": "POST"})
    inbound = _inbound(request, route)
    try:
        taken: Recorded | Refused = receive(inbound)
    except Refused as refused:
        taken = refused
    except Exception:
        logger.exception("A delivery at route %r failed", route[:100])
        taken = FAILED
    return answer_to(inbound, taken)


def answer_to(inbound: Inbound, taken: Recorded | Refused) -> HttpResponse:
    """What the sender is told; a refusal is logged with its reason."""
    if isinstance(taken, Refused):
        if taken.reason:
            # %r: what a stranger put into the route must not write lines of its own (SEC-80).
            logger.warning(
                "Refused %d at route %r from %s: %s", taken.status, inbound.route[:100], inbound.address, taken.reason
            )
        return problem_answer(taken.status, taken.detail, dict(taken.headers))
    address = f"{settings.REACTIONS_BASE_URL}/api/events/{taken.event.uid}/"
    answer: dict[str, Any] = {"id": str(taken.event.uid), "url": address}
    if not taken.is_new:
        answer["duplicate"] = True
    return JsonResponse(answer, status=202 if taken.is_new else 200, headers={"Cache-Control": "no-store"})


def _inbound(request: HttpRequest, route: str) -> Inbound:
    """The request as values; the key's places are emptied, so that no error page or later code finds it (SEC-11)."""
    inbound = Inbound(
        # Senders' forms like to add a slash.
        route=route.removesuffix("/"),
        headers={name.lower(): value for name, value in request.headers.items()},
        query_string=request.META.get("QUERY_STRING", ""),
        address=client_address(request),
        read=request.read,
        # Django reads nothing without a length; the stream below does, where the server ends it with the body.
        read_open=request.META["wsgi.input"].read if request.META.get("wsgi.input_terminated") else None,
        # HTTP/2 has no chunks, and no other sign that a body without a length follows.
        may_be_open=request.META.get("SERVER_PROTOCOL", "") >= "HTTP/2",
    )
    for name in ("QUERY_STRING", "REQUEST_URI", "RAW_URI"):
        request.META.pop(name, None)
    for name in [name for name in request.META if name.startswith("HTTP_")]:
        del request.META[name]
    return inbound
