"""The signer without a TPM: made once, kept private, and never taken for a TPM."""

import pytest

from apd.shells.software_key import SoftwareKey
from wire.errors import ConfigError, ShellError, VerificationError
from wire.evidence import SOFTWARE_DOMAIN
from wire.keys import verify


def test_the_key_is_made_at_first_use_and_is_the_same_afterwards(tmp_path):
    path = tmp_path / "meter.pem"
    key = SoftwareKey.open(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert SoftwareKey.open(path).public_key == key.public_key


def test_a_record_is_signed_in_its_own_domain_and_unattested(tmp_path):
    key = SoftwareKey.open(tmp_path / "meter.pem")
    evidence = key.sign_record(b"record")
    assert not evidence.attested
    assert evidence.key_id == key.public_key.key_id
    verify(key.public_key, evidence.signature, SOFTWARE_DOMAIN + b"record")
    with pytest.raises(VerificationError):
        verify(key.public_key, evidence.signature, b"record")


def test_a_key_that_others_may_read_is_refused(tmp_path):
    path = tmp_path / "meter.pem"
    SoftwareKey.open(path)
    path.chmod(0o640)
    with pytest.raises(ConfigError, match="chmod 600"):
        SoftwareKey.open(path)


def test_a_file_that_holds_no_key_is_refused_by_name(tmp_path):
    path = tmp_path / "meter.pem"
    path.write_bytes(b"no key")
    path.chmod(0o600)
    with pytest.raises(ConfigError, match=r"meter\.pem: not an unencrypted P-256"):
        SoftwareKey.open(path)


def test_a_folder_that_does_not_exist_is_the_worlds_fault(tmp_path):
    with pytest.raises(ShellError, match="No such file"):
        SoftwareKey.open(tmp_path / "none" / "meter.pem")
