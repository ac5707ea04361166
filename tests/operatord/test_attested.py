"""Evidence of software keys and TPMs, held against who is enrolled and what its software should be."""

from __future__ import annotations

from dataclasses import replace

import pytest

from device.attesting import SoftwareAttester, TpmAttester
from operatord.attested import Attestation, Enrolled, Policy, Vouched, judge
from tests.wire.test_device_evidence import QUOTE
from wire.errors import DecodeError, VerificationError
from wire.keys import PrivateKey
from wire.meter_statement import MeterStatement, statement_digest, write_meter_statement
from wire.tpm_attest import Quoted, write_attest

DEVICE, VOUCHER = PrivateKey.from_secret(1), PrivateKey.from_secret(2)
STATEMENT = write_meter_statement(MeterStatement(b"s" * 16, b"t" * 8, 0, 1, 2), DEVICE)
DIGEST = statement_digest(STATEMENT)
GOOD_PCRS = b"p" * 32


class Tpm:
    """Quotes as one whose PCRs have this digest."""

    def __init__(self, pcr_digest: bytes = GOOD_PCRS) -> None:
        assert isinstance(QUOTE.attested, Quoted)
        self._said = replace(QUOTE, attested=replace(QUOTE.attested, digest=pcr_digest))

    def quote(self, qualifying: bytes) -> tuple[bytes, bytes]:
        octets = write_attest(replace(self._said, extra_data=qualifying))
        return octets, VOUCHER.sign(octets)


def rules(pcr_digest: bytes = b"") -> Attestation:
    return Attestation(Policy.REMEMBER, {DEVICE.public: Enrolled(VOUCHER.public, pcr_digest)})


SOFTWARE = SoftwareAttester(VOUCHER).attest(DIGEST)
TPM = TpmAttester(Tpm()).attest(DIGEST)


def test_what_holds() -> None:
    assert judge(rules(), DEVICE.public, STATEMENT, SOFTWARE) is Vouched.SOFTWARE
    assert judge(rules(), DEVICE.public, STATEMENT, TPM) is Vouched.TPM
    assert judge(rules(GOOD_PCRS), DEVICE.public, STATEMENT, TPM) is Vouched.TPM


def test_who_is_not_enrolled() -> None:
    with pytest.raises(DecodeError, match="nobody is enrolled"):
        judge(Attestation(Policy.REMEMBER), DEVICE.public, STATEMENT, SOFTWARE)


def test_another_key_or_another_statement() -> None:
    other = write_meter_statement(MeterStatement(b"s" * 16, b"t" * 8, 1, 1, 2), DEVICE)
    for evidence in (SOFTWARE, TPM):
        with pytest.raises(VerificationError):
            judge(rules(), DEVICE.public, other, evidence)
    with pytest.raises(VerificationError):
        judge(rules(), DEVICE.public, STATEMENT, SoftwareAttester(DEVICE).attest(DIGEST))


def test_other_software_than_the_one_that_is_trusted() -> None:
    with pytest.raises(DecodeError, match="other software"):
        judge(rules(GOOD_PCRS), DEVICE.public, STATEMENT, TpmAttester(Tpm(b"q" * 32)).attest(DIGEST))
    with pytest.raises(DecodeError, match="where a TPM's quote is wanted"):
        judge(rules(GOOD_PCRS), DEVICE.public, STATEMENT, SOFTWARE)
