"""The audit log only grows."""

import pytest

from accounts.audit import record
from accounts.callers import Caller
from accounts.models import AuditEntry
from tests.factories import ProjectFactory, operator_caller

pytestmark = pytest.mark.django_db


def test_sec_80_an_entry_says_who_did_what_via_which_key():
    project = ProjectFactory(name="Core Web")
    entry = record(Caller(user=operator_caller().user, key_prefix="abc"), "change", project, project=project)
    assert (entry.actor_label, entry.key_prefix, entry.verb, entry.object_label) == (
        "operator",
        "abc",
        "change",
        "Core Web",
    )


def test_sec_80_no_entry_can_be_changed_or_deleted():
    entry = record(operator_caller(), "change", ProjectFactory())
    for attempt in (
        entry.save,
        entry.delete,
        AuditEntry.objects.all().delete,
        lambda: AuditEntry.objects.update(verb="other"),
    ):
        with pytest.raises(ValueError, match="Audit entries cannot be"):
            attempt()


def test_sec_80_entries_outlive_what_they_tell_of():
    project = ProjectFactory(name="Core Web")
    entry = record(operator_caller(), "delete", project, project=project)
    project.delete()
    operator_caller().user.delete()  # type: ignore[union-attr]
    entry.refresh_from_db()
    assert (entry.project, entry.actor, entry.object_label) == (None, None, "Core Web")
