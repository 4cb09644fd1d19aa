"""Typed readers for environment variables; a bad value fails with its own name in the message."""

import os
import secrets as random_source
import stat
from pathlib import Path


class SettingError(Exception):
    """An environment variable is missing or cannot be read; the message names it and says what to do."""


def text(name: str, default: str = "") -> str:
    """The variable's text, or the default when it is unset or empty."""
    return os.environ.get(name) or default


def flag(name: str, default: bool = False) -> bool:
    """1, true, yes, on or 0, false, no, off, in any case."""
    value = text(name).strip().lower()
    if not value:
        return default
    if value in {"1", "true", "yes", "on"}:
        return True
    if value in {"0", "false", "no", "off"}:
        return False
    raise SettingError(f"{name} is {value!r}: write true or false.")


def integer(name: str, default: int, minimum: int = 0) -> int:
    """A whole number not below the minimum."""
    value = text(name)
    if not value:
        return default
    try:
        number = int(value)
    except ValueError:
        raise SettingError(f"{name} is {value!r}: write a whole number.") from None
    if number < minimum:
        raise SettingError(f"{name} is {number}: write {minimum} or more.")
    return number


def strings(name: str, default: tuple[str, ...] = ()) -> list[str]:
    """A comma-separated list, blanks trimmed, empty parts dropped."""
    value = text(name)
    if not value:
        return list(default)
    return [part.strip() for part in value.split(",") if part.strip()]


def secret(name: str, generated_at: Path | None = None) -> str:
    """A secret from the variable, from the file that NAME_FILE names, or from a generated private file.

    A file that others may read is refused (SEC-20). Without `generated_at` a missing secret is refused too.
    """
    if value := text(name):
        return value
    if path := text(f"{name}_FILE"):
        return _read_private(name, Path(path))
    if generated_at is None:
        raise SettingError(f"{name} is not set: give it in {name}, or in a file named by {name}_FILE.")
    _generate(generated_at)
    return _read_private(name, generated_at)


def _generate(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.exists():
        return
    # Written aside and linked into place, so that of two processes that start together one wins and
    # the other never reads half a key.
    aside = path.with_name(f".{path.name}.{random_source.token_hex(4)}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(random_source.token_urlsafe(48))
    try:
        os.link(aside, path)
    except FileExistsError:
        pass
    finally:
        aside.unlink()


def _read_private(name: str, path: Path) -> str:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        value = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SettingError(f"{name}: the file {path} cannot be read ({error.strerror}).") from None
    if mode & 0o077:
        raise SettingError(f"{name}: the file {path} can be read by others; run chmod 600 on it.")
    if not value:
        raise SettingError(f"{name}: the file {path} is empty.")
    return value
