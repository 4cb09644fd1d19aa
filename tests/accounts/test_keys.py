"""Keys: issue, look up, revoke."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import connection

from accounts import keys
from accounts.models import ApiKey, RunToken
from reactions_project import clock
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db


def test_sec_10_a_key_has_256_random_bits_and_is_stored_as_prefix_and_digest():
    key, text = keys.issue_api_key(UserFactory(), "ci", ["read"])
    assert text.startswith(f"rxk_{key.prefix}_")
    secret = text.rsplit("_", 1)[-1] if text.count("_") == 2 else text.split("_", 2)[2]
    assert len(secret) == 43
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM accounts_apikey")
        assert secret not in str(cursor.fetchall())


def test_two_keys_differ():
    assert keys.new_text(keys.API) != keys.new_text(keys.API)


def test_a_key_is_found_by_its_text():
    key, text = keys.issue_api_key(UserFactory(), "ci", ["read"])
    assert keys.find(ApiKey, keys.API, text) == key


def test_a_key_comes_with_what_was_asked_for_in_one_query(django_assert_num_queries):
    _, text = keys.issue_api_key(UserFactory(username="alice"), "ci", ["read"])
    with django_assert_num_queries(1):
        found = keys.find(ApiKey, keys.API, text, "user")
        assert found is not None
        assert found.user.username == "alice"


def test_sec_10_a_key_with_one_other_character_is_nobodys():
    _, text = keys.issue_api_key(UserFactory(), "ci", ["read"])
    assert keys.find(ApiKey, keys.API, text[:-1] + ("A" if text[-1] != "A" else "B")) is None


@pytest.mark.parametrize("text", ["", "rxk_", "rxk_0000000000_" + "a" * 43 + "\n", "ä" * 80, "rxk_\x00", "x" * 100_000])
def test_sec_13_a_malformed_key_is_nobodys_and_no_error(text: str):
    assert keys.find(ApiKey, keys.API, text) is None


def test_sec_11_a_key_of_one_kind_is_none_of_another():
    _, text = keys.issue_api_key(UserFactory(), "ci", ["read"])
    assert keys.prefix_of(keys.TRIGGER, text) is None
    assert keys.find(RunToken, keys.RUN, text) is None


def test_sec_10_a_revoked_key_is_dead_at_once():
    key, text = keys.issue_api_key(UserFactory(), "ci", ["read"])
    keys.revoke(key)
    assert keys.find(ApiKey, keys.API, text) is None


def test_sec_10_an_expired_key_is_dead():
    _, text = keys.issue_api_key(UserFactory(), "ci", ["read"], expires_at=clock.now() - timedelta(seconds=1))
    assert keys.find(ApiKey, keys.API, text) is None


def test_the_last_use_is_noted_once_a_minute(django_assert_num_queries):
    key, _ = keys.issue_api_key(UserFactory(), "ci", ["read"])
    keys.note_use(key)
    key.refresh_from_db()
    assert key.last_used_at is not None
    with django_assert_num_queries(0):
        keys.note_use(key)


@pytest.mark.parametrize("scopes", [[], ["owner"], ["operator", "read"], ["trigger"]])
def test_sec_12_a_key_with_a_scope_that_keys_cannot_have_is_refused(scopes: list[str]):
    with pytest.raises(ValidationError, match="one or more of the scopes read, write, run"):
        keys.issue_api_key(UserFactory(), "ci", scopes)


def test_a_derived_key_is_the_same_each_time_and_differs_by_label():
    assert keys.derived_text(keys.API, "owner") == keys.derived_text(keys.API, "owner")
    assert keys.derived_text(keys.API, "owner") != keys.derived_text(keys.API, "viewer")
    assert keys.prefix_of(keys.API, keys.derived_text(keys.API, "owner")) is not None


def test_sec_20_digests_depend_on_the_servers_secret_key(settings):
    before = keys.digest("rxk_x")
    settings.SECRET_KEY = "another key of a fair length for this one test only 0123456789"
    assert keys.digest("rxk_x") != before
