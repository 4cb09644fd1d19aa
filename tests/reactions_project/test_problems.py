"""Every error of the API has one shape (RFC 9457)."""

import json

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError
from django.http import Http404
from django.test import RequestFactory
from rest_framework import exceptions

from reactions_project.api.problems import CONTENT_TYPE, not_found, problem_response


def answer_to(error: Exception):
    response = problem_response(error, {})
    assert response is not None
    return response


@pytest.mark.parametrize(
    ("error", "status", "detail"),
    [
        (ValidationError("A reaction needs a trigger."), 400, "A reaction needs a trigger."),
        (ValidationError({"name": "Give a name."}), 400, "name: Give a name."),
        (exceptions.ValidationError({"name": ["Give a name."]}), 400, "name: Give a name."),
        (exceptions.ValidationError("Not like this."), 400, "Not like this."),
        (exceptions.NotAuthenticated(), 401, "Sign in, or send an API key as Authorization: Bearer"),
        (PermissionDenied("bob may not."), 403, "bob may not."),
        (PermissionDenied(), 403, "You may not do this: ask an owner of the team."),
        (Http404("internals"), 404, "There is no such thing here, or it is not yours to see."),
        (exceptions.NotFound("internals"), 404, "There is no such thing here, or it is not yours to see."),
        (exceptions.MethodNotAllowed("PUT"), 405, 'Method "PUT" not allowed.'),
        (IntegrityError("UNIQUE constraint failed: x"), 409, "Somebody else changed this at the same moment"),
        (exceptions.Throttled(wait=7), 429, "Request was throttled."),
    ],
)
def test_each_error_has_its_status_and_one_sentence(error: Exception, status: int, detail: str):
    response = answer_to(error)
    assert response.status_code == status
    assert response.data["status"] == status
    assert response.data["detail"].startswith(detail)
    assert set(response.data) >= {"type", "title", "status", "detail"}
    assert response.content_type == CONTENT_TYPE
    assert response["Cache-Control"] == "no-store"


def test_errors_of_nested_fields_are_told_by_their_path():
    response = answer_to(
        exceptions.ValidationError({"steps": [{}, {"name": ["Give a name."]}], "other": {"a": ["B."]}})
    )
    assert response.data["errors"] == {"steps[1].name": ["Give a name."], "other.a": ["B."]}


def test_a_wait_is_told_in_a_header():
    assert answer_to(exceptions.Throttled(wait=7.2))["Retry-After"] == "8"


def test_an_error_that_nobody_foresaw_is_left_to_the_server():
    assert problem_response(RuntimeError("secret internals"), {}) is None


def test_an_unknown_address_is_a_problem_too():
    response = not_found(RequestFactory().get("/api/nonsense/"))
    assert response.status_code == 404
    assert response["Content-Type"] == CONTENT_TYPE
    assert json.loads(response.content)["detail"].startswith("There is no /api/nonsense/ here")
