"""Every cell of the permission matrix again, asked of the REST API as clients ask it (SEC-01, SEC-02)."""

import itertools

import pytest
from rest_framework.test import APIClient

from accounts.models import Project
from accounts.roles import KEY_SCOPES, MATRIX, ROLE_COLUMNS
from tests.accounts.world import object_of
from tests.factories import ProjectFactory, UserFactory, api_key, member, operator_caller

pytestmark = pytest.mark.django_db
PEOPLE = ("operator", *ROLE_COLUMNS, "outsider", "anonymous")
# Matrix row -> the collection, and what names an object in it. Keys have tests of their own; a log hangs on its run.
COLLECTIONS = {
    "team": ("teams", "pk"),
    "project": ("projects", "pk"),
    "endpoint": ("triggers", "pk"),
    "reaction": ("reactions", "pk"),
    "http_action": ("actions", "pk"),
    "script_action": ("actions", "pk"),
    "secret": ("secrets", "pk"),
    "connection": ("connections", "pk"),
    "event_payload": ("events", "uid"),
    "run": ("runs", "uid"),
    "decision": ("decisions", "pk"),
    "audit_log": ("audit", "pk"),
    "catalog": ("releases", "pk"),
    "environment": ("environments", "pk"),
    "machine": ("machines", "pk"),
}
NEEDS = {"get": {"r", "m"}, "patch": {"u"}, "delete": {"d"}}


def client_of(column: str, project: Project) -> APIClient:
    client = APIClient()
    if column != "anonymous":
        user = {"operator": lambda: operator_caller().user, "outsider": UserFactory}.get(
            column, lambda: member(project.team, column)
        )()
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def check(client: APIClient, kind: str, project: Project, cell: frozenset[str], hidden: int) -> None:
    member(project.team, "owner")
    obj = object_of(kind, project)
    collection, name = COLLECTIONS[kind]
    url = f"/api/{collection}/{getattr(obj, name)}/"
    for method, needed in NEEDS.items():
        status = getattr(client, method)(url, {}).status_code
        if status == 405:
            continue
        if cell & needed:
            assert status in (200, 204, 400, 409), f"{method} {url}: {status}"
        else:
            assert status == (403 if cell & {"r", "m"} else hidden), f"{method} {url}: {status}"
            assert type(obj)._default_manager.filter(pk=obj.pk).exists()


@pytest.mark.parametrize(("kind", "column"), list(itertools.product(COLLECTIONS, PEOPLE)))
def test_sec_01_a_person_gets_what_their_cell_says(kind: str, column: str):
    project = ProjectFactory()
    client = client_of(column, project)
    check(client, kind, project, MATRIX[kind][column], 401 if column == "anonymous" else 404)


@pytest.mark.parametrize(
    ("kind", "scope", "holder"), list(itertools.product(COLLECTIONS, KEY_SCOPES, ("operator", "author")))
)
def test_sec_01_a_key_gets_what_its_scope_and_its_holder_both_may(kind: str, scope: str, holder: str):
    project = ProjectFactory()
    user = operator_caller().user if holder == "operator" else member(project.team, holder)
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {api_key(user, [scope])}")
    of_scope = MATRIX[kind][scope] | ({"m"} if "r" in MATRIX[kind][scope] else set())
    check(client, kind, project, of_scope & MATRIX[kind][holder], 404)
