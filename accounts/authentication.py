"""How REST callers prove who they are: an API key or run token in a header, or the session."""

from typing import Any

from django.contrib.auth.models import AnonymousUser
from rest_framework import authentication, exceptions
from rest_framework.request import Request

from accounts import keys
from accounts.models import ApiKey, RunToken

_WRONG = "The API key is wrong, expired or revoked: send a valid one as Authorization: Bearer … or X-Octopus-ApiKey."


class RunPrincipal(AnonymousUser):
    """Stands for the script of a run: signed in, but nobody's account."""

    is_authenticated = True  # type: ignore[assignment]
    is_active = True  # type: ignore[assignment]


class ApiKeyAuthentication(authentication.BaseAuthentication):
    """`Authorization: Bearer …` or `X-Octopus-ApiKey: …`; a key that is not valid is 401, never "anonymous"."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        text = _presented(request)
        if text is None:
            return None
        if keys.prefix_of(keys.RUN, text) is not None and (token := keys.find(RunToken, keys.RUN, text)) is not None:
            return RunPrincipal(), token
        key = keys.find(ApiKey, keys.API, text, "user")
        if key is None or not key.user.is_active:
            raise exceptions.AuthenticationFailed(_WRONG)
        keys.note_use(key)
        return key.user, key

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="reactions"'


class SessionAuthentication(authentication.SessionAuthentication):
    """Django's session with CSRF on every unsafe request; anonymous callers get 401 rather than 403."""

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="reactions"'


def _presented(request: Request) -> str | None:
    # Header values reach WSGI as latin-1; anything odd in them simply does not match a key's shape.
    header = request.META.get("HTTP_X_OCTOPUS_APIKEY", "").strip()
    if header:
        return str(header)
    scheme, _, rest = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme.lower() == "bearer":
        return str(rest.strip())
    return None
