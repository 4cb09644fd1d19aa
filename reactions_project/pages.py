"""Pages for what went wrong: in the base layout for people, as problem details for programs under /api/."""

from http import HTTPStatus

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.template.loader import render_to_string

from reactions_project.api.problems import not_found as api_not_found
from reactions_project.api.problems import problem_answer

_FOR_PROGRAMS = ("/api/", "/octopus/", "/triggers/")
NOT_HERE = "There is no such thing here, or it is not yours to see."
_SPOILT = "The request is not valid: go back, reload the page and try again."
_NOT_ALLOWED = "You may not do this: ask an owner of the team."
_STALE = "This page was open for too long, or cookies are off: go back, reload it and try again."
_BROKEN = "Something went wrong on our side. It is in the server's log; try again, and tell your operator if it stays."


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    return _answer(request, 400, _SPOILT)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    return _answer(request, 403, str(exception) or _NOT_ALLOWED)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    if request.path.startswith("/api/"):
        return api_not_found(request)
    return _answer(request, 404, NOT_HERE)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponseBase:
    return _answer(request, 403, _STALE)


def server_error(request: HttpRequest) -> HttpResponseBase:
    """Rendered without request, session or database: any of them may be what is broken."""
    if _is_program(request):
        return problem_answer(500, _BROKEN)
    return HttpResponse(render_to_string("500.html", {"explanation": _BROKEN}), status=500)


def _answer(request: HttpRequest, code: int, explanation: str) -> HttpResponseBase:
    if _is_program(request):
        return problem_answer(code, explanation)
    page = render_to_string(
        f"{code}.html", {"explanation": explanation, "title": HTTPStatus(code).phrase}, request=request
    )
    return HttpResponse(page, status=code, headers={"Cache-Control": "no-store, private"})


def _is_program(request: HttpRequest) -> bool:
    return request.path.startswith(_FOR_PROGRAMS)
