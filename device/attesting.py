"""Who vouches that a device's meter was not tampered with: an interface, and two who do.

`attest` is given the digest of a meter statement (wire/meter_statement.py) and returns evidence, at most 1,000 octets
(wire/device_evidence.py), which goes to the operator beside the payment. A software attester says no more than that the
holder of its key says so; a TPM's quote says which measured software ran when it was asked. Neither proves that a count
is true: that is what the access point's own count is compared for.
Reference: Datanet 5.5.4 (attestations of the device's OS beside the usage statistics).
"""

from typing import Protocol

from wire.device_evidence import write_software_evidence, write_tpm_evidence
from wire.keys import PrivateKey


class Attester(Protocol):
    """Somebody who vouches."""

    def attest(self, digest: bytes) -> bytes:
        """Evidence for a statement of this digest, 32 octets. May raise ShellError."""
        ...


class Quoter(Protocol):
    """A TPM with a restricted attestation key: TPM2_Quote over the boot's PCRs, as (TPMS_ATTEST, r || s)."""

    def quote(self, qualifying: bytes) -> tuple[bytes, bytes]: ...


class SoftwareAttester:
    """Signs with a key of the application's own."""

    def __init__(self, key: PrivateKey) -> None:
        self._key = key

    def attest(self, digest: bytes) -> bytes:
        return write_software_evidence(digest, self._key)


class TpmAttester:
    """Has a TPM quote over the digest."""

    def __init__(self, tpm: Quoter) -> None:
        self._tpm = tpm

    def attest(self, digest: bytes) -> bytes:
        return write_tpm_evidence(*self._tpm.quote(digest))
