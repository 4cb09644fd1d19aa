"""Who guesses passwords has to wait, whichever web host they ask (SEC-14)."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from accounts import lockout
from accounts.models import AuditEntry, SignInFailure, User
from reactions_project import clock
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db
PASSWORD = "a long enough password"


@pytest.fixture(autouse=True)
def quick_digests(settings) -> None:
    """Passwords are checked a hundred times here, and what that costs is of no interest."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def alice(quick_digests) -> User:
    alice = UserFactory(username="alice")
    alice.set_password(PASSWORD)
    alice.save()
    return alice


def sign_in(name: str = "alice", password: str = "wrong", address: str = "192.0.2.1", **headers: str):
    # A client of its own each time: what is counted hangs on no session and no process.
    return Client().post(
        reverse("sign-in"), {"username": name, "password": password}, REMOTE_ADDR=address, headers=headers
    )


def is_in(answer) -> bool:
    return answer.status_code == 302


def test_sec_14_after_five_wrong_passwords_the_right_one_has_to_wait(alice):
    for _ in range(lockout.PER_ACCOUNT_AND_ADDRESS):
        assert sign_in().status_code == 200
    answer = sign_in(password=PASSWORD)
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "900"
    page = answer.content.decode()
    assert "too many wrong passwords for this name or from your address: try again in 15 minutes." in page
    assert 'value="alice"' in page
    assert "_auth_user_id" not in answer.wsgi_request.session


def test_sec_14_the_owner_elsewhere_and_other_people_here_are_not_locked_out(alice):
    for _ in range(lockout.PER_ACCOUNT_AND_ADDRESS):
        sign_in()
    bob = UserFactory(username="bob")
    bob.set_password(PASSWORD)
    bob.save()
    assert is_in(sign_in(password=PASSWORD, address="192.0.2.2"))
    assert is_in(sign_in("bob", PASSWORD))
    assert sign_in(password=PASSWORD).status_code == 429


def test_sec_14_many_addresses_do_not_help_against_one_account(alice):
    for number in range(lockout.PER_ACCOUNT):
        sign_in(address=f"192.0.2.{number + 1}")
    assert sign_in(password=PASSWORD, address="198.51.100.1").status_code == 429


def test_sec_14_many_names_do_not_help_one_address(alice):
    for number in range(lockout.PER_ADDRESS):
        sign_in(f"name{number}")
    assert sign_in(password=PASSWORD).status_code == 429
    assert is_in(sign_in(password=PASSWORD, address="192.0.2.2"))


def test_sec_14_a_lock_ends_by_itself_and_asking_meanwhile_does_not_prolong_it(alice, monkeypatch):
    began = clock.now()
    for _ in range(lockout.PER_ACCOUNT_AND_ADDRESS):
        sign_in()
    monkeypatch.setattr(clock, "now", lambda: began + lockout.WINDOW - timedelta(seconds=30))
    answer = sign_in(password=PASSWORD)
    assert "try again in 1 minute." in answer.content.decode()
    monkeypatch.setattr(clock, "now", lambda: began + lockout.WINDOW + timedelta(seconds=30))
    assert is_in(sign_in(password=PASSWORD))


def test_sec_14_whoever_signs_in_starts_anew(alice):
    for _ in range(3):
        for _ in range(lockout.PER_ACCOUNT_AND_ADDRESS - 1):
            sign_in()
        assert is_in(sign_in(password=PASSWORD))
    assert not SignInFailure.objects.exists()


def test_sec_14_names_that_are_no_accounts_are_locked_in_the_same_words(alice):
    for name in ("alice", "nobody"):
        for _ in range(lockout.PER_ACCOUNT_AND_ADDRESS):
            sign_in(name)
    refused = [sign_in(name, PASSWORD).context["refused"] for name in ("alice", "nobody", " ALICE ")]
    assert len(set(refused)) == 1


def test_sec_14_an_invented_forwarding_header_makes_no_other_address(alice):
    for number in range(lockout.PER_ACCOUNT_AND_ADDRESS):
        sign_in(**{"x-forwarded-for": f"198.51.100.{number}"})
    assert sign_in(password=PASSWORD, **{"x-forwarded-for": "198.51.100.99"}).status_code == 429


def test_sec_14_behind_a_proxy_of_ours_each_client_counts_for_itself(alice, settings):
    settings.REACTIONS_TRUSTED_PROXIES = ["192.0.2.1"]
    for _ in range(lockout.PER_ACCOUNT_AND_ADDRESS):
        sign_in(**{"x-forwarded-for": "198.51.100.1"})
    assert sign_in(password=PASSWORD, **{"x-forwarded-for": "198.51.100.1"}).status_code == 429
    assert is_in(sign_in(password=PASSWORD, **{"x-forwarded-for": "198.51.100.2"}))


def test_sec_80_a_lock_is_kept_in_the_audit_log_once(alice):
    for _ in range(lockout.PER_ACCOUNT_AND_ADDRESS + 3):
        sign_in()
    locks = AuditEntry.objects.filter(object_label__contains="locked for 15 minutes")
    assert [(entry.object_id, "192.0.2.1" in entry.object_label) for entry in locks] == [("alice", True)]


def test_what_was_typed_is_not_kept_and_old_failures_go(alice, monkeypatch):
    sign_in("my secret in the wrong field")
    assert "secret" not in str(list(SignInFailure.objects.values()))
    later = clock.now() + lockout.WINDOW + timedelta(seconds=1)
    monkeypatch.setattr(clock, "now", lambda: later)
    sign_in()
    assert SignInFailure.objects.count() == 1


def test_an_empty_form_is_no_try(alice):
    for _ in range(lockout.PER_ADDRESS + 1):
        assert sign_in(password="").status_code == 200
    assert not SignInFailure.objects.exists()
