"""One inbound HTTP request becomes a recorded event, or a refusal that stores nothing (SEC-30).

In order: announced size, key, rate, body and its size, signature, parse, record, commit. Rate comes behind the key,
which costs one look-up, because a 429 for everybody would tell strangers that there is such an endpoint (SEC-13), and
let them use it up. Nothing of an action runs here. What is refused is counted and logged with its reason and never
stored; the key is in none of these.
"""

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NoReturn, TypeVar

from django.conf import settings
from django.db import IntegrityError, OperationalError

from accounts import keys, vault
from reactions_project import clock
from reactions_project.crypto import DecryptionError
from reactions_project.strict_json import JsonLimits
from triggers import rate, refusals, room, signatures
from triggers.authentication import KnownKeys, NotAuthentic, Presented, authenticate, presented_key
from triggers.ceiling import ceiling
from triggers.filters import EventFacts, Found, look_up
from triggers.ledger import EventData, Recorded, record, record_open
from triggers.limits import Limits, Parsed, PayloadRejected, check_headers, parse_body, parse_query, safe_headers
from triggers.masking import masked, may_hold_key, quotes_key, without_key
from triggers.models import Trigger, TriggerKey
from triggers.refusals import Reason, reason_of
from triggers.sources import Delivery, Told, source_of

logger = logging.getLogger("reactions.intake")
# Twice what an endpoint takes of a right key, since many senders may be behind one address.
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


@dataclass(frozen=True)
class Opened:
    """A delivery whose key opened its endpoint, read and ready to be written."""

    request: Inbound
    presented: Presented
    key: TriggerKey
    body: bytes
    parsed: Parsed
    query: Mapping[str, str]
    data: EventData


Authenticate = Callable[[Presented, str], TriggerKey]
T = TypeVar("T")
_known = KnownKeys()


def receive(request: Inbound) -> Recorded:
    """Take one delivery in; raises Refused."""
    return _counted(request, lambda: _record(_open(request, authenticate)))


def receive_all(requests: Sequence[Inbound]) -> list[Recorded | Refused]:
    """Take several in with one commit for all of them; for each what `receive` would return or raise."""
    answers: list[Recorded | Refused | None] = [None] * len(requests)
    opened: dict[int, Opened] = {}
    for number, request in enumerate(requests):
        try:
            opened[number] = _counted(request, partial(_open, request, _known.authenticate))
        except Refused as refused:
            answers[number] = refused
    for number, recorded in zip(opened, _record_together(list(opened.values())), strict=True):
        answers[number] = recorded
    return [answer for answer in answers if answer is not None]


def _record_together(deliveries: Sequence[Opened]) -> list[Recorded | Refused]:
    try:
        recorded = record_open([(one.data, one.key) for one in deliveries]) if deliveries else []
    except OperationalError as error:
        # Nobody is asked to wait again for each: the database is what is busy.
        refused = _busy(error)
        for one in deliveries:
            refusals.count(one.request.route, refused.counted)
        return [refused] * len(deliveries)
    except Exception:
        logger.exception("%s deliveries could not be written together; writing them one by one", len(deliveries))
        recorded = [None] * len(deliveries)
    return [known or _alone(one) for known, one in zip(recorded, deliveries, strict=True)]


def _alone(opened: Opened) -> Recorded | Refused:
    """One that was not written with the others: a repeated delivery, or an endpoint that changed meanwhile."""
    _known.forget(opened.key)

    def again() -> Recorded:
        request = opened.request
        key = _let_in(request, opened.presented, authenticate)
        _check_signature(key.trigger, request, opened.body)
        data = _data(key.trigger, request, opened.presented, opened.parsed, opened.query)
        return _record(replace(opened, key=key, data=data))

    try:
        return _counted(opened.request, again)
    except Refused as refused:
        return refused
    except Exception:
        logger.exception("A delivery at route %r failed", opened.request.route[:100])
        return FAILED


def _counted(request: Inbound, step: Callable[[], T]) -> T:
    """What the step gives; what it raises for a request that cannot be taken becomes Refused, and is counted."""
    try:
        return _refusing(request, step)
    except Refused as refused:
        refusals.count(request.route, refused.counted)
        raise


def _refusing(request: Inbound, step: Callable[[], T]) -> T:
    try:
        return step()
    except PayloadRejected as error:
        raise _unreadable(error, presented_key(request.headers, request.query_string)) from error
    except OperationalError as error:
        raise _busy(error) from error


def _busy(error: OperationalError) -> Refused:
    return Refused(503, "The database is busy: send it again in a minute.", f"the database ({error})", _in(60))


def _unreadable(error: PayloadRejected, presented: Presented) -> Refused:
    if quotes_key(presented.text, str(error)):
        return Refused(error.status, "What cannot be read here holds the key: send that once.", "the key is in it")
    # The sentence may quote the request, so the log gets it escaped (SEC-80).
    return Refused(error.status, str(error), str(error).encode("unicode_escape").decode())


def _open(request: Inbound, way_in: Authenticate) -> Opened:
    size = _announced_size(request)
    presented = presented_key(request.headers, request.query_string)
    key = _let_in(request, presented, way_in)
    try:
        return _opened(request, presented, key, size)
    except (Refused, PayloadRejected):
        # Whose key was revoked since it was read is told nothing else.
        if way_in is not authenticate:
            _let_in(request, presented, authenticate)
        raise


def _opened(request: Inbound, presented: Presented, key: TriggerKey, size: int | None) -> Opened:
    """Behind the key. Nobody without one makes us read a body."""
    _check_rate(request.route)
    _check_ceiling(key.trigger)
    body = _read(request, size)
    _check_signature(key.trigger, request, body)
    keys.note_use(key)
    if not room.is_there_room():
        raise Refused(503, "The server's disk is nearly full: send it again later.", "the disk is full", _in(300))
    parsed = parse_body(request.headers.get("content-type"), request.headers.get("content-encoding"), body, _limits())
    if size is None:
        _check_is_whole(parsed)
    if may_hold_key(presented.text, body):
        parsed = replace(parsed, payload=masked(presented.text, parsed.payload))
    query = parse_query(request.query_string)
    data = _data(key.trigger, request, presented, parsed, query)
    return Opened(request, presented, key, body, parsed, query, data)


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


def _let_in(request: Inbound, presented: Presented, way_in: Authenticate) -> TriggerKey:
    try:
        return way_in(presented, request.route)
    except NotAuthentic as error:
        _not_authentic(request, str(error), error.why)


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
    try:
        signatures.check(trigger.signature_scheme, request.headers, body, secrets, clock.now())
    except signatures.SignatureRejected as error:
        _not_authentic(request, str(error), Reason.SIGNATURE)


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


def _record(opened: Opened) -> Recorded:
    try:
        # One transaction of its own, so that nobody is answered before it is committed.
        return record(opened.data)
    except IntegrityError as error:
        if Trigger.objects.filter(pk=opened.key.trigger_id).exists():
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


def _check_ceiling(trigger: Trigger) -> None:
    if ceiling.is_reached(trigger.project.team_id):
        raise Refused(
            429,
            f"{settings.REACTIONS_QUEUE_CEILING:,} events or runs of this team wait already: send it again later, and "
            "see why they wait.",
            "its team's queue",
            _in(60),
            Reason.QUEUE,
        )


def _in(seconds: int) -> dict[str, str]:
    return {"Retry-After": str(seconds)}


FAILED = Refused(503, "The delivery could not be recorded: send it again later.", "", _in(60))
