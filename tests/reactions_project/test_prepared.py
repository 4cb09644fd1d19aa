"""A look-up written once finds what the ORM finds."""

import pytest
from django.utils import timezone

from accounts import keys, vault
from accounts.models import Project
from reactions_project.prepared import PreparedLookup
from tests.factories import WebhookFactory, operator_caller
from triggers.models import TriggerKey

pytestmark = pytest.mark.django_db
RELATED = ("trigger__project", "trigger__signing_secret")


@pytest.fixture
def lookup():
    return PreparedLookup(lambda prefix: TriggerKey.objects.filter(prefix=prefix).select_related(*RELATED))


@pytest.fixture
def key():
    webhook = WebhookFactory(name="Packages", accepts_query_key=False)
    webhook.signing_secret = vault.store(operator_caller(), webhook.project, "signing", "value")
    webhook.signature_scheme = "github"
    webhook.save()
    made = TriggerKey(trigger=webhook, name="ci", expires_at=timezone.now())
    keys.issue(made, keys.TRIGGER)
    return made


def values(row):
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


def test_it_finds_the_row_and_what_belongs_to_it_as_the_orm_does_in_one_query(lookup, key, django_assert_num_queries):
    lookup.first("anything")
    with django_assert_num_queries(1):
        found = lookup.first(key.prefix)
        assert found is not None
        rows = [found, found.trigger, found.trigger.project, found.trigger.signing_secret]
        shown = [values(row) for row in rows]
    plain = TriggerKey.objects.get(pk=key.pk)
    for row, one in zip(
        shown, [plain, plain.trigger, plain.trigger.project, plain.trigger.signing_secret], strict=True
    ):
        assert row == values(one)
        assert {name: type(value) for name, value in row.items()} == {
            name: type(value) for name, value in values(one).items()
        }
    assert found == plain
    assert not found._state.adding


def test_what_is_null_is_none(lookup, key):
    key.trigger.signature_scheme, key.trigger.signing_secret = "", None
    key.trigger.save()
    found = lookup.first(key.prefix)
    assert found is not None
    assert found.trigger.signing_secret is None


def test_it_remembers_no_row(lookup, key):
    assert lookup.first(key.prefix).revoked_at is None
    keys.revoke(key)
    assert lookup.first(key.prefix).revoked_at is not None
    key.delete()
    assert lookup.first(key.prefix) is None


@pytest.mark.parametrize("text", ["", "%s", "' or '1'='1", "a'b\"c;--", "\u2603"])
def test_the_value_is_a_parameter_whatever_it_holds(lookup, key, text):
    assert lookup.first(text) is None


def test_a_query_with_other_parameters_is_refused():
    with pytest.raises(ValueError, match="one text"):
        PreparedLookup(lambda text: Project.objects.filter(slug=text, name="a")).first("b")
