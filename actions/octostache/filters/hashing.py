"""Md5, Sha1 … with size and encoding in either order."""

import hashlib
from collections.abc import Callable, Sequence

from actions.octostache.errors import FilterError
from actions.octostache.filters.text import decode_base64, integer

_ENCODINGS = {"utf8", "utf-8", "unicode", "base64"}


def _hash(algorithm: str) -> Callable[[str, Sequence[str]], str | None]:
    def apply(value: str, options: Sequence[str]) -> str | None:
        if len(options) > 2:
            return None
        size: int | None = None
        encoding: str | None = None
        for option in options:
            number = integer(option)
            if number is not None and size is None:
                size = number
            elif number is None and encoding is None and option.lower() in _ENCODINGS:
                encoding = option.lower()
            else:
                return None
        if size is not None and size <= 0:
            return None
        raw = _bytes(value, encoding or "utf8")
        # A fingerprint of what the author chose, not a protection of ours.
        return None if raw is None else hashlib.new(algorithm, raw, usedforsecurity=False).digest()[:size].hex()

    return apply


def _bytes(value: str, encoding: str) -> bytes | None:
    if encoding == "base64":
        try:
            return decode_base64(value)
        except FilterError:
            return None
    return value.encode("utf-16-le" if encoding == "unicode" else "utf-8", "replace")


FILTERS = {name: _hash(name) for name in ("md5", "sha1", "sha256", "sha384", "sha512")}
