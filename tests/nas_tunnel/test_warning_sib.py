"""Notices and segments of a cell broadcast: their limits, and what is read past."""

from __future__ import annotations

from typing import Any

import pytest

from nas_tunnel import lte_sib, nr_sib
from nas_tunnel.warning_sib import WarningNotice, WarningSegment
from tests.nas_tunnel import rrc_oracle
from tests.nas_tunnel.sib_values import FIRST, NOTICE
from wire.errors import DecodeError
from wire.warning_id import AIRGRANT

SEGMENT: dict[str, Any] = {
    "message_identifier": AIRGRANT, "serial_number": 1, "is_last": True, "number": 0, "octets": b"x",
}  # fmt: skip


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("message_identifier", 65_536),
        ("message_identifier", -1),
        ("serial_number", 65_536),
        ("number", 64),
        ("number", -1),
        ("data_coding_scheme", 256),
    ],
)
def test_a_segment_has_limits(field: str, value: int) -> None:
    with pytest.raises(DecodeError, match=f"warning segment: {field} is {value}, outside"):
        WarningSegment(**SEGMENT | {field: value})


def test_a_notice_has_limits() -> None:
    for arguments, why in (
        ((65_536, 0, b"12"), "message_identifier"),
        ((0, 65_536, b"12"), "serial_number"),
        ((0, 0, b"123"), "octets of warning_type"),
    ):
        with pytest.raises(DecodeError, match=f"warning notice: {why}"):
            WarningNotice(*arguments)


def test_a_real_alert_is_read() -> None:
    """Hearing is not sending. A message as published in a trace of a presidential alert (id 4370)."""
    alert = WarningSegment(
        4_370, 0x3000, True, 0, bytes.fromhex("01c576597e2ebbc7f950a8d168341a8d46a3d168"), 1
    )
    message = rrc_oracle.lte_message([rrc_oracle.lte_listed(lte_sib.Sib12(alert))])
    assert lte_sib.read_lte_system_information(message) == (lte_sib.Sib12(alert),)


def test_what_lte_has_and_we_do_not_write_is_read_past() -> None:
    read = lte_sib.read_lte_sib
    late: dict[str, Any] = {"lateNonCriticalExtension": b"late" * 33}
    assert read(9, rrc_oracle.lte_block(lte_sib.Sib9(b"n"), **late)) == lte_sib.Sib9(b"n")
    assert read(10, rrc_oracle.lte_block(lte_sib.Sib10(NOTICE), dummy=bytes(50))) == lte_sib.Sib10(NOTICE)
    assert read(10, rrc_oracle.lte_block(lte_sib.Sib10(NOTICE), dummy=bytes(50), **late)) == lte_sib.Sib10(
        NOTICE
    )
    assert read(11, rrc_oracle.lte_block(lte_sib.Sib11(FIRST), **late)) == lte_sib.Sib11(FIRST)
    area: dict[str, Any] = {"warningAreaCoordinatesSegment_r15": b"area"}
    assert read(12, rrc_oracle.lte_block(lte_sib.Sib12(FIRST), **late, **area)) == lte_sib.Sib12(FIRST)


def test_what_nr_has_and_we_do_not_write_is_read_past() -> None:
    read = nr_sib.read_nr_sib
    late: dict[str, Any] = {"lateNonCriticalExtension": b"late" * 33}
    assert read(6, rrc_oracle.nr_block(nr_sib.Sib6(NOTICE), **late)) == nr_sib.Sib6(NOTICE)
    assert read(7, rrc_oracle.nr_block(nr_sib.Sib7(FIRST), **late)) == nr_sib.Sib7(FIRST)
    area: dict[str, Any] = {"warningAreaCoordinatesSegment": b"area"}
    assert read(8, rrc_oracle.nr_block(nr_sib.Sib8(FIRST), **area)) == nr_sib.Sib8(FIRST)
    assert read(8, rrc_oracle.nr_block(nr_sib.Sib8(FIRST), **late, **area)) == nr_sib.Sib8(FIRST)
    assert read(10, rrc_oracle.nr_block(nr_sib.Sib10((b"n",)), **late)) == nr_sib.Sib10((b"n",))


def with_additions(sib: nr_sib.NrSib, head: str) -> bytes:
    """The block with its first bit set, and after it two additions: one of three octets, one empty."""
    bits = "".join(f"{octet:08b}" for octet in rrc_oracle.nr_block(sib))
    bits = "1" + bits[1 : len(bits) - len(head)] + "0" + "000010" + "101" + f"{3:08b}" + "1" * 24 + f"{0:08b}"
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


@pytest.mark.parametrize(
    ("number", "sib", "padding"),
    [
        (6, nr_sib.Sib6(NOTICE), 6),
        (7, nr_sib.Sib7(FIRST), 6),
        (8, nr_sib.Sib8(FIRST), 5),
        (10, nr_sib.Sib10(()), 5),
    ],
)
def test_additions_that_nobody_made_yet_are_read_past(number: int, sib: nr_sib.NrSib, padding: int) -> None:
    """NR has none in these blocks, and so pycrate writes none: bits by hand, after X.691 clause 19.7 to 19.9."""
    assert nr_sib.read_nr_sib(number, with_additions(sib, "0" * padding)) == sib
