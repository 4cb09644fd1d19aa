"""A look-up written once finds what the ORM finds, and an insert writes what the ORM writes."""

import uuid
from unittest.mock import patch

import psycopg
import pytest
from django.db import IntegrityError, NotSupportedError, connection, transaction
from django.utils import timezone

from accounts import keys, vault
from accounts.models import Project
from reactions_project.prepared import Among, NewRows, PreparedInsert, PreparedRows, PreparedUpdate, fetched, many
from tests.factories import ProjectFactory, WebhookFactory, operator_caller
from triggers.models import Event, TriggerKey

pytestmark = pytest.mark.django_db
RELATED = ("trigger__project", "trigger__signing_secret")


@pytest.fixture
def lookup():
    return PreparedRows(lambda prefix: TriggerKey.objects.filter(prefix=prefix).select_related(*RELATED))


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


def test_a_query_may_have_constants_of_its_own_and_several_parameters():
    first, second = ProjectFactory(slug="one"), ProjectFactory(slug="two")
    ProjectFactory(slug="three", description="not this one")
    named = PreparedRows(lambda *slugs: Project.objects.filter(slug__in=slugs, description=""), 2)
    assert {one.pk for one in named.all("one", "two")} == {first.pk, second.pk}
    assert named.all("three", "three") == []


def test_any_number_of_keys_is_one_parameter():
    made = [ProjectFactory() for _ in range(3)]
    among = PreparedRows(lambda ids: Project.objects.filter(Among("pk", ids)))
    assert set(among.all(many(one.pk for one in made[:2]))) == set(made[:2])
    assert among.all(many([])) == []
    teams = PreparedRows(lambda ids: Project.objects.filter(Among("team__pk", ids)).select_related("team"))
    assert [one.team for one in teams.all(many([made[2].team_id]))] == [made[2].team]


def test_a_query_whose_parameter_django_would_change_is_refused():
    with pytest.raises(ValueError, match="as it is"):
        PreparedRows(lambda text: Project.objects.filter(slug__contains=text)).first("b")


def test_several_rows_get_their_keys_in_their_order():
    insert = PreparedInsert(Event)
    rows = [event(delivery_id=str(number)) for number in range(5)]
    insert.insert_all(rows)
    insert.insert_all([])
    assert {row.pk: row.delivery_id for row in rows} == dict(Event.objects.values_list("pk", "delivery_id"))
    assert [row.pk for row in rows] == sorted(row.pk for row in rows)


def test_an_update_writes_the_named_fields_of_each_row_and_no_others():
    rows = [event(delivery_id=str(number)) for number in range(3)]
    PreparedInsert(Event).insert_all(rows)
    for row in rows:
        row.subject, row.matched_at, row.payload, row.type = f"of {row.delivery_id}", row.occurred_at, {"b": 2}, "lost"
    PreparedUpdate(Event, ["subject", "matched_at", "payload"]).update_all(rows)
    stored = {row.pk: row for row in Event.objects.all()}
    for row in rows:
        one = stored[row.pk]
        assert (one.subject, one.matched_at, one.payload) == (row.subject, row.matched_at, {"b": 2})
        assert one.type == "webhook"


def event(**more):
    now = timezone.now()
    return Event(
        type="webhook", source="webhook", root=uuid.UUID(int=1), occurred_at=now, recorded_at=now,
        **{"payload": {"b": 1.50, "a": ["é", None, True]}, "query": {"x": "1"}, "chain": ["one"], **more},
    )  # fmt: skip


@pytest.mark.parametrize("payload", [{"b": 1.5, "a": ["é", None, True]}, "text", 7, None, [], False])
def test_an_insert_writes_the_row_that_save_would_write(payload):
    insert, trigger = PreparedInsert(Event), WebhookFactory()
    row = event(payload=payload, trigger=trigger, project=trigger.project, delivery_id="7")
    saved = event(payload=payload, trigger=trigger, project=trigger.project, delivery_id="8")
    saved.occurred_at, saved.recorded_at = row.occurred_at, row.recorded_at
    saved.save()
    insert.insert(row)
    own = {"id", "uid", "delivery_id"}
    stored, plain = values(Event.objects.get(uid=row.uid)), values(Event.objects.get(pk=saved.pk))
    assert row.pk == stored["id"] != saved.pk
    assert {name: value for name, value in stored.items() if name not in own} == {
        name: value for name, value in plain.items() if name not in own
    }
    assert Event.objects.filter(payload__isnull=True).count() == (2 if payload is None else 0)
    row.subject = "changed"
    row.save()
    assert Event.objects.get(pk=row.pk).subject == "changed"


def test_an_insert_that_breaks_a_constraint_raises_what_save_raises():
    insert, trigger = PreparedInsert(Event), WebhookFactory()
    insert.insert(event(trigger=trigger, delivery_id="7"))
    with pytest.raises(IntegrityError), transaction.atomic():
        insert.insert(event(trigger=trigger, delivery_id="7"))
    assert Event.objects.count() == 1


def test_on_postgresql_nothing_is_sent_as_a_pipeline_whose_rest_a_cut_off_host_would_owe():
    rows = [event(delivery_id=str(number), subject="100 %s; --") for number in range(3)]
    with patch.object(psycopg.Connection, "pipeline", side_effect=AssertionError("a pipeline")):
        PreparedInsert(Event).insert_all(rows)
        PreparedUpdate(Event, ["subject"]).update_all(rows)
    assert set(Event.objects.values_list("subject", flat=True)) == {"100 %s; --"}
    assert [row.pk for row in rows] == list(Event.objects.order_by("pk").values_list("pk", flat=True))


def test_a_new_row_is_what_its_model_makes():
    project = ProjectFactory()
    given = {"uid": uuid.uuid4(), "type": "T", "source": "catalog", "root": uuid.uuid4(), "payload": {"a": 1}}
    made = NewRows(Event)({"project": project, "trigger": None}, **given)
    assert values(made) == values(Event(project=project, trigger=None, **given))
    assert made.project is project
    assert made.trigger is None
    assert made._state.adding
    other = NewRows(Event)({"project": project})
    assert other.uid != made.uid
    assert other.headers is not made.headers


def test_rows_that_belong_to_the_same_share_it(key):
    webhook = key.trigger
    keys.issue(TriggerKey(trigger=webhook, name="second"), keys.TRIGGER)
    other = TriggerKey(trigger=WebhookFactory(project=webhook.project), name="third")
    keys.issue(other, keys.TRIGGER)
    all_of = PreparedRows(lambda: TriggerKey.objects.select_related(*RELATED).order_by("name"), 0)
    first, second, third = all_of.all()
    assert first.trigger is second.trigger
    assert first.trigger.signing_secret.name == "signing"
    assert third.trigger is not first.trigger
    assert third.trigger.project is first.trigger.project
    assert third.trigger.signing_secret is None
    assert [one.name for one in (first, second, third)] == ["ci", "second", "third"]


@pytest.mark.django_db(transaction=True)
def test_after_a_column_changed_its_type_one_query_fails_and_the_next_is_right():
    if connection.vendor != "postgresql":
        pytest.skip("SQLite prepares anew by itself.")
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE changing AS SELECT 7 AS number")
    try:
        assert fetched("SELECT number FROM changing", []) == [(7,)]
        with psycopg.connect(**{**connection.get_connection_params(), "autocommit": True}) as other:
            other.execute("ALTER TABLE changing ALTER number TYPE text")
        with pytest.raises(NotSupportedError):
            fetched("SELECT number FROM changing", [])
        assert fetched("SELECT number FROM changing", []) == [("7",)]
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE changing")
