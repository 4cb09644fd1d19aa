"""Signing in and out, and one's own page."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import AuditEntry, Role
from tests.factories import TeamFactory, UserFactory, member

PASSWORD = "a long enough password"


@pytest.fixture
def alice(db):
    alice = UserFactory(username="alice")
    alice.set_password(PASSWORD)
    alice.save()
    return alice


def sign_in(client: Client, name: str = "alice", password: str = PASSWORD, **more: str):
    return client.post(reverse("sign-in"), {"username": name, "password": password, **more})


def test_signing_in_leads_to_the_reactions(client, alice):
    assert sign_in(client).url == reverse("reaction-list")


def test_signing_in_leads_back_to_where_one_wanted_to_go(client, alice):
    wanted = client.get(reverse("run-list") + "?status=failed").url
    assert "next=/runs/%3Fstatus%3Dfailed" in wanted
    assert sign_in(client, next="/runs/?status=failed").url == "/runs/?status=failed"


def test_signing_in_leads_to_no_other_site(client, alice):
    assert sign_in(client, next="https://evil.example.com/").url == reverse("reaction-list")


def test_sec_14_the_session_changes_when_signing_in(client, alice):
    client.get(reverse("sign-in"))
    before = client.session.session_key
    sign_in(client)
    assert client.session.session_key != before


@pytest.mark.parametrize(("name", "password"), [("alice", "wrong"), ("nobody", PASSWORD), ("a\0b", "x"), ("", "")])
def test_wrong_names_and_passwords_are_told_apart_by_nobody(client, alice, name, password):
    answer = sign_in(client, name, password)
    assert answer.status_code == 200
    assert not client.session.get("_auth_user_id")


def test_a_disabled_account_gets_the_same_words_as_a_wrong_password(client, alice):
    wrong = sign_in(client, password="wrong").context["form"].non_field_errors()
    alice.is_active = False
    alice.save()
    assert sign_in(client).context["form"].non_field_errors() == wrong


def test_sec_80_signing_in_out_and_failing_to_is_kept(client, alice):
    sign_in(client, "al\u202eice", "wrong")
    sign_in(client)
    client.post(reverse("sign-out"))
    kept = list(AuditEntry.objects.order_by("pk").values_list("verb", "actor_label", "object_id"))
    assert kept == [
        ("denied", "anonymous", "al⟨U+202E⟩ice"),
        ("sign in", "alice", str(alice.pk)),
        ("sign out", "alice", str(alice.pk)),
    ]
    assert PASSWORD not in str(list(AuditEntry.objects.values()))


def test_signing_out_needs_a_post(client, alice):
    sign_in(client)
    assert client.get(reverse("sign-out")).status_code == 405
    assert client.post(reverse("sign-out")).url == reverse("sign-in")
    assert client.get(reverse("reaction-list")).status_code == 302


def test_sec_71_a_form_without_its_token_is_refused_in_plain_words(alice):
    strict = Client(enforce_csrf_checks=True)
    answer = sign_in(strict)
    assert answer.status_code == 403
    assert "This page was open for too long" in answer.content.decode()


def test_the_admin_has_the_same_door(client, alice):
    assert (
        client.get("/admin/login/?next=/admin/actions/run/").url
        == f"{reverse('sign-in')}?next=%2Fadmin%2Factions%2Frun%2F"
    )
    assert client.get("/admin/login/?next=https://evil.example.com/").url == f"{reverse('sign-in')}?next=%2Fadmin%2F"


def test_who_is_no_operator_is_told_so_instead_of_going_round_in_circles(client, alice):
    sign_in(client)
    answer = client.get("/admin/", follow=True)
    assert answer.status_code == 403
    assert "The admin is for site operators" in answer.content.decode()


def test_an_operator_who_is_signed_in_goes_straight_to_the_admin(client, alice):
    alice.is_staff = True
    alice.save()
    sign_in(client)
    assert client.get("/admin/login/?next=/admin/actions/run/").url == "/admin/actions/run/"


def test_ones_own_page_says_what_each_role_may(client, db):
    team = TeamFactory(name="Web")
    client.force_login(member(team, Role.VIEWER, "vera"))
    text = client.get(reverse("account")).content.decode()
    assert "Web" in text
    assert "event payloads stay hidden" in text


def test_who_is_in_no_team_is_told_what_to_do(client, alice):
    client.force_login(alice)
    assert "You are in no team yet." in client.get(reverse("account")).content.decode()


def test_people_change_their_own_password_and_other_sessions_end(client, alice):
    elsewhere = Client()
    sign_in(elsewhere)
    sign_in(client)
    new = "an even longer password"
    form = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    answer = client.post(reverse("account-password"), form, follow=True)
    assert "Your password is changed" in answer.content.decode()
    assert client.get(reverse("account")).status_code == 200
    assert elsewhere.get(reverse("account")).status_code == 302
    assert AuditEntry.objects.filter(verb="change password", actor=alice).exists()


def test_the_old_password_is_asked_for(client, alice):
    sign_in(client)
    form = {"old_password": "wrong", "new_password1": "an even longer one", "new_password2": "an even longer one"}
    assert client.post(reverse("account-password"), form).context["form"].errors["old_password"]
