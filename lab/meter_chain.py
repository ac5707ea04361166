"""A box's metering chain without the box: records one after the other, signed by any TPM or by a software key.

For tests, benchmarks and attacks: what the daemon does with its store and clocks, this does with three integers, and
whoever uses it may lie in every field. Evidence comes out as bytes, as the daemon would send them.
"""

from dataclasses import dataclass

from apd.shells.software_key import SoftwareKey
from apd.shells.tpm import MeterTpm, sign_record
from wire.evidence import write_evidence
from wire.meter_record import (
    BOOT_PCRS,
    FIRST_PREVIOUS,
    METER_PCR,
    AnchorRecord,
    BootRecord,
    MeterRecord,
    UsageReport,
    UsageRow,
    record_hash,
    write_meter_record,
)

SOFTWARE = "meter chain of the lab"


@dataclass(slots=True)
class MeterChain:
    """The end of a chain, and who signs it. Time is what the caller says, in ms UTC; reports abut."""

    signer: MeterTpm | SoftwareKey
    utc_ms: int
    sequence: int = 0
    head: bytes = FIRST_PREVIOUS

    def boot(self) -> bytes:
        """A boot record, now."""
        return self.append(self.boot_record())

    def boot_record(self) -> BootRecord:
        """An unsigned boot record with the PCRs as they are."""
        if isinstance(self.signer, SoftwareKey):
            return BootRecord(self.sequence + 1, self.head, self.utc_ms, b"", b"", SOFTWARE)
        pcrs = self.signer.read_pcrs()
        boot_pcrs = b"".join(pcrs[index] for index in BOOT_PCRS)
        return BootRecord(self.sequence + 1, self.head, self.utc_ms, boot_pcrs, pcrs[METER_PCR], SOFTWARE)

    def usage(self, duration_ms: int, *rows: UsageRow) -> bytes:
        """A report of the next `duration_ms`, which pass."""
        from_utc_ms = self.utc_ms
        self.utc_ms += duration_ms
        return self.append(UsageReport(self.sequence + 1, self.head, from_utc_ms, self.utc_ms, rows))

    def anchor(self) -> bytes:
        """An anchor record, now."""
        assert not isinstance(self.signer, SoftwareKey), "a software key has no counter"
        counter = self.signer.anchor_counter() + 1
        return self.append(AnchorRecord(self.sequence + 1, self.head, self.utc_ms, counter))

    def append(self, record: MeterRecord) -> bytes:
        """Signs any record and makes it the end of the chain."""
        encoded = write_meter_record(record)
        self.sequence, self.head = record.sequence, record_hash(encoded)
        if isinstance(self.signer, SoftwareKey):
            return write_evidence(self.signer.sign_record(encoded))
        return write_evidence(sign_record(self.signer, record, encoded))
