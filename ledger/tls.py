"""Mutual TLS with a broker: the one place that reads authority, certificate and key, for services and commands.

A shell: files. Raises ConfigError for files that are no certificates and keys.
"""

import ssl
from pathlib import Path

from wire.errors import ConfigError


def client_context(authority: Path, certificate: Path, key: Path) -> ssl.SSLContext:
    """For a client that shows this certificate, and trusts brokers of this authority."""
    try:
        context = ssl.create_default_context(cafile=str(authority))
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"broker: cannot use {authority}, {certificate}, {key}: {error}{_hint(key)}"
        ) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _hint(key: Path) -> str:
    """OpenSSL says "PEM lib" of a key in a TPM that it cannot reach."""
    in_tpm = key.exists() and b"TSS2 PRIVATE KEY" in key.read_bytes()
    return "; the key is in a TPM, by this one and with OPENSSL_CONF (docs/gateway.md)" if in_tpm else ""
