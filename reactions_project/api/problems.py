"""One shape for every error of the API: RFC 9457 problem details, `application/problem+json`."""

from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError
from django.db.models import ProtectedError, RestrictedError
from django.http import Http404, HttpRequest, JsonResponse
from rest_framework import exceptions, status
from rest_framework.response import Response
from rest_framework.views import set_rollback

CONTENT_TYPE = "application/problem+json"


def problem(code: int, detail: str, **more: Any) -> dict[str, Any]:
    """The body: type, title, status, detail, and `errors` by field where there are any."""
    return {"type": "about:blank", "title": HTTPStatus(code).phrase, "status": code, "detail": detail, **more}


def problem_answer(code: int, detail: str, headers: dict[str, str] | None = None, **more: Any) -> JsonResponse:
    """The same as a plain Django response."""
    answer = JsonResponse(problem(code, detail, **more), status=code, content_type=CONTENT_TYPE, headers=headers)
    answer["Cache-Control"] = "no-store"
    return answer


def problem_response(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler. None (unknown error) becomes a 500 page without details."""
    code: int
    headers: dict[str, str] = {}
    more: dict[str, Any] = {}
    if isinstance(error, ValidationError):
        errors = _of_django(error)
        code, detail, more = status.HTTP_400_BAD_REQUEST, _first(errors), {"errors": errors}
    elif isinstance(error, exceptions.ValidationError):
        errors = _flat(error.detail)
        code, detail, more = status.HTTP_400_BAD_REQUEST, _first(errors), {"errors": errors}
    elif isinstance(error, Http404 | exceptions.NotFound):
        code, detail = status.HTTP_404_NOT_FOUND, "There is no such thing here, or it is not yours to see."
    elif isinstance(error, PermissionDenied):
        code, detail = status.HTTP_403_FORBIDDEN, str(error) or "You may not do this: ask an owner of the team."
    elif isinstance(error, ProtectedError | RestrictedError):
        code, detail = status.HTTP_409_CONFLICT, _in_use(error)
    elif isinstance(error, IntegrityError):
        # Two that were both valid arrived at once, and the database let one in.
        code, detail = status.HTTP_409_CONFLICT, "Somebody else changed this at the same moment: look and try again."
    elif isinstance(error, exceptions.APIException):
        code, detail = error.status_code, str(error.detail)
        if isinstance(error, exceptions.NotAuthenticated):
            detail = "Sign in, or send an API key as Authorization: Bearer … or X-Octopus-ApiKey."
        if wait := getattr(error, "wait", None):
            headers["Retry-After"] = str(int(wait))
        if challenge := getattr(error, "auth_header", None):
            headers["WWW-Authenticate"] = challenge
    else:
        return None
    set_rollback()
    headers["Cache-Control"] = "no-store"
    return Response(problem(code, detail, **more), status=code, headers=headers, content_type=CONTENT_TYPE)


def _in_use(error: ProtectedError | RestrictedError) -> str:
    objects = getattr(error, "protected_objects", None) or getattr(error, "restricted_objects", None) or set()
    users = sorted({f"{o._meta.verbose_name} {o}" for o in list(objects)[:3]})
    return f"It is in use by {', '.join(users)}: change or delete that first, or disable this instead."


def _of_django(error: ValidationError) -> dict[str, list[str]]:
    return error.message_dict if hasattr(error, "error_dict") else {"__all__": error.messages}


def _flat(detail: Any, path: str = "") -> dict[str, list[str]]:
    if isinstance(detail, dict):
        found: dict[str, list[str]] = {}
        for name, inner in detail.items():
            found.update(_flat(inner, f"{path}.{name}" if path else str(name)))
        return found
    if isinstance(detail, list):
        texts = [str(one) for one in detail if not isinstance(one, dict | list)]
        found = {path or "__all__": texts} if texts else {}
        for index, one in enumerate(detail):
            if isinstance(one, dict | list):
                found.update(_flat(one, f"{path}[{index}]"))
        return found
    return {path or "__all__": [str(detail)]}


def _first(errors: dict[str, list[str]]) -> str:
    for name, texts in errors.items():
        if texts:
            return texts[0] if name in {"__all__", "non_field_errors"} else f"{name}: {texts[0]}"
    return "The request is not valid."


def not_found(request: HttpRequest) -> JsonResponse:
    """For addresses under /api/ that no route knows."""
    return problem_answer(404, f"There is no {request.path} here: see /api/docs/ for what there is.")
