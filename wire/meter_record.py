"""The links of a box's metering chain: boot record, usage report, anchor record.

Made by the box, one after the other without a gap: each carries the next `sequence` and the hash of the one before.
A record's hash is extended into PCR 14 and is the qualifying data of the TPM's quote over it (wire/evidence.py). The
first of a chain has sequence 1 and 32 zero octets for the previous hash.

- BootRecord opens every run of the daemon: the boot PCRs 0 to 9, and PCR 14 as it was found (zero after a reset of
the TPM).
- UsageReport says what every session got in an interval. One report, however many sessions.
- AnchorRecord announces the next value of the TPM's non-orderly NV counter, which is then incremented and certified.

Largest legal size 18 KiB. Reference: decision 6 of docs/architecture.md; TPM 2.0 Part 1 clauses 17 (PCR) and 37.2.4
(NV counters).
"""

import hashlib

from wire.cbor import Key, Value, write_cbor
from wire.errors import DecodeError
from wire.fields import FieldReader
from wire.frozen import dataclass
from wire.ids import GRANT_ID_SIZE
from wire.units import U63_MAX

MAX_METER_RECORD_BYTES = 18 * 1024
MAX_ROWS = 250
"""Sessions in one report: 250 rows of at most 72 bytes stay below the largest legal size. More go into the next
report.
"""
FIRST_PREVIOUS = bytes(32)
PCR_SIZE = 32
BOOT_PCRS = tuple(range(10))
METER_PCR = 14

_KIND, _SEQUENCE, _PREVIOUS, _FROM = range(4)
_BOOT_PCRS, _METER_PCR, _SOFTWARE = 4, 5, 6
_TO, _ROWS = 4, 5
_COUNTER = 4
_BOOT, _USAGE, _ANCHOR = 1, 2, 3


@dataclass(frozen=True, slots=True)
class BootRecord:
    """`boot_pcrs` are ten SHA-256 PCR values, concatenated, and `meter_pcr` PCR 14; both empty without a TPM."""

    sequence: int
    previous: bytes
    utc_ms: int
    boot_pcrs: bytes
    meter_pcr: bytes
    software: str


@dataclass(frozen=True, slots=True)
class UsageRow:
    """IP bytes of one session in the interval: delivered by the shaper, and offered to it. A shortfall is what the
    floor promised over the times with demand, less what was delivered in them.
    """

    grant_id: bytes
    down_bytes: int
    up_bytes: int
    down_offered_bytes: int
    up_offered_bytes: int
    down_shortfall_bytes: int = 0
    up_shortfall_bytes: int = 0


@dataclass(frozen=True, slots=True)
class UsageReport:
    """The interval is [from_utc_ms, to_utc_ms)."""

    sequence: int
    previous: bytes
    from_utc_ms: int
    to_utc_ms: int
    rows: tuple[UsageRow, ...]


@dataclass(frozen=True, slots=True)
class AnchorRecord:
    """`counter` is the value that the NV counter has once this record is certified."""

    sequence: int
    previous: bytes
    utc_ms: int
    counter: int


MeterRecord = BootRecord | UsageReport | AnchorRecord


def record_hash(encoded: bytes) -> bytes:
    """What is extended into PCR 14, quoted, and named as `previous` by the next record."""
    return hashlib.sha256(encoded).digest()


def write_meter_record(record: MeterRecord) -> bytes:
    fields: dict[Key, Value] = {_SEQUENCE: record.sequence, _PREVIOUS: record.previous}
    match record:
        case BootRecord():
            fields |= {_KIND: _BOOT, _FROM: record.utc_ms, _SOFTWARE: record.software}
            if record.boot_pcrs:
                fields |= {_BOOT_PCRS: record.boot_pcrs, _METER_PCR: record.meter_pcr}
        case UsageReport():
            fields |= {_KIND: _USAGE, _FROM: record.from_utc_ms, _TO: record.to_utc_ms}
            fields[_ROWS] = [_write_row(row) for row in record.rows]
        case AnchorRecord():
            fields |= {_KIND: _ANCHOR, _FROM: record.utc_ms, _COUNTER: record.counter}
    return write_cbor(fields)


def read_meter_record(data: bytes) -> MeterRecord:
    """Raises DecodeError."""
    if len(data) > MAX_METER_RECORD_BYTES:
        raise DecodeError(f"meter record: {len(data)} bytes, at most {MAX_METER_RECORD_BYTES} are accepted")
    fields = FieldReader(data, "meter record")
    kind = fields.integer(_KIND, "kind", 1, 3)
    sequence = fields.integer(_SEQUENCE, "sequence", minimum=1)
    previous = fields.octets(_PREVIOUS, "previous", 32)
    from_utc_ms = fields.integer(_FROM, "from_utc_ms")
    record: MeterRecord
    if kind == _BOOT:
        record = _read_boot(fields, sequence, previous, from_utc_ms)
    elif kind == _USAGE:
        to_utc_ms = fields.integer(_TO, "to_utc_ms", minimum=from_utc_ms)
        record = UsageReport(sequence, previous, from_utc_ms, to_utc_ms, _read_rows(fields))
    else:
        record = AnchorRecord(sequence, previous, from_utc_ms, fields.integer(_COUNTER, "counter"))
    fields.finish()
    return record


def _read_boot(fields: FieldReader, sequence: int, previous: bytes, utc_ms: int) -> BootRecord:
    has_tpm = _BOOT_PCRS in fields
    return BootRecord(
        sequence,
        previous,
        utc_ms,
        boot_pcrs=fields.octets(_BOOT_PCRS, "boot_pcrs", PCR_SIZE * len(BOOT_PCRS)) if has_tpm else b"",
        meter_pcr=fields.octets(_METER_PCR, "meter_pcr", PCR_SIZE) if has_tpm else b"",
        software=fields.text(_SOFTWARE, "software", 100),
    )


def _write_row(row: UsageRow) -> Value:
    shortfalls = [row.down_shortfall_bytes, row.up_shortfall_bytes]
    return [
        row.grant_id,
        row.down_bytes,
        row.up_bytes,
        row.down_offered_bytes,
        row.up_offered_bytes,
        *(shortfalls if any(shortfalls) else []),
    ]


def _read_rows(fields: FieldReader) -> tuple[UsageRow, ...]:
    value = fields.value(_ROWS, "rows")
    if not isinstance(value, list) or len(value) > MAX_ROWS:
        raise fields.error(f"rows is not an array of at most {MAX_ROWS}")
    return tuple(_read_row(fields, number, item) for number, item in enumerate(value))


def _read_row(fields: FieldReader, number: int, item: Value) -> UsageRow:
    match item:
        case [bytes(grant_id), *counts] if len(grant_id) == GRANT_ID_SIZE and len(counts) in (4, 6):
            numbers = [count for count in counts if isinstance(count, int) and not isinstance(count, bool)]
        case _:
            raise fields.error(f"row {number} is not a grant id and four byte counts, or six")
    if len(numbers) != len(counts) or any(not 0 <= count <= U63_MAX for count in numbers):
        raise fields.error(f"row {number}: a byte count is not an integer within 0..{U63_MAX}")
    if numbers[4:] == [0, 0]:
        raise fields.error(f"row {number}: without a shortfall it ends after four byte counts")
    return UsageRow(grant_id, *numbers)
