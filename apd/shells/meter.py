"""Who signs the meter: the TPM, or a software key by explicit configuration, behind one face.

In: records. Out: evidence. Every method blocks as long as a TPM does, so the daemon calls them from one worker
thread. It remembers PCR 14 as it should be and its last evidence, so that a record whose quote failed after its
extension, or whose evidence was lost by the disk, is not extended twice.
"""

import hashlib
from typing import TYPE_CHECKING, Protocol

from apd.metering import TpmFound
from apd.settings import MeterSettings
from apd.shells.software_key import SoftwareKey
from wire.enrolment import EnrolmentChallenge, EnrolmentRequest
from wire.errors import ShellError
from wire.evidence import Evidence
from wire.ids import PublicKey
from wire.meter_record import BOOT_PCRS, METER_PCR, MeterRecord, record_hash

if TYPE_CHECKING:  # a box without a TPM does without
    from apd.shells.tpm import MeterTpm


class Meter(Protocol):
    """What the daemon needs of a signer."""

    def found(self) -> TpmFound | None: ...
    def sign(
        self, record: MeterRecord, encoded: bytes, *, extended_before: bool
    ) -> tuple[Evidence, bytes]: ...
    def anchor_counter(self) -> int: ...
    def enrolment_request(self, provider: PublicKey) -> EnrolmentRequest: ...
    def activate(self, challenge: EnrolmentChallenge) -> bytes: ...
    @property
    def public_key(self) -> PublicKey: ...


class TpmMeter:
    """Signs with a TPM."""

    def __init__(self, tpm: "MeterTpm") -> None:
        self._tpm = tpm
        self._pcr = tpm.read_pcrs()[METER_PCR]
        self._tried = b""
        self._signed: dict[bytes, tuple[Evidence, bytes]] = {}

    @property
    def public_key(self) -> PublicKey:
        return self._tpm.attestation_key().public_key

    def found(self) -> TpmFound | None:
        """The PCRs as they stand."""
        pcrs = self._tpm.read_pcrs()
        return TpmFound(b"".join(pcrs[index] for index in BOOT_PCRS), pcrs[METER_PCR])

    def sign(self, record: MeterRecord, encoded: bytes, *, extended_before: bool) -> tuple[Evidence, bytes]:
        """Evidence of a record, and PCR 14 after it."""
        digest = record_hash(encoded)
        if digest in self._signed:  # the disk did not keep what we made
            return self._signed[digest]
        extended = self._pcr if extended_before else hashlib.sha256(self._pcr + digest).digest()
        if self._tried == digest:
            extended_before = self._tpm.read_pcrs()[METER_PCR] == extended
        self._tried = digest
        from apd.shells.tpm import sign_record

        evidence = sign_record(self._tpm, record, encoded, extended_before=extended_before)
        self._pcr, self._tried = extended, b""
        self._signed = {digest: (evidence, extended)}
        return evidence, extended

    def anchor_counter(self) -> int:
        return self._tpm.anchor_counter()

    def enrolment_request(self, provider: PublicKey) -> EnrolmentRequest:
        """Who this TPM is, by its maker's certificate, and which key attests."""
        return EnrolmentRequest(
            provider,
            attestation_public=self._tpm.attestation_key().public_area,
            endorsement_certificate=self._tpm.endorsement_key().certificate,
        )

    def activate(self, challenge: EnrolmentChallenge) -> bytes:
        """The secret that only this TPM with this attestation key can read."""
        return self._tpm.activate_credential(challenge.credential_blob, challenge.encrypted_secret)


class SoftwareMeter:
    """Signs with a key in a file; what it signs is marked unattested."""

    def __init__(self, key: SoftwareKey) -> None:
        self._key = key

    @property
    def public_key(self) -> PublicKey:
        return self._key.public_key

    def found(self) -> TpmFound | None:
        return None

    def sign(self, record: MeterRecord, encoded: bytes, *, extended_before: bool) -> tuple[Evidence, bytes]:
        """Unattested evidence; there is no PCR."""
        assert not extended_before, f"record {record.sequence}: nothing was extended without a TPM"
        return self._key.sign_record(encoded), b""

    def anchor_counter(self) -> int:
        raise ShellError("software key", "has no counter")

    def enrolment_request(self, provider: PublicKey) -> EnrolmentRequest:
        if provider == self.public_key:
            raise ShellError(
                "software key", "is the account's own: the ledger would end the account's meters for good"
            )
        return EnrolmentRequest(
            provider, software_key=self.public_key, software_proof=self._key.prove(provider)
        )

    def activate(self, challenge: EnrolmentChallenge) -> bytes:
        raise ShellError(
            "software key", f"cannot activate a credential of {len(challenge.credential_blob)} bytes"
        )


def open_meter(settings: MeterSettings) -> Meter:
    """As configured. Raises ShellError (no TPM there), ConfigError (a bad key file)."""
    if settings.tpm:
        from apd.shells.tpm import Tpm

        return TpmMeter(Tpm.open(settings.tpm))
    assert settings.software_key_file is not None, "MeterSettings has either"
    return SoftwareMeter(SoftwareKey.open(settings.software_key_file))
