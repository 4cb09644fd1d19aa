"""TLS contexts for requests that bring a client certificate or trust a private authority; always verifying."""

import ssl
import tempfile
from pathlib import Path

from reactions_project.egress.policy import EgressTlsError


def ssl_context(client_certificate: bytes | None, ca_bundle: bytes | None) -> ssl.SSLContext:
    """A verifying context; raises EgressTlsError for certificates that cannot be read."""
    try:
        context = ssl.create_default_context(cadata=ca_bundle.decode("ascii") if ca_bundle else None)
        if client_certificate:
            # The ssl module reads a chain from a file only; it is private and gone at once.
            with tempfile.NamedTemporaryFile(suffix=".pem") as file:
                Path(file.name).write_bytes(client_certificate)
                context.load_cert_chain(file.name)
    except (ssl.SSLError, ValueError, OSError):
        raise EgressTlsError(
            "A certificate of this action cannot be read: store it as PEM, certificate and key."
        ) from None
    return context
