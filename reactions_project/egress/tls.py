"""TLS contexts for requests that bring a client certificate or trust a private authority; always verifying."""

import os
import ssl
import tempfile
from pathlib import Path

from reactions_project.egress.policy import EgressTlsError

# Where files are memory, when there is such a place: a private key should not touch a disk.
_MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108  # nosec B108


def ssl_context(client_certificate: bytes | None, ca_bundle: bytes | None) -> ssl.SSLContext:
    """A verifying context; raises EgressTlsError for certificates that cannot be read."""
    try:
        context = ssl.create_default_context(cadata=ca_bundle.decode("ascii") if ca_bundle else None)
        if client_certificate:
            # The ssl module reads a chain from a file only; it is private and gone at once.
            with tempfile.NamedTemporaryFile(suffix=".pem", dir=_MEMORY) as file:
                Path(file.name).write_bytes(client_certificate)
                # Without an answer of our own, OpenSSL would ask the terminal for the passphrase of a locked key.
                context.load_cert_chain(file.name, password=lambda: b"")
    except (ssl.SSLError, ValueError, OSError):
        raise EgressTlsError(
            "A certificate of this action cannot be read: store it as PEM, certificate and key without a passphrase."
        ) from None
    return context
