"""Certificates are what TLS, the broker and a strict verifier expect."""

import ipaddress
import ssl
import stat

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import NameOID

from lab.certificates import LIFETIME, Authority, account_hex, new_key


def load(path):
    return x509.load_pem_x509_certificate(path.read_bytes())


@pytest.mark.filterwarnings("ignore:Attribute's length must be:UserWarning")
def test_a_clients_certificate_carries_its_account_and_its_key(tmp_path):
    authority = Authority.create(tmp_path)
    key = new_key()
    account = account_hex(key.public_key())
    identity = authority.issue_client(account, key)
    certificate = load(identity.certificate)
    assert len(account) == 66
    assert certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == account
    assert certificate.public_key() == key.public_key()
    certificate.verify_directly_issued_by(authority.certificate)
    assert certificate.not_valid_after_utc - certificate.not_valid_before_utc <= LIFETIME + LIFETIME / 100


def test_nobody_else_can_read_the_files(tmp_path):
    authority = Authority.create(tmp_path)
    identity = authority.issue_client("ada", new_key())
    server = authority.issue_server("broker", ["10.78.0.1"])
    modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {0o600}
    assert len({identity.key, identity.certificate, server.key, server.certificate, authority.file}) == 5


def test_the_authoritys_key_never_reaches_the_disk(tmp_path):
    authority = Authority.create(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["authority.pem"]
    form = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert load(authority.file).public_key().public_bytes(*form) == authority.key.public_key().public_bytes(
        *form
    )


def test_a_server_is_named_by_address_and_by_name(tmp_path):
    server = Authority.create(tmp_path).issue_server("broker", ["10.78.0.1", "fd78::1", "broker"])
    names = load(server.certificate).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.IPAddress) == [
        ipaddress.ip_address("10.78.0.1"),
        ipaddress.ip_address("fd78::1"),
    ]
    assert names.get_values_for_type(x509.DNSName) == ["broker"]


def test_a_strict_handshake_in_memory_succeeds_both_ways(tmp_path):
    """OpenSSL with X509_STRICT (the default from Python 3.13) has no complaint, 66 characters included."""
    authority = Authority.create(tmp_path)
    key = new_key()
    account = account_hex(key.public_key())
    client_context = authority.issue_client(account, key).client_context()
    client_context.verify_flags |= ssl.VERIFY_X509_STRICT
    server_context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(authority.file))
    server_identity = authority.issue_server("broker", ["broker"])
    server_context.load_cert_chain(server_identity.certificate, server_identity.key)
    server_context.verify_mode = ssl.CERT_REQUIRED
    server_context.verify_flags |= ssl.VERIFY_X509_STRICT
    assert shake_hands(client_context, server_context)["subject"] == ((("commonName", account),),)


def shake_hands(client_context, server_context):
    """Both sides in one thread over memory; returns the client certificate that the server saw."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(to_client, to_server, server_hostname="broker")
    server = server_context.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(3):
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return server.getpeercert()
