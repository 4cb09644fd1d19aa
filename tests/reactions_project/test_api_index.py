"""What the API says of itself, and what it answers where it has nothing."""

import json

import pytest
from django.core.management import call_command
from django.test import Client
from drf_spectacular.validation import validate_schema
from rest_framework.test import APIClient

from reactions_project.api.views import collections

pytestmark = pytest.mark.django_db
OURS = ("action-kinds", "actions", "api-keys", "audit", "connections", "decisions", "projects", "reactions", "runs")


def test_the_index_names_every_collection():
    shown = APIClient().get("/api/").json()
    assert shown["reactions"] == "http://testserver/api/reactions/"
    assert set(OURS) | {"docs", "schema", "secrets", "teams"} <= set(shown)


def test_the_index_names_nothing_that_is_not_there(client: Client):
    for name in collections():
        assert client.get(f"/api/{name}/").status_code in (200, 401, 403), name


@pytest.mark.parametrize("method", ["get", "post", "put", "delete"])
@pytest.mark.parametrize("path", ["/api/nonsense/", "/api/nonsense", "/api/reactions/x/y/z/", "/api//", "/api/é/"])
def test_an_unknown_address_is_404_in_json(method: str, path: str):
    answer = getattr(APIClient(enforce_csrf_checks=True), method)(path)
    assert answer.status_code == 404
    assert answer["Content-Type"] == "application/problem+json"
    assert answer["Cache-Control"] == "no-store"


def test_a_last_slash_may_be_left_out(client_for):
    from tests.factories import ProjectFactory, member

    client = client_for(member(ProjectFactory().team, "editor"))
    assert client.get("/api/projects").data == client.get("/api/projects/").data
    answer = client.post("/api/reactions", {})
    assert answer.status_code == 400
    assert "name" in answer.json()["errors"]


def test_sec_71_leaving_out_the_slash_does_not_leave_out_csrf(client_for):
    from tests.factories import UserFactory

    client = APIClient(enforce_csrf_checks=True)
    client.force_login(UserFactory(), backend="django.contrib.auth.backends.ModelBackend")
    answer = client.post("/api/reactions", {})
    assert answer.status_code == 403
    assert "CSRF" in answer.json()["detail"]


@pytest.mark.parametrize("path", ["/api/", "/api/schema/", "/api/docs/", "/api/reactions/", "/api/nonsense/"])
def test_sec_71_no_cache_keeps_an_answer(client: Client, path: str):
    assert client.get(path)["Cache-Control"] == "no-store"


def test_the_schema_is_valid_and_made_without_a_warning(capsys: pytest.CaptureFixture[str], tmp_path):
    target = tmp_path / "schema.json"
    call_command("spectacular", "--validate", "--fail-on-warn", "--format", "openapi-json", "--file", str(target))
    document = json.loads(target.read_text())
    validate_schema(document)
    assert capsys.readouterr().err == ""


def test_the_schema_knows_both_headers_of_a_key_and_each_alone_suffices(client: Client):
    document = client.get("/api/schema/").json()
    assert set(document["components"]["securitySchemes"]) == {"bearerKey", "octopusKey", "session"}
    security = document["paths"]["/api/reactions/"]["get"]["security"]
    assert {"bearerKey": []} in security
    assert {"octopusKey": []} in security


def test_sec_04_no_schema_of_ours_lets_counters_and_dates_be_written(client: Client):
    schemas = client.get("/api/schema/").json()["components"]["schemas"]
    for name in ("Reaction", "Action", "Project", "Team", "Secret", "Connection", "NewApiKey"):
        for field in ("id", "version", "created_at", "updated_at", "created_by", "octopus_id", "prefix", "user"):
            if field in schemas[name]["properties"]:
                assert schemas[name]["properties"][field].get("readOnly"), f"{name}.{field}"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b'{"a": NaN}', 400),
        (b'{"a": 1, "a": 2}', 400),
        (b"[" * 100 + b"]" * 100, 400),
        (b'{"name": "\\ud800"}', 400),
        (b"[]", 400),
        (b'"text"', 400),
        (b"null", 400),
        (b" " * 1_048_577, 413),
        (b'{"a": "\xff"}', 400),
    ],
)
def test_sec_31_a_hostile_body_is_refused_and_never_an_error_of_ours(client_for, body: bytes, status: int):
    from tests.factories import ProjectFactory, member

    client = client_for(member(ProjectFactory().team, "editor"))
    answer = client.generic("POST", "/api/reactions/", body, content_type="application/json")
    assert answer.status_code == status
    assert answer["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("content_type", ["text/plain", "multipart/form-data; boundary=x", "application/xml", ""])
def test_what_is_not_json_is_415(client_for, content_type: str):
    from tests.factories import ProjectFactory, member

    client = client_for(member(ProjectFactory().team, "editor"))
    assert client.generic("POST", "/api/reactions/", b"{}", content_type=content_type).status_code == 415
