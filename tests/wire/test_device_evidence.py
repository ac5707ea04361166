"""Evidence for a meter statement: only of this statement, only by this key."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.device_evidence import verify_evidence, write_software_evidence, write_tpm_evidence
from wire.errors import DecodeError, VerificationError
from wire.keys import PrivateKey
from wire.tpm_attest import Attest, ClockInfo, PcrSelection, Quoted, write_attest

KEY, OTHER = PrivateKey.from_secret(7), PrivateKey.from_secret(8)
DIGEST = bytes(range(32))
PCRS = Quoted((PcrSelection(0x0B, (0, 1, 7)),), bytes(32))
QUOTE = Attest(b"\0\x0b" + bytes(32), DIGEST, ClockInfo(1, 2, 3, safe=True), 4, PCRS)


def quoted(attest: Attest = QUOTE, key: PrivateKey = KEY) -> bytes:
    octets = write_attest(attest)
    return write_tpm_evidence(octets, key.sign(octets))


def test_a_software_key_says_so() -> None:
    evidence = write_software_evidence(DIGEST, KEY)
    assert verify_evidence(evidence, DIGEST, KEY.public) is None
    for digest, key in ((bytes(32), KEY), (DIGEST, OTHER)):
        with pytest.raises(VerificationError):
            verify_evidence(evidence, digest, key.public)


def test_a_quote_over_this_statement() -> None:
    assert verify_evidence(quoted(), DIGEST, KEY.public) == QUOTE
    with pytest.raises(VerificationError, match="no quote over"):
        verify_evidence(quoted(), bytes(32), KEY.public)
    with pytest.raises(VerificationError, match="does not belong"):
        verify_evidence(quoted(key=OTHER), DIGEST, KEY.public)


@given(st.binary(max_size=1_100))
def test_garbage(data: bytes) -> None:
    with pytest.raises(DecodeError):
        verify_evidence(data, DIGEST, KEY.public)
