"""One inbound HTTP request becomes a recorded event, or a refusal that stores nothing (SEC-30).

In order: announced size, key, rate, body and its size, signature, parse, record, commit. Rate comes behind the key,
which costs one look-up, because a 429 for everybody would tell strangers that there is such an endpoint (SEC-13), and
let them use it up. Nothing of an action runs here. What is refused is counted and logged with its reason and never
stored; the key is in none of these.
"""

import hashlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import NoReturn

from django.conf import settings
from django.db import IntegrityError, OperationalError

from accounts import keys, vault
from reactions_project import clock
from reactions_project.crypto import DecryptionError
from reactions_project.strict_json import JsonLimits
from triggers import rate, refusals, room, signatures
from triggers.authentication import NotAuthentic, Presented, authenticate, presented_key
from triggers.filters import EventFacts, Found, look_up
from triggers.ledger import EventData, Recorded, record
from triggers.limits import Limits, Parsed, PayloadRejected, check_headers, parse_body, parse_query, safe_headers
from triggers.masking import masked, may_hold_key, quotes_key, without_key
from triggers.models import Trigger
from triggers.refusals import Reason, reason_of
from triggers.sources import Delivery, Told, source_of

logger = logging.getLogger("reactions.intake")
FAILURES_PER_MINUTE = 120
_LONGEST_ID = 200


@dataclass(frozen=True)
class Inbound:
    """A POST to /triggers/<route>. Header names are in lower case, and header values and query string as WSGI has
    them, one character per byte. `read` gives the body, at most as many bytes as it is told; `read_open` a body that
    came without its length, None where the server cannot tell its end."""

    route: str
    headers: Mapping[str, str]
    query_string: str
    address: str
    read: Callable[[int], bytes]
    read_open: Callable[[int], bytes] | None = None
    may_be_open: bool = False


class Refused(Exception):
    """`detail` says what to do next, `reason` is for the log, `counted` for the endpoint's owners. A refusal with
    status 401 is always the same."""

    def __init__(
        self,
        status: int,
        detail: str,
        reason: str,
        headers: Mapping[str, str] | None = None,
        counted: Reason | None = None,
    ) -> None:
        super().__init__(detail)
        self.counted = counted or reason_of(status)
        self.status = status
        self.detail = detail
        self.reason = reason
        self.headers = dict(headers or {})


NOT_AUTHENTIC = (
    "There is no such endpoint, or the key or signature is not right for it: send this trigger's key as X-Api-Key, "
    "as Authorization: Bearer or, where the trigger allows it, as ?apikey=."
)
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="reactions triggers"'}


def receive(request: Inbound) -> Recorded:
    """Take one delivery in; raises Refused."""
    try:
        return _refusing(request)
    except Refused as refused:
        refusals.count(request.route, refused.counted)
        raise


def _refusing(request: Inbound) -> Recorded:
    try:
        return _receive(request)
    except PayloadRejected as error:
        raise _unreadable(error, presented_key(request.headers, request.query_string)) from error
    except OperationalError as error:
        raise Refused(503, "The database is busy: send it again in a minute.", "the database", _in(60)) from error


def _unreadable(error: PayloadRejected, presented: Presented) -> Refused:
    if quotes_key(presented.text, str(error)):
        return Refused(error.status, "What cannot be read here holds the key: send that once.", "the key is in it")
    # The sentence may quote the request, so the log gets it escaped (SEC-80).
    return Refused(error.status, str(error), str(error).encode("unicode_escape").decode())


def _receive(request: Inbound) -> Recorded:
    size = _announced_size(request)
    presented = presented_key(request.headers, request.query_string)
    trigger, body = _authentic(request, presented, size)
    if not room.is_there_room():
        raise Refused(503, "The server's disk is nearly full: send it again later.", "the disk is full", _in(300))
    parsed = parse_body(request.headers.get("content-type"), request.headers.get("content-encoding"), body, _limits())
    if size is None:
        _check_is_whole(parsed)
    if may_hold_key(presented.text, body):
        parsed = replace(parsed, payload=masked(presented.text, parsed.payload))
    query = parse_query(request.query_string)
    return _record(trigger, _data(trigger, request, presented, parsed, query))


def _announced_size(request: Inbound) -> int | None:
    """How long the body will be, None where only reading tells; what is too large is refused before it is read."""
    check_headers(request.headers)
    announced = request.headers.get("content-length", "").strip()
    coding = request.headers.get("transfer-encoding", "").strip().lower()
    if coding and announced:
        # RFC 9112, section 6.1: two readers could take different bodies from it.
        raise Refused(400, "There is a Content-Length and a Transfer-Encoding: send one of them.", "two lengths")
    if coding or (request.may_be_open and not announced):
        if coding not in {"", "chunked"} or request.read_open is None:
            raise Refused(411, "The body has no Content-Length: send it with one, not chunked.", "no length")
        return None
    if not announced:
        return 0
    if not (announced.isascii() and announced.isdigit() and len(announced) < 19):
        raise Refused(400, "The Content-Length is not a number: send the body's length in bytes.", "a strange length")
    size = int(announced)
    _check_size(size)
    return size


def _check_is_whole(parsed: Parsed) -> None:
    """A server may hand over a chunked body that broke off as if it had ended. An object or array that parses ended
    with its bracket; of anything else nobody can tell (RFC 9112, section 8)."""
    if parsed.media_type == "form" or not isinstance(parsed.payload, dict | list):
        raise Refused(411, "Whether this body came whole cannot be told: send it with a Content-Length.", "no length")


def _check_size(size: int) -> None:
    most = settings.REACTIONS_MAX_BODY_BYTES
    if size > most:
        raise Refused(413, f"The body is larger than {most:,} bytes: send less.", "its size")


