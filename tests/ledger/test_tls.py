"""Certificates for a broker: used as they are, or refused with the names of all three files."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from lab.certificates import Authority, account_hex, new_key
from ledger.tls import client_context
from wire.errors import ConfigError


def test_what_an_authority_issued_is_shown_and_nothing_old_is_spoken(tmp_path: Path) -> None:
    authority, key = Authority.create(tmp_path), new_key()
    identity = authority.issue_client(account_hex(key.public_key()), key)
    context = client_context(authority.file, identity.certificate, identity.key)
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    with pytest.raises(ConfigError, match="cannot use") as caught:
        client_context(authority.file, identity.certificate, authority.file)
    assert "TPM" not in str(caught.value)
    with pytest.raises(ConfigError, match="broker: cannot use"):
        client_context(tmp_path / "none", identity.certificate, identity.key)


def test_a_key_in_a_tpm_that_cannot_be_reached_says_where_to_look(tmp_path: Path) -> None:
    authority, key = Authority.create(tmp_path), new_key()
    identity = authority.issue_client(account_hex(key.public_key()), key)
    handle = tmp_path / "tpm.key"
    handle.write_text("-----BEGIN TSS2 PRIVATE KEY-----\nAAAA\n-----END TSS2 PRIVATE KEY-----\n")
    with pytest.raises(ConfigError, match="the key is in a TPM"):
        client_context(authority.file, identity.certificate, handle)
