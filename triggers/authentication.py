"""Which trigger key a request carries, and whether it opens the endpoint that was asked for (SEC-11, SEC-13).

Every refusal costs the same: one look-up by prefix and one digest, whether or not there is such a key or route. The
answer never says which it was; the reason is for the server's own log.
"""

import hmac
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from accounts import keys
from reactions_project import clock
from reactions_project.prepared import PreparedRows
from triggers.limits import PayloadRejected, key_in_query
from triggers.models import TriggerKey
from triggers.refusals import Reason

_HEADERS = ("x-api-key", "x-nuget-apikey", "x-octopus-apikey")
# No key has this prefix: keys have lower-case ones.
_NO_PREFIX = "-" * 10
_keys = PreparedRows(
    lambda prefix: (
        TriggerKey.objects.filter(prefix=prefix)
        .select_related("trigger__project", "trigger__signing_secret", "trigger__former_signing_secret")
        .order_by()
    )
)


class NotAuthentic(Exception):
    """The request does not prove that it may deliver here; the message is for the log and holds no key."""

    def __init__(self, message: str, why: Reason = Reason.KEY) -> None:
        super().__init__(message)
        self.why = why


@dataclass(frozen=True)
class Presented:
    """What a request offers as its key."""

    text: str = ""
    is_from_query: bool = False


def presented_key(headers: Mapping[str, str], query_string: str) -> Presented:
    """The key in a header or, failing that, in the query string. Header names are in lower case."""
    for name in _HEADERS:
        if text := headers.get(name, "").strip():
            return Presented(text)
    scheme, _, rest = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and rest.strip():
        return Presented(rest.strip())
    with suppress(PayloadRejected):
        if in_query := key_in_query(query_string):
            return Presented(in_query, is_from_query=True)
    return Presented()


class KnownKeys:
    """Keys that opened their endpoints within the last seconds, as they were read then. Whoever uses one must have the
    database check it again in the statement that writes (triggers.ledger.record_open), so that a revocation counts at
    once. `uptime` gives seconds."""

    seconds = 5.0
    # Some hundred kB.
    most = 1_000

    def __init__(self, uptime: Callable[[], float] = time.monotonic) -> None:
        self._uptime = uptime
        self._read: dict[str, tuple[float, TriggerKey]] = {}

    def authenticate(self, presented: Presented, route: str) -> TriggerKey:
        """As `authenticate`. Only a right key is known, and a wrong one costs a look-up whether or not its prefix is
        known, so that time tells nothing (SEC-13)."""
        prefix = keys.prefix_of(keys.TRIGGER, presented.text) or _NO_PREFIX
        read_at, key = self._read.get(prefix, (0.0, None))
        if key is not None and self._uptime() - read_at < self.seconds and keys.matches(key, presented.text):
            return _opens(key, presented, route)
        key = authenticate(presented, route)
        # Secrets change without their endpoint.
        if not key.trigger.signature_scheme:
            if len(self._read) >= self.most:
                self._read.clear()
            self._read[prefix] = self._uptime(), key
        return key

    def forget(self, key: TriggerKey) -> None:
        self._read.pop(key.prefix, None)


def authenticate(presented: Presented, route: str) -> TriggerKey:
    """The valid key of this route's enabled endpoint; raises NotAuthentic."""
    prefix = keys.prefix_of(keys.TRIGGER, presented.text)
    key = _keys.first(prefix or _NO_PREFIX)
    is_right = hmac.compare_digest((key.digest if key else "").encode(), keys.digest(presented.text).encode())
    if key is None or not is_right:
        raise NotAuthentic(_why_unknown(presented, prefix))
    return _opens(key, presented, route)


def _opens(key: TriggerKey, presented: Presented, route: str) -> TriggerKey:
    if not key.is_valid(clock.now()):
        raise NotAuthentic(f"the key {key.prefix}… is {'revoked' if key.revoked_at else 'expired'}")
    trigger = key.trigger
    if not trigger.is_external or trigger.route != route:
        raise NotAuthentic(f"the key {key.prefix}… belongs to another endpoint, or there is no such route")
    if not trigger.is_enabled:
        raise NotAuthentic("the endpoint is disabled", Reason.DISABLED)
    if presented.is_from_query and not trigger.accepts_query_key:
        raise NotAuthentic("the endpoint takes no key in the query string")
    return key


def _why_unknown(presented: Presented, prefix: str | None) -> str:
    if not presented.text:
        return "no key was sent"
    return f"there is no key {prefix}… like this" if prefix else "what was sent is not a trigger key"