def _read(request: Inbound, size: int | None) -> bytes:
    """The whole body; of one whose length nobody announced, no more than one byte over the limit is read."""
    if size is None:
        assert request.read_open is not None
        body = _drained(request.read_open, settings.REACTIONS_MAX_BODY_BYTES + 1)
        _check_size(len(body))
        return body
    body = _drained(request.read, size)
    if len(body) < size:
        raise Refused(400, "The body is shorter than its Content-Length: send it whole.", "a body cut short")
    return body


def _drained(read: Callable[[int], bytes], most: int) -> bytes:
    parts: list[bytes] = []
    missing = most
    try:
        while missing > 0 and (part := read(missing)):
            parts.append(part)
            missing -= len(part)
    except OSError as error:
        raise Refused(400, "The body broke off: send the request again.", "a broken connection") from error
    return b"".join(parts)


def _authentic(request: Inbound, presented: Presented, size: int | None) -> tuple[Trigger, bytes]:
    """The endpoint that key and signature open, and the body, which nobody without a key makes us read."""
    try:
        key = authenticate(presented, request.route)
        _check_rate(request.route)
        body = _read(request, size)
        _check_signature(key.trigger, request, body)
    except NotAuthentic as error:
        _not_authentic(request, str(error), error.why)
    except signatures.SignatureRejected as error:
        _not_authentic(request, str(error), Reason.SIGNATURE)
    keys.note_use(key)
    return key.trigger, body


def _check_signature(trigger: Trigger, request: Inbound, body: bytes) -> None:
    if not trigger.signature_scheme:
        return
    try:
        secrets = [vault.reveal(one) for one in (trigger.signing_secret, trigger.former_signing_secret) if one]
    except DecryptionError as error:
        logger.error("The signing secret of trigger %s cannot be opened: %s", trigger.pk, error)
        raise Refused(
            503, "The server cannot check the signature: ask its operator to look at the log.", str(error), _in(300)
        ) from error
    signatures.check(trigger.signature_scheme, request.headers, body, secrets, clock.now())


def _not_authentic(request: Inbound, reason: str, counted: Reason) -> NoReturn:
    """The one 401; 429 for an address that fails too often. A right key still passes from there: behind one proxy or
    one NAT, a stranger's mistakes must not shut others out, and 256 bits are beyond guessing at any rate."""
    count = rate.add(f"failures {request.address}")
    if count.times > FAILURES_PER_MINUTE:
        raise Refused(
            429,
            "Too many requests from this address were refused: correct the key, then wait as long as Retry-After says.",
            "" if count.times > FAILURES_PER_MINUTE + 1 else f"more than {FAILURES_PER_MINUTE} failures in a minute",
            _in(count.seconds_left),
            counted,
        )
    raise Refused(401, NOT_AUTHENTIC, reason, _CHALLENGE, counted)


def _data(
    trigger: Trigger, request: Inbound, presented: Presented, parsed: Parsed, query: Mapping[str, str]
) -> EventData:
    scheme = signatures.schemes.get(trigger.signature_scheme) if trigger.signature_scheme else None
    # Proxies repeat the whole address in headers of theirs (X-Original-URI), with the key in it.
    headers = without_key(presented.text, safe_headers(request.headers, also=[getattr(scheme, "header", "")]))
    query = without_key(presented.text, query)
    told = source_of(trigger.source).tell(Delivery(parsed.payload, headers, query))
    data = EventData(
        type=told.type,
        source="webhook",
        project=trigger.project,
        trigger=trigger,
        subject=told.subject or trigger.name,
        payload=parsed.payload,
        query=query,
        headers=headers,
    )
    return replace(data, delivery_id=_delivery_id(trigger, told, data))


def _delivery_id(trigger: Trigger, told: Told, data: EventData) -> str | None:
    """The id at the trigger's own path or, without one, where its source has it. What is not there names nothing."""
    identity: object = told.delivery_id
    if trigger.delivery_id_path:
        facts = EventFacts(type=data.type, payload=data.payload, query=data.query, headers=data.headers)
        found = look_up(trigger.delivery_id_path, facts)
        identity = found.value if isinstance(found, Found) and not found.is_each else None
    if isinstance(identity, bool) or not isinstance(identity, str | int) or identity == "":
        return None
    text = str(identity).replace("\0", "\ufffd").encode("utf-8", "replace").decode()
    if len(text) <= _LONGEST_ID:
        return text
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def _record(trigger: Trigger, data: EventData) -> Recorded:
    try:
        # One transaction of its own, so that nobody is answered before it is committed.
        return record(data)
    except IntegrityError as error:
        if Trigger.objects.filter(pk=trigger.pk).exists():
            raise
        raise Refused(401, NOT_AUTHENTIC, "the endpoint was deleted meanwhile", _CHALLENGE, Reason.KEY) from error


def _limits() -> Limits:
    return Limits(body=JsonLimits(size_bytes=settings.REACTIONS_MAX_BODY_BYTES))


def _limit() -> int:
    """How many deliveries an endpoint takes in a minute; 0 for any number."""
    limit: int = settings.REACTIONS_TRIGGER_RATE_PER_MINUTE
    return limit


def _check_rate(route: str) -> None:
    """Only requests with the right key count, so that nobody without one can keep its sender out."""
    if _limit() and (count := rate.add(f"endpoint {route}")).times > _limit():
        raise Refused(
            429,
            f"This endpoint takes {_limit()} requests a minute: "
            "send it again after as many seconds as Retry-After says.",
            "its rate",
            _in(count.seconds_left),
        )


def _in(seconds: int) -> dict[str, str]:
    return {"Retry-After": str(seconds)}
