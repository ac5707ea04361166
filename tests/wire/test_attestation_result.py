"""The attestation result: which key, whose box, and whether a TPM vouches for it."""

from dataclasses import replace

import pytest

from tests.wire.examples import MESSAGES, resign_payload
from wire.errors import DecodeError

RESULT = MESSAGES["attestation_result"]


def test_a_software_key_says_so() -> None:
    software = replace(RESULT.example, key_name=b"", endorsement_hash=b"")
    assert RESULT.example.in_tpm
    assert not software.in_tpm
    assert RESULT.read(RESULT.write(software)) == software


@pytest.mark.parametrize(
    ("label", "value", "why"),
    [
        (1, bytes(33), "attestation_key: not a compressed"),
        (2, bytes(32), "key_name has 32 bytes, not 34"),
        (2, b"", "key_name has 0 bytes, not 34"),
        (4, bytes(33), "endorsement_hash has 33 bytes, not 32"),
        (5, -1, "enrolled_s is -1"),
    ],
)
def test_refused(label: int, value: object, why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        RESULT.read(resign_payload(RESULT, {label: value}))


def test_name_and_endorsement_go_together() -> None:
    with pytest.raises(DecodeError, match=r"endorsement_hash .field 4. is missing"):
        RESULT.read(resign_payload(RESULT, {}, leave_out=(4,)))
    with pytest.raises(DecodeError, match="field 4 is unknown and critical"):
        RESULT.read(resign_payload(RESULT, {}, leave_out=(2,)))
