"""Issue, look up and revoke keys: 256 random bits, prefix plus keyed digest stored, the text shown once (SEC-10).

A key reads `rx<kind>_<prefix>_<secret>`; the kind letter keeps a trigger key from being tried elsewhere and lets
secret scanners know one when they see it.
"""

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Collection
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TypeVar
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import QuerySet

from accounts.models import ApiKey, KeyBase, RunToken, User
from accounts.roles import KEY_SCOPES
from reactions_project import clock
from reactions_project.prepared import PreparedRows

K = TypeVar("K", bound=KeyBase)
_SHAPE = re.compile(r"\Arx([a-z])_([0-9a-z]{10})_([A-Za-z0-9_-]{43})\Z")
API, TRIGGER, RUN = "k", "t", "r"


def new_text(kind: str) -> str:
    """A fresh key."""
    return f"rx{kind}_{secrets.token_hex(5)}_{secrets.token_urlsafe(32)}"


def derived_text(kind: str, label: str) -> str:
    """The same key for the same label on this server: HMAC of the label under SECRET_KEY. For the demo, which must
    print its keys again although only digests are stored."""
    raw = hmac.new(settings.SECRET_KEY.encode(), f"derived key {label}".encode(), hashlib.sha512).digest()
    secret = base64.urlsafe_b64encode(raw[:32]).decode().rstrip("=")
    return f"rx{kind}_{raw[32:37].hex()}_{secret}"


def digest(text: str) -> str:
    """Keyed digest of a whole key text, hex."""
    return hmac.new(
        settings.SECRET_KEY.encode(), b"key digest" + text.encode("utf-8", "replace"), hashlib.sha256
    ).hexdigest()


def prefix_of(kind: str, text: str) -> str | None:
    """The stored prefix in a key of that kind, or None when the text is not shaped like one. Never raises."""
    match = _SHAPE.match(text)
    return match.group(2) if match and match.group(1) == kind else None


def matches(key: KeyBase, text: str) -> bool:
    """Constant-time comparison on bytes."""
    return hmac.compare_digest(key.digest.encode(), digest(text).encode())


def issue(key: KeyBase, kind: str, text: str | None = None) -> str:
    """Fill in prefix and digest, save, and return the text, which is not to be had again."""
    text = text or new_text(kind)
    prefix = prefix_of(kind, text)
    assert prefix is not None
    key.prefix, key.digest = prefix, digest(text)
    key.save()
    return text


def issue_api_key(
    user: User, name: str, scopes: Collection[str], expires_at: datetime | None = None, text: str | None = None
) -> tuple[ApiKey, str]:
    """A person's key; raises ValidationError for a scope that keys cannot have."""
    if not scopes or set(scopes) - set(KEY_SCOPES):
        raise ValidationError({"scopes": f"A key has one or more of the scopes {', '.join(KEY_SCOPES)}."})
    key = ApiKey(user=user, name=name, scopes=sorted(set(scopes)), expires_at=expires_at)
    return key, issue(key, API, text)


def find(queryset_model: type[K], kind: str, text: str, *related: str) -> K | None:
    """The valid key that this text is, or None; the time taken does not tell how much of it was right.

    `related` are the key's relations to fetch in the same query.
    """
    prefix = prefix_of(kind, text)
    key = _by_prefix(queryset_model, related).first(prefix) if prefix else None
    if key is None:
        hmac.compare_digest(digest(text), digest("nothing"))
        return None
    return key if matches(key, text) and key.is_valid(clock.now()) else None


@lru_cache
def _by_prefix(model: type[K], related: tuple[str, ...]) -> PreparedRows[K]:
    def rows(prefix: str) -> QuerySet[K]:
        found = model._default_manager.filter(prefix=prefix).order_by()
        return found.select_related(*related) if related else found

    return PreparedRows(rows)


def note_use(key: KeyBase) -> None:
    """Remember the last use, to the minute, so that a busy key does not write on every request."""
    now = clock.now()
    if key.last_used_at is None or now - key.last_used_at > timedelta(minutes=1):
        type(key)._default_manager.filter(pk=key.pk).update(last_used_at=now)
        key.last_used_at = now


def revoke(key: KeyBase) -> None:
    """Effective on the next request."""
    type(key)._default_manager.filter(pk=key.pk, revoked_at=None).update(revoked_at=clock.now())


def revoke_run_tokens(run_uid: UUID) -> None:
    """A run ended: its API client is dead (SEC-53)."""
    RunToken.objects.filter(run=run_uid, revoked_at=None).update(revoked_at=clock.now())
