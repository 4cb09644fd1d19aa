"""POST /triggers/<route> past Django's middleware: deliveries that wait at the same time share one commit.

Only what is a plain delivery comes here (`is_plain`); whatever is unusual goes through `webhook`, which answers alike.
"""

import io
import logging
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from django.conf import settings
from django.core.handlers.base import BaseHandler
from django.core.handlers.wsgi import WSGIRequest
from django.db import close_old_connections
from django.http.request import split_domain_port, validate_host

from reactions_project.addresses import address_behind
from reactions_project.wsgi_over_asgi import Answer, Delivery
from triggers.intake import FAILED, Inbound, receive_all
from triggers.views.webhook import answer_to

logger = logging.getLogger("reactions.intake")
_PATH = re.compile(rb"/triggers/([A-Za-z0-9][A-Za-z0-9._~-]*)/?")


def is_plain(method: str, path: bytes, headers: Mapping[str, str], scheme: str) -> bool:
    """Whether nothing of this request would be turned away or changed on the way to `webhook`."""
    if method != "POST" or not _PATH.fullmatch(path):
        return False
    host = split_domain_port(headers.get("host", ""))[0]
    if not host or not validate_host(host, _hosts()):
        return False
    return not settings.SECURE_SSL_REDIRECT or scheme == "https" or _is_told_secure(headers)


def answer_all(deliveries: Sequence[Delivery]) -> list[Answer]:
    """Answers in the order of the deliveries. Never raises."""
    close_old_connections()
    inbounds = [_inbound(one) for one in deliveries]
    try:
        taken = receive_all(inbounds)
    except Exception:
        logger.exception("%s deliveries could not be taken in", len(deliveries))
        taken = [FAILED] * len(deliveries)
    finally:
        close_old_connections()
    answers = []
    for inbound, one in zip(inbounds, taken, strict=True):
        response = answer_to(inbound, one)
        pairs = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in response.items()]
        length = (b"content-length", str(len(response.content)).encode())
        answers.append((response.status_code, [*pairs, length, *_common_headers()], response.content))
    return answers


def _inbound(delivery: Delivery) -> Inbound:
    match = _PATH.fullmatch(delivery.path)
    assert match is not None
    body = io.BytesIO(delivery.body)
    return Inbound(
        route=match.group(1).decode("ascii"),
        headers=delivery.headers,
        query_string=delivery.query_string,
        address=address_behind(delivery.peer, delivery.headers.get("x-forwarded-for", "")),
        read=body.read,
        read_open=body.read,
        may_be_open=delivery.http_version >= "2",
    )


def _hosts() -> list[str]:
    # As django.http.HttpRequest.get_host has it.
    if settings.DEBUG and not settings.ALLOWED_HOSTS:
        return [".localhost", "127.0.0.1", "[::1]"]
    return list(settings.ALLOWED_HOSTS)


def _is_told_secure(headers: Mapping[str, str]) -> bool:
    if not settings.SECURE_PROXY_SSL_HEADER:
        return False
    name, value = settings.SECURE_PROXY_SSL_HEADER
    told = headers.get(name.removeprefix("HTTP_").replace("_", "-").lower(), "")
    return told.split(",")[0].strip() == value


@lru_cache(maxsize=1)
def _common_headers() -> tuple[tuple[bytes, bytes], ...]:
    """What the middleware adds to an answer, asked of it once: a request that is not plain must not be answered in
    another manner (SEC-13)."""
    handler = BaseHandler()
    handler.load_middleware()
    asked = WSGIRequest(
        {
            "REQUEST_METHOD": "GET",
            "PATH_INFO": "/triggers/",
            "SERVER_NAME": next((host for host in _hosts() if not host.startswith((".", "*"))), "localhost"),
            "SERVER_PORT": "443",
            "wsgi.url_scheme": "https" if settings.SECURE_SSL_REDIRECT else "http",
            "wsgi.input": io.BytesIO(),
            **({settings.SECURE_PROXY_SSL_HEADER[0]: "https"} if settings.SECURE_PROXY_SSL_HEADER else {}),
        }
    )
    answer = handler.get_response(asked)
    own = {"content-type", "content-length", "allow", "cache-control"}
    pairs = [(name.lower(), value) for name, value in answer.items()]
    return tuple((name.encode("latin-1"), value.encode("latin-1")) for name, value in pairs if name not in own)
