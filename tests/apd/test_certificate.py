"""The common name of a certificate, held against a library that knows all of X.509."""

import contextlib

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st

from apd.certificate import read_common_name
from lab.certificates import Authority, account_hex, new_key
from wire.errors import DecodeError


def der_of(path) -> bytes:
    return x509.load_pem_x509_certificate(path.read_bytes()).public_bytes(serialization.Encoding.DER)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> bytes:
    key = new_key()
    authority = Authority.create(tmp_path_factory.mktemp("pki"))
    return der_of(authority.issue_client("die Box am Tor", key, label="box").certificate)


def test_the_subjects_and_not_the_issuers(certificate):
    assert read_common_name(certificate) == "die Box am Tor"


def test_an_account_of_66_characters(tmp_path):
    key = new_key()
    account = account_hex(key.public_key())
    identity = Authority.create(tmp_path).issue_client(account, key, label="box")
    assert read_common_name(der_of(identity.certificate)) == account


@pytest.mark.parametrize("der", [b"", b"\x30", b"\x30\x84", b"\x30\x80\0\0", b"garbage", bytes(500)])
def test_what_is_no_certificate(der):
    with pytest.raises(DecodeError, match="certificate: no common name"):
        read_common_name(der)


def test_every_cut_is_refused(certificate):
    for size in range(len(certificate)):
        with pytest.raises(DecodeError):
            read_common_name(certificate[:size])


@given(st.binary(max_size=400))
def test_garbage_is_a_name_or_a_decode_error(der):
    with contextlib.suppress(DecodeError):
        assert isinstance(read_common_name(der), str)
