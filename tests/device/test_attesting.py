"""Both attesters make evidence that is verified by the key of whoever vouches."""

from __future__ import annotations

from device.attesting import Attester, SoftwareAttester, TpmAttester
from tests.wire.test_device_evidence import DIGEST, KEY, QUOTE
from wire.device_evidence import verify_evidence
from wire.tpm_attest import write_attest


class Tpm:
    """Quotes as a TPM would."""

    def quote(self, qualifying: bytes) -> tuple[bytes, bytes]:
        assert qualifying == DIGEST
        octets = write_attest(QUOTE)
        return octets, KEY.sign(octets)


def test_software_and_tpm_vouch_by_the_same_interface() -> None:
    software: Attester = SoftwareAttester(KEY)
    tpm: Attester = TpmAttester(Tpm())
    assert verify_evidence(software.attest(DIGEST), DIGEST, KEY.public) is None
    assert verify_evidence(tpm.attest(DIGEST), DIGEST, KEY.public) == QUOTE
