"""Meter records: three links of one chain."""

from dataclasses import replace
from hashlib import sha256

import pytest

from tests.wire.examples import MESSAGES
from wire.cbor import read_cbor, write_cbor
from wire.errors import DecodeError
from wire.meter_record import (
    FIRST_PREVIOUS,
    MAX_ROWS,
    UsageReport,
    read_meter_record,
    record_hash,
    write_meter_record,
)
from wire.units import U63_MAX

BOOT, USAGE, ANCHOR = (MESSAGES[name] for name in ("boot_record", "usage_report", "anchor_record"))
ROW = [bytes(16), 1, 2, 3, 4]


def altered(name: str, extra: dict[int, object], leave_out: tuple[int, ...] = ()) -> bytes:
    fields = read_cbor(MESSAGES[name].golden)
    assert isinstance(fields, dict)
    return write_cbor({k: v for k, v in fields.items() if k not in leave_out} | extra)  # type: ignore[arg-type]


def test_a_chain_begins_with_zeros() -> None:
    assert (BOOT.example.sequence, BOOT.example.previous) == (1, FIRST_PREVIOUS) == (1, bytes(32))


def test_the_hash_is_of_the_bytes() -> None:
    assert record_hash(USAGE.golden) == sha256(USAGE.golden).digest()


def test_without_a_tpm_there_are_no_pcrs() -> None:
    software = replace(BOOT.example, boot_pcrs=b"", meter_pcr=b"")
    assert read_meter_record(write_meter_record(software)) == software


def test_one_report_for_many_sessions() -> None:
    full = replace(USAGE.example, rows=USAGE.example.rows * MAX_ROWS)
    assert read_meter_record(write_meter_record(full)) == full
    with pytest.raises(DecodeError, match="array of at most 250"):
        read_meter_record(write_meter_record(replace(full, rows=full.rows[:1] * (MAX_ROWS + 1))))


@pytest.mark.parametrize(("down", "up"), [(1, 0), (0, 1), (U63_MAX, U63_MAX)])
def test_a_shortfall_is_written_where_there_is_one(down: int, up: int) -> None:
    row = replace(USAGE.example.rows[0], down_shortfall_bytes=down, up_shortfall_bytes=up)
    short = replace(USAGE.example, rows=(row, *USAGE.example.rows))
    assert read_meter_record(write_meter_record(short)) == short


def test_a_report_of_nobody_is_a_report() -> None:
    empty = UsageReport(2, bytes(32), 5, 5, ())
    assert read_meter_record(write_meter_record(empty)) == empty


@pytest.mark.parametrize(
    ("name", "extra", "why"),
    [
        ("usage_report", {0: 0}, "kind is 0, outside 1..3"),
        ("usage_report", {0: 4}, "kind is 4"),
        ("usage_report", {1: 0}, "sequence is 0, outside 1"),
        ("usage_report", {2: bytes(31)}, "previous has 31 bytes"),
        ("usage_report", {3: -1}, "from_utc_ms is -1"),
        ("usage_report", {4: 1}, "to_utc_ms is 1, outside"),
        ("usage_report", {5: {}}, "rows is not an array"),
        ("usage_report", {5: [[]]}, "row 0 is not a grant id and four byte counts"),
        ("usage_report", {5: [ROW, ROW[:-1]]}, "row 1 is not"),
        ("usage_report", {5: [[*ROW, 5]]}, "row 0 is not a grant id and four byte counts, or six"),
        ("usage_report", {5: [[*ROW, 5, 6, 7]]}, "row 0 is not"),
        ("usage_report", {5: [[*ROW, 5, -6]]}, "row 0: a byte count is not"),
        ("usage_report", {5: [[*ROW, 5, b""]]}, "row 0: a byte count is not"),
        ("usage_report", {5: [[*ROW, 0, 0]]}, "row 0: without a shortfall it ends after four"),
        ("usage_report", {5: [[bytes(15), 1, 2, 3, 4]]}, "row 0 is not"),
        ("usage_report", {5: [[bytes(16), 1, 2, 3, -4]]}, "row 0: a byte count is not"),
        ("usage_report", {5: [[bytes(16), 1, 2, True, 4]]}, "rows has a boolean in it"),
        ("usage_report", {5: [[bytes(16), 2**63, 2, 3, 4]]}, "row 0: a byte count is not"),
        ("usage_report", {6: 0}, "field 6 is unknown and critical"),
        ("boot_record", {4: bytes(319)}, "boot_pcrs has 319 bytes, not 320"),
        ("boot_record", {5: bytes(31)}, "meter_pcr has 31 bytes"),
        ("boot_record", {6: "x" * 101}, "software is not a text of at most 100"),
        ("anchor_record", {4: -1}, "counter is -1"),
        ("anchor_record", {0: 1}, "boot_pcrs is not a byte string"),
    ],
)
def test_refused(name: str, extra: dict[int, object], why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        read_meter_record(altered(name, extra))


def test_pcrs_go_together() -> None:
    with pytest.raises(DecodeError, match=r"meter_pcr .field 5. is missing"):
        read_meter_record(altered("boot_record", {}, leave_out=(5,)))
    with pytest.raises(DecodeError, match="field 5 is unknown and critical"):
        read_meter_record(altered("boot_record", {}, leave_out=(4,)))


@pytest.mark.parametrize("data", [b"", b"\x80", b"\x00", b"\xa0"])
def test_what_is_no_record(data: bytes) -> None:
    with pytest.raises(DecodeError):
        read_meter_record(data)
