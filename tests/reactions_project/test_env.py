"""Typed readers for environment variables."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from reactions_project import env
from reactions_project.env import SettingError


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("THING", "THING_FILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("value", ["1", "true", "YES", " on "])
def test_a_flag_is_on(monkeypatch: pytest.MonkeyPatch, value: str):
    monkeypatch.setenv("THING", value)
    assert env.flag("THING") is True


@pytest.mark.parametrize("value", ["0", "false", "No", "off"])
def test_a_flag_is_off(monkeypatch: pytest.MonkeyPatch, value: str):
    monkeypatch.setenv("THING", value)
    assert env.flag("THING", default=True) is False


@pytest.mark.parametrize("value", ["", "   "])
def test_an_empty_flag_is_the_default(monkeypatch: pytest.MonkeyPatch, value: str):
    monkeypatch.setenv("THING", value)
    assert env.flag("THING", default=True) is True
    assert env.flag("THING") is False


def test_a_flag_that_is_none_fails_with_its_name(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("THING", "maybe")
    with pytest.raises(SettingError, match="THING is 'maybe': write true or false"):
        env.flag("THING")


def test_an_integer_is_read_and_its_minimum_kept(monkeypatch: pytest.MonkeyPatch):
    assert env.integer("THING", 7) == 7
    monkeypatch.setenv("THING", "12")
    assert env.integer("THING", 7) == 12
    with pytest.raises(SettingError, match="THING is 12: write 20 or more"):
        env.integer("THING", 7, minimum=20)
    monkeypatch.setenv("THING", "twelve")
    with pytest.raises(SettingError, match="THING is 'twelve': write a whole number"):
        env.integer("THING", 7)


def test_a_list_is_split_at_commas(monkeypatch: pytest.MonkeyPatch):
    assert env.strings("THING", ("a",)) == ["a"]
    monkeypatch.setenv("THING", " a, b ,,c ")
    assert env.strings("THING") == ["a", "b", "c"]


def test_a_secret_comes_from_the_variable_or_from_a_private_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    file = tmp_path / "secret"
    file.write_text("from the file\n")
    file.chmod(0o600)
    monkeypatch.setenv("THING_FILE", str(file))
    assert env.secret("THING") == "from the file"
    monkeypatch.setenv("THING", "from the variable")
    assert env.secret("THING") == "from the variable"


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_sec_20_a_file_that_others_may_read_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mode: int):
    file = tmp_path / "secret"
    file.write_text("value")
    file.chmod(mode)
    monkeypatch.setenv("THING_FILE", str(file))
    with pytest.raises(SettingError, match="can be read by others; run chmod 600"):
        env.secret("THING")


def test_sec_20_a_missing_secret_is_refused_where_none_is_made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    with pytest.raises(SettingError, match="THING is not set: give it in THING, or in a file named by THING_FILE"):
        env.secret("THING")
    monkeypatch.setenv("THING_FILE", str(tmp_path / "missing"))
    with pytest.raises(SettingError, match="cannot be read"):
        env.secret("THING")
    empty = tmp_path / "empty"
    empty.touch(mode=0o600)
    monkeypatch.setenv("THING_FILE", str(empty))
    with pytest.raises(SettingError, match="is empty"):
        env.secret("THING")


def test_a_secret_is_made_once_and_kept_private(tmp_path: Path):
    path = tmp_path / "keys" / "secret"
    first = env.secret("THING", path)
    assert len(first) >= 48
    assert env.secret("THING", path) == first
    assert path.stat().st_mode & 0o077 == 0
    assert path.parent.stat().st_mode & 0o077 == 0


def test_processes_that_start_together_agree_on_the_secret_that_is_made(tmp_path: Path):
    path = tmp_path / "secret"
    with ThreadPoolExecutor(8) as pool:
        made = set(pool.map(lambda _: env.secret("THING", path), range(32)))
    assert len(made) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["secret"]
