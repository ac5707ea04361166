"""The fake's own controls; what it shares with a real TPM is in tests/system/test_tpm.py, over both."""

import pytest

from apd.shells.fake_tpm import FakeTpm, FakeVendor
from wire.errors import ShellError
from wire.meter_record import METER_PCR
from wire.tpm_attest import extend_pcr, read_attest


def clock_of(tpm):
    return read_attest(tpm.extend_and_quote(bytes(32)).attest).clock


def test_a_reset_counts_and_forgets_pcrs_but_not_the_counter():
    tpm = FakeTpm()
    before, counter = clock_of(tpm), tpm.anchor(bytes(32)).counter
    tpm.reset()
    assert tpm.read_pcrs()[METER_PCR] == bytes(32)
    assert (clock_of(tpm).reset_count - before.reset_count) % 2**32 == 1
    assert tpm.anchor_counter() == counter


def test_a_state_that_is_put_back_rolls_everything_back():
    tpm = FakeTpm()
    tpm.anchor(bytes(32))
    copy = tpm.state
    first = tpm.anchor(bytes(32)).counter
    tpm.state = copy
    assert tpm.anchor(bytes(32)).counter == first


def test_a_cleared_tpm_has_another_key_and_remembers_the_largest_counter():
    tpm = FakeTpm()
    key, counter = tpm.attestation_key(), tpm.anchor(bytes(32)).counter
    tpm.clear()
    assert tpm.attestation_key() != key
    assert tpm.anchor_counter() == counter + 1


def test_firmware_may_extend_any_pcr():
    tpm = FakeTpm()
    tpm.extend(4, b"d" * 32)
    assert tpm.read_pcrs()[4] == extend_pcr(bytes(32), b"d" * 32)


def test_a_tpm_of_no_vendor_has_no_certificate():
    with pytest.raises(ShellError, match="no endorsement certificate"):
        FakeTpm().endorsement_key()


def test_a_credential_that_is_rubbish_is_refused():
    tpm = FakeVendor().make_tpm()
    with pytest.raises(ShellError, match="ACTIVATE_CREDENTIAL refused"):
        tpm.activate_credential(b"blob", bytes(256))
