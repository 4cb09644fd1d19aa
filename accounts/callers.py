"""Who asks: a signed-in person, the holder of an API key, or the script of a run. Frozen, so it can travel."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib.auth.models import AnonymousUser

from accounts.models import ApiKey, RunToken, User


@dataclass(frozen=True)
class RunGrant:
    """What a run's token carries: its project and the chain that its events will continue."""

    project_id: UUID
    run: UUID
    root: UUID
    chain: tuple[str, ...]
    label: str


@dataclass(frozen=True)
class Caller:
    """`scopes` is None for a session (no limit besides the person's own rights)."""

    user: User | None
    scopes: frozenset[str] | None = None
    run: RunGrant | None = None
    key_prefix: str = ""

    @property
    def person(self) -> User | None:
        """The user while the account is enabled; whose account is disabled holds no right (SEC-14)."""
        return self.user if self.user is not None and self.user.is_active else None

    @property
    def is_session(self) -> bool:
        """A person themselves: not a key, and not the script of a run."""
        return self.person is not None and self.scopes is None and self.run is None

    @property
    def is_operator(self) -> bool:
        return self.run is None and self.user is not None and self.user.is_operator

    @property
    def label(self) -> str:
        if self.run:
            return self.run.label
        return self.user.get_username() if self.user else "anonymous"


NOBODY = Caller(user=None)


def caller_for(user: User) -> Caller:
    """The caller of a session or of a test."""
    return Caller(user=user if user.is_active else None)


def caller_of(request: Any) -> Caller:
    """The caller of an HTTP or REST request; authentication left an ApiKey or RunToken in `request.auth`."""
    auth = getattr(request, "auth", None)
    if isinstance(auth, RunToken):
        return Caller(
            user=None,
            run=RunGrant(auth.project_id, auth.run, auth.root, tuple(auth.chain), auth.label),
            key_prefix=auth.prefix,
        )
    user = request.user
    if isinstance(user, AnonymousUser) or not user.is_active:
        return NOBODY
    if isinstance(auth, ApiKey):
        return Caller(user=user, scopes=frozenset(auth.scopes), key_prefix=auth.prefix)
    return Caller(user=user)
