"""A device whose meter a real TPM interface (swtpm) attests: its quotes hold at the operator, and whose else do not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from apd.shells.tpm import Tpm
from device.attesting import TpmAttester
from lab.software_tpm import SoftwareTpm
from operatord.attested import Attestation, Enrolled, Policy, Vouched, judge
from wire.errors import DecodeError, VerificationError
from wire.keys import PrivateKey
from wire.meter_statement import MeterStatement, statement_digest, write_meter_statement
from wire.tpm_attest import Quoted, read_attest

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(
        not (shutil.which("swtpm") and shutil.which("swtpm_setup")),
        reason="swtpm or swtpm_setup is not installed",
    ),
]

DEVICE = PrivateKey.from_secret(1)


class Quoter:
    """The TPM as a device's attester wants it."""

    def __init__(self, tpm: Tpm) -> None:
        self._tpm = tpm

    def quote(self, qualifying: bytes) -> tuple[bytes, bytes]:
        quote = self._tpm.quote(qualifying)
        return quote.attest, quote.signature


def statement(interval: int) -> bytes:
    return write_meter_statement(MeterStatement(b"s" * 16, b"t" * 8, interval, 1, 2), DEVICE)


def test_a_tpm_vouches_for_a_meter(tmp_path: Path) -> None:
    with SoftwareTpm(tmp_path / "tpm") as box:
        tpm = Tpm.open(box.tcti)
        try:
            key = tpm.attestation_key().public_key
            attester = TpmAttester(Quoter(tpm))
            said = read_attest(tpm.quote(bytes(32)).attest)
            assert isinstance(said.attested, Quoted)
            good = said.attested.digest
            first = statement(0)
            evidence = attester.attest(statement_digest(first))
            tpm.extend_and_quote(b"x" * 32)  # something else was started
            other = attester.attest(statement_digest(first))
        finally:
            tpm.close()
    enrolled = {DEVICE.public: Enrolled(key, good)}
    rules = Attestation(Policy.REQUIRE, enrolled)
    assert judge(rules, DEVICE.public, first, evidence) is Vouched.TPM
    with pytest.raises(VerificationError):
        judge(rules, DEVICE.public, statement(1), evidence)
    with pytest.raises(DecodeError, match="other software"):
        judge(rules, DEVICE.public, first, other)
    any_software = Attestation(Policy.REQUIRE, {DEVICE.public: Enrolled(key)})
    assert judge(any_software, DEVICE.public, first, other) is Vouched.TPM
