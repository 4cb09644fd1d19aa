"""Answers of the API are for the one who asked: no cache keeps them (SEC-71)."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase


class NoStore:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        answer = self._get_response(request)
        if request.path_info.startswith("/api/"):
            answer.headers["Cache-Control"] = "no-store"
        return answer
