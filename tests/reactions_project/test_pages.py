"""Errors: pages for people, problem details for programs."""

import pytest
from django.http import HttpRequest
from django.test import Client, RequestFactory

from reactions_project import pages


@pytest.mark.django_db
def test_an_unknown_address_is_a_page_for_people(client):
    answer = client.get("/no/such/page")
    assert answer.status_code == 404
    assert "There is no such thing here, or it is not yours to see." in answer.content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/api/no-such-thing/"])
def test_an_unknown_address_of_the_api_is_problem_details(client, path):
    answer = client.get(path)
    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.django_db
def test_an_unknown_host_is_one_plain_sentence():
    answer = Client(headers={"host": "evil.example.com"}).get("/sign-in/")
    assert answer.status_code == 400
    assert "evil" not in answer.content.decode()
    assert "This request does not make sense" in answer.content.decode()


def request_for(path: str) -> HttpRequest:
    return RequestFactory().get(path)


def test_a_broken_server_answers_without_database_session_or_details():
    answer = pages.server_error(request_for("/runs/"))
    assert answer.status_code == 500
    assert "Something went wrong on our side." in answer.content.decode()


@pytest.mark.parametrize("path", ["/api/runs/", "/triggers/mygetpackage", "/octopus/api/releases"])
def test_a_broken_server_answers_programs_in_problem_details(path):
    answer = pages.server_error(request_for(path))
    assert (answer.status_code, answer.headers["Content-Type"]) == (500, "application/problem+json")


@pytest.mark.django_db
def test_sec_71_pages_carry_the_strict_policy(client):
    policy = client.get("/sign-in/").headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
