"""Authenticated encryption bound to its row (SEC-20)."""

import pytest

from reactions_project.crypto import DecryptionError, Vault

FIRST = "the first encryption key, for tests only"
SECOND = "the second encryption key, for tests only"


@pytest.mark.parametrize("value", ["", "hunter2", "naïve ☃ \U0001f600", "a\nb\tc", "x" * 100_000])
def test_a_value_comes_back_as_it_went_in(value: str):
    vault = Vault([FIRST])
    assert vault.open(vault.seal(value, "row 1"), "row 1") == value


def test_sec_20_the_ciphertext_does_not_show_the_value_and_is_new_each_time():
    vault = Vault([FIRST])
    one, two = vault.seal("hunter2", "row 1"), vault.seal("hunter2", "row 1")
    assert one != two
    assert "hunter2" not in one


def test_sec_20_a_ciphertext_opens_in_its_own_row_only():
    vault = Vault([FIRST])
    with pytest.raises(DecryptionError, match="changed or moved"):
        vault.open(vault.seal("hunter2", "row 1"), "row 2")


def test_sec_20_a_changed_ciphertext_does_not_open():
    vault = Vault([FIRST])
    sealed = vault.seal("hunter2", "row 1")
    for at in range(len(sealed) - 12, len(sealed) - 3):
        changed = sealed[:at] + ("A" if sealed[at] != "A" else "B") + sealed[at + 1 :]
        with pytest.raises(DecryptionError):
            vault.open(changed, "row 1")


def test_sec_20_a_former_key_still_opens_and_the_first_one_seals():
    sealed = Vault([FIRST]).seal("hunter2", "row 1")
    both = Vault([SECOND, FIRST])
    assert both.open(sealed, "row 1") == "hunter2"
    assert not both.is_current(sealed)
    assert both.is_current(both.seal("hunter2", "row 1"))
    assert Vault([SECOND]).open(both.seal("hunter2", "row 1"), "row 1") == "hunter2"


def test_a_missing_key_is_named_in_the_message():
    sealed = Vault([FIRST]).seal("hunter2", "row 1")
    with pytest.raises(DecryptionError, match="add the former key to REACTIONS_ENCRYPTION_KEYS"):
        Vault([SECOND]).open(sealed, "row 1")


@pytest.mark.parametrize("text", ["", "plain", "v1.x", "v1.a.b.c", "v1.00000000.", "v1.00000000.%%%", "v1..AAAA"])
def test_what_is_no_ciphertext_is_refused_and_never_an_error_of_another_kind(text: str):
    with pytest.raises(DecryptionError):
        Vault([FIRST]).open(text, "row 1")


def test_a_truncated_ciphertext_of_a_known_key_is_refused():
    vault = Vault([FIRST])
    version, key, _ = vault.seal("hunter2", "row 1").split(".")
    for body in ("", "AAAA", "not base64!", "é"):
        with pytest.raises(DecryptionError):
            vault.open(f"{version}.{key}.{body}", "row 1")


def test_a_newer_format_is_told_apart():
    vault = Vault([FIRST])
    _, key, body = vault.seal("hunter2", "row 1").split(".")
    with pytest.raises(DecryptionError, match="unknown format 'v9'"):
        vault.open(f"v9.{key}.{body}", "row 1")


@pytest.mark.parametrize("keys", [[], ["short"], [FIRST, "short"]])
def test_sec_20_missing_and_short_keys_are_refused_with_the_name_of_the_setting(keys: list[str]):
    with pytest.raises(ValueError, match="REACTIONS_ENCRYPTION_KEYS"):
        Vault(keys)
