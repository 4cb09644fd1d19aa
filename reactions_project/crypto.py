"""Authenticated encryption of small values, with several keys and ciphertext bound to its row (SEC-20).

A ciphertext is `v1.<key id>.<nonce+sealed>`: AES-256-GCM under a key derived per master key, with the
row's identity as associated data, so that a ciphertext copied to another row does not open.
"""

import base64
import hashlib
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


class DecryptionError(Exception):
    """The value cannot be opened: its key is gone, or it was changed or moved."""


class Vault:
    """Seals with the first key and opens with any; keys are texts of at least 32 characters."""

    def __init__(self, keys: list[str]) -> None:
        if not keys:
            raise ValueError("REACTIONS_ENCRYPTION_KEYS is empty: give at least one key of 32 characters or more.")
        for key in keys:
            if len(key) < 32:
                raise ValueError("A key in REACTIONS_ENCRYPTION_KEYS is shorter than 32 characters: make a longer one.")
        self._keys = {_key_id(key): AESGCM(_derive(key)) for key in keys}
        self._first = _key_id(keys[0])

    def seal(self, value: str, bound_to: str) -> str:
        """Encrypt a text so that it opens only with the same `bound_to`."""
        nonce = os.urandom(12)
        sealed = self._keys[self._first].encrypt(nonce, value.encode(), bound_to.encode())
        return f"v1.{self._first}.{base64.urlsafe_b64encode(nonce + sealed).decode()}"

    def open(self, ciphertext: str, bound_to: str) -> str:
        """Decrypt; raises DecryptionError."""
        try:
            version, key_id, body = ciphertext.split(".")
            raw = base64.urlsafe_b64decode(body)
            cipher = self._keys[key_id]
        except (ValueError, KeyError):
            raise DecryptionError(
                "A secret cannot be opened with the present keys: add the former key to REACTIONS_ENCRYPTION_KEYS."
            ) from None
        if version != "v1":
            raise DecryptionError(f"A secret has the unknown format {version!r}: run a newer release of Reactions.")
        try:
            return cipher.decrypt(raw[:12], raw[12:], bound_to.encode()).decode()
        except (InvalidTag, ValueError):
            raise DecryptionError("A secret was changed or moved in the database: store its value again.") from None

    def is_current(self, ciphertext: str) -> bool:
        """Whether the value is sealed with the first key; rotation seals the others again."""
        return ciphertext.startswith(f"v1.{self._first}.")


def _key_id(key: str) -> str:
    return hashlib.sha256(b"reactions key id" + key.encode()).hexdigest()[:8]


def _derive(key: str) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"reactions secrets v1").derive(key.encode())
