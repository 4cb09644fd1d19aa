"""Secrets: stored sealed, changed by those who may, given away by nobody."""

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection

from accounts import vault
from accounts.callers import Caller, caller_for
from accounts.models import AuditEntry, Project, Secret
from reactions_project.crypto import DecryptionError
from tests.factories import ProjectFactory, TeamFactory, member, operator_caller

pytestmark = pytest.mark.django_db
VALUE = "correct horse battery staple"


@pytest.fixture
def project() -> Project:
    return ProjectFactory()


@pytest.fixture
def alice(project: Project) -> Caller:
    return caller_for(member(project.team, "owner", "alice"))


def test_alice_stores_a_secret_and_a_run_reads_it(project: Project, alice: Caller):
    secret = vault.store(alice, project, "token", VALUE)
    assert vault.reveal(secret) == VALUE


def test_sec_20_the_database_holds_no_plain_text(project: Project, alice: Caller):
    vault.store(alice, project, "token", VALUE)
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names():
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            assert VALUE not in str(cursor.fetchall()), table


def test_sec_20_a_ciphertext_copied_to_another_row_does_not_open(project: Project, alice: Caller):
    secret, other = vault.store(alice, project, "a", VALUE), vault.store(alice, project, "b", "other")
    Secret.objects.filter(pk=other.pk).update(ciphertext=secret.ciphertext)
    other.refresh_from_db()
    with pytest.raises(DecryptionError, match="changed or moved"):
        vault.reveal(other)


def test_sec_20_values_are_sealed_again_with_the_first_key(project: Project, alice: Caller, settings):
    secret = vault.store(alice, project, "token", VALUE)
    former = settings.REACTIONS_ENCRYPTION_KEYS
    settings.REACTIONS_ENCRYPTION_KEYS = ["a new key for this one test only 0123456789", *former]
    assert vault.rotate() == 1
    assert vault.rotate() == 0
    settings.REACTIONS_ENCRYPTION_KEYS = settings.REACTIONS_ENCRYPTION_KEYS[:1]
    secret.refresh_from_db()
    assert vault.reveal(secret) == VALUE


@pytest.mark.parametrize("role", ["author", "editor", "viewer"])
def test_bob_stores_and_changes_no_secret(project: Project, alice: Caller, role: str):
    bob = caller_for(member(project.team, role, "bob"))
    with pytest.raises(PermissionDenied):
        vault.store(bob, project, "token", VALUE)
    secret = vault.store(alice, project, "token", VALUE)
    for attempt in (
        lambda: vault.store(bob, project, "token", "other"),
        lambda: vault.limit_hosts(bob, secret, []),
        lambda: vault.delete(bob, secret),
    ):
        with pytest.raises(PermissionDenied):
            attempt()
    assert vault.reveal(Secret.objects.get()) == VALUE


def test_sec_12_no_key_stores_a_secret(project: Project):
    key = Caller(user=operator_caller().user, scopes=frozenset({"read", "write", "run"}))
    with pytest.raises(PermissionDenied):
        vault.store(key, project, "token", VALUE)


def test_charlie_stores_nothing_in_alices_project(project: Project):
    with pytest.raises(PermissionDenied):
        vault.store(caller_for(member(TeamFactory(), "owner")), project, "token", VALUE)


def test_sec_21_the_audit_log_says_changed_and_not_what(project: Project, alice: Caller):
    vault.store(alice, project, "token", VALUE)
    vault.store(alice, project, "token", "another value")
    entries = AuditEntry.objects.filter(object_type="accounts.Secret")
    assert [entry.verb for entry in entries] == ["change", "create"]
    assert all(entry.changes == {"value": "changed"} for entry in entries)


def test_sec_23_hosts_are_changed_without_the_value(project: Project, alice: Caller):
    secret = vault.store(alice, project, "token", VALUE, ["api.example.com"])
    vault.limit_hosts(alice, secret, ["API.example.org"])
    secret.refresh_from_db()
    assert secret.allowed_hosts == ["api.example.org"]
    assert vault.reveal(secret) == VALUE


@pytest.mark.parametrize("hosts", [["https://example.com"], ["*.example.com"], ["a/b"], [""], [1], "example.com", {}])
def test_sec_23_what_is_no_host_is_refused(project: Project, alice: Caller, hosts):
    with pytest.raises(ValidationError, match="Name hosts only"):
        vault.store(alice, project, "token", VALUE, hosts)


def test_a_deleted_secret_is_gone(project: Project, alice: Caller):
    vault.delete(alice, vault.store(alice, project, "token", VALUE))
    assert not Secret.objects.exists()
