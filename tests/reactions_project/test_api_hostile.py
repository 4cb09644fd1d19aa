"""Every route of the API, with what strangers and clumsy programs send."""

import re
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from rest_framework.test import APIClient

from tests.architecture.test_urls import views
from tests.factories import ProjectFactory, UserFactory, member, operator_caller

pytestmark = pytest.mark.django_db
PUBLIC = {"/api/", "/api/schema/", "/api/docs/"}
METHODS = ("get", "post", "put", "patch", "delete", "head", "options")
GARBAGE = ("nonsense", "0", "-1", "9" * 30, "\x00", "é", "' OR 1=1 --", "11111111-1111-4111-8111-111111111111")
_PARAMETER = re.compile(r"<(?:(\w+):)?(\w+)>")


def addresses() -> Iterator[str]:
    for route, _ in views():
        if route.startswith("api/") and "^" not in route:
            yield f"/{route}"


def filled(address: str, value: str) -> str:
    missing = "11111111-1111-4111-8111-111111111111"
    return _PARAMETER.sub(lambda match: missing if match[1] == "uuid" else quote(value), address)


ADDRESSES = sorted(set(addresses()))


@pytest.mark.parametrize("address", [one for one in ADDRESSES if one not in PUBLIC])
def test_sec_13_nobody_gets_anything_without_a_key(address: str):
    client = APIClient()
    for method in METHODS:
        answer = getattr(client, method)(filled(address, "nonsense"))
        assert answer.status_code == 401, f"{method} {address}"


@pytest.mark.parametrize("address", ADDRESSES)
def test_garbage_is_never_an_error_of_ours(address: str, client_for):
    client = client_for(operator_caller().user)
    for value in GARBAGE if "<" in address else ("",):
        for method in METHODS:
            for body in bodies(value) if method in ("post", "put", "patch") else (None,):
                answer = getattr(client, method)(filled(address, value), body)
                assert answer.status_code < 500, f"{method} {address} {value!r}"


def bodies(value: str) -> tuple[object, ...]:
    text = value.replace("\x00", "")
    return (
        {},
        [],
        {"name": text, "project": text, "config": [], "triggers": {}, "team": None, "scopes": {}, "event": []},
    )


@pytest.mark.parametrize("address", [one for one in ADDRESSES if "<" in one])
def test_sec_02_what_is_not_there_is_404_or_no_such_method(address: str):
    # In a session, which has every right that an operator has.
    client = APIClient()
    client.force_login(operator_caller().user, backend="django.contrib.auth.backends.ModelBackend")
    for method in ("get", "post", "patch", "delete"):
        answer = getattr(client, method)(filled(address, "11111111-1111-4111-8111-111111111111"), {})
        assert answer.status_code in (404, 405), f"{method} {address}: {answer.status_code}"


@pytest.mark.parametrize("address", [one for one in ADDRESSES if "<" not in one and one not in PUBLIC])
def test_hostile_queries_are_never_an_error_of_ours(address: str, client_for):
    client = client_for(member(ProjectFactory().team, "owner"))
    for name in ("project", "event", "name", "status", "since", "verdict", "cursor", "page_size", "is_enabled", "kind"):
        for value in GARBAGE:
            assert client.get(address, {name: value}).status_code < 500, f"{address}?{name}={value!r}"


@pytest.mark.parametrize("address", [one for one in ADDRESSES if "<" not in one and one not in PUBLIC])
def test_sec_02_an_outsiders_lists_are_empty(address: str, client_for):
    ProjectFactory()
    answer = client_for(UserFactory()).get(address)
    if answer.status_code == 200 and isinstance(answer.data, dict):
        assert answer.data["results"] == []
