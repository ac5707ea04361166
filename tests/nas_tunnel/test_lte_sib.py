"""LTE SIB9 to SIB12: vectors of pycrate, any value beside pycrate, every truncation, what else is in a message."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from nas_tunnel.lte_sib import (
    MAX_SI_BYTES_1A,
    MAX_SI_BYTES_1C,
    LteSib,
    Sib9,
    Sib10,
    Sib11,
    Sib12,
    read_lte_sib,
    read_lte_system_information,
    write_lte_sib,
    write_lte_system_information,
)
from nas_tunnel.warning_sib import WarningSegment
from tests.nas_tunnel import rrc_oracle
from tests.nas_tunnel.sib_values import FIRST, LTE_EXAMPLES, NOTICE, lte_sibs
from wire.errors import DecodeError
from wire.warning_id import AIRGRANT

VECTORS = json.loads((Path(__file__).parent / "vectors" / "lte_sib.json").read_text())
NUMBERS = {Sib9: 9, Sib10: 10, Sib11: 11, Sib12: 12}
EVERY = pytest.mark.parametrize("name", LTE_EXAMPLES)


def segment(size: int, scheme: int | None = 0x44) -> WarningSegment:
    return WarningSegment(AIRGRANT, 1, True, 0, bytes(size), scheme)


@EVERY
def test_vector(name: str) -> None:
    sib, vector = LTE_EXAMPLES[name], VECTORS["blocks"][name]
    assert write_lte_sib(sib).hex() == vector["block"]
    assert write_lte_system_information([sib]).hex() == vector["message"]
    assert read_lte_sib(NUMBERS[type(sib)], bytes.fromhex(vector["block"])) == sib
    assert read_lte_system_information(bytes.fromhex(vector["message"])) == (sib,)


def test_every_vector_is_an_example_and_says_where_it_comes_from() -> None:
    assert set(VECTORS["blocks"]) == set(LTE_EXAMPLES)
    assert "pycrate" in VECTORS["provenance"]


@given(lte_sibs)
def test_pycrate_writes_the_same(sib: LteSib) -> None:
    assert write_lte_sib(sib) == rrc_oracle.lte_block(sib)
    message = write_lte_system_information([sib])
    assert message == rrc_oracle.lte_message([rrc_oracle.lte_listed(sib)])
    assert read_lte_system_information(message) == (sib,)
    assert read_lte_sib(NUMBERS[type(sib)], write_lte_sib(sib)) == sib


@given(lte_sibs)
def test_pycrate_reads_the_same(sib: LteSib) -> None:
    assert rrc_oracle.read_lte(write_lte_system_information([sib])) == [rrc_oracle.lte_listed(sib)]


def test_several_in_one_message() -> None:
    sibs = (Sib9(b"Airgrant"), Sib12(FIRST), Sib10(NOTICE))
    message = write_lte_system_information(sibs)
    assert message == rrc_oracle.lte_message([rrc_oracle.lte_listed(sib) for sib in sibs])
    assert read_lte_system_information(message) == sibs


def test_blocks_of_later_releases_are_passed_over() -> None:
    """Each has a length before it; here those that need no field."""
    later: list[tuple[str, dict[str, Any]]] = [("sib15-v1130", {}), ("sib18-v1250", {}), ("sib19-v1250", {})]
    sib = Sib9(b"Airgrant")
    message = rrc_oracle.lte_message([*later, rrc_oracle.lte_listed(sib), *later])
    assert read_lte_system_information(message) == (sib,)
    assert read_lte_system_information(rrc_oracle.lte_message(later)) == ()


def test_blocks_without_a_length_are_refused() -> None:
    message = rrc_oracle.lte_message([("sib4", {}), rrc_oracle.lte_listed(Sib9(b"Airgrant"))])
    with pytest.raises(DecodeError, match=r"root block 2 \(SIB4\), which has no length, is not read"):
        read_lte_system_information(message)


def test_what_follows_the_blocks_is_for_later_releases() -> None:
    sib = Sib9(b"Airgrant")
    later = {"lateNonCriticalExtension": b"late"}
    message = rrc_oracle.lte_message([rrc_oracle.lte_listed(sib)], nonCriticalExtension=later)
    assert read_lte_system_information(message) == (sib,)


@pytest.mark.parametrize("head", ["40", "80", "20"])
def test_another_message_is_refused(head: str) -> None:
    """SIB1, a message class extension, a critical extension of the future."""
    with pytest.raises(DecodeError, match="not system information of release 8"):
        read_lte_system_information(bytes.fromhex(head) + bytes(40))


@EVERY
def test_padding_of_the_channel(name: str) -> None:
    message = write_lte_system_information([LTE_EXAMPLES[name]])
    for size in range(len(message), MAX_SI_BYTES_1A + 1, 7):
        assert read_lte_system_information(message.ljust(size, b"\0")) == (LTE_EXAMPLES[name],)
    if len(message) < MAX_SI_BYTES_1A:
        with pytest.raises(DecodeError, match="padding that is not zero"):
            read_lte_system_information(message + b"\1")


@EVERY
def test_every_truncation_is_refused(name: str) -> None:
    sib = LTE_EXAMPLES[name]
    message, block = write_lte_system_information([sib]), write_lte_sib(sib)
    for size in range(len(message)):
        with pytest.raises(DecodeError, match="lte s"):
            read_lte_system_information(message[:size])
    for size in range(len(block)):
        with pytest.raises(DecodeError, match="lte sib"):
            read_lte_sib(NUMBERS[type(sib)], block[:size])
    with pytest.raises(DecodeError, match="bits more"):
        read_lte_sib(NUMBERS[type(sib)], block + b"\0")


def test_numbers_that_are_not_read() -> None:
    for number in (0, 2, 8, 13):
        with pytest.raises(DecodeError, match=f"lte sib: number {number} is not read, only 9 to 12"):
            read_lte_sib(number, b"\0\0")


@pytest.mark.parametrize(
    ("bits", "why"), [(0b1_1_000000, "past 64"), (0b0_1010_000, "root block 10"), (0b0_1111_000, "15")]
)
def test_a_block_that_is_none(bits: int, why: str) -> None:
    head = 0b0000_00000 << 8 | bits
    with pytest.raises(DecodeError, match=why):
        read_lte_system_information((head << 7).to_bytes(3, "big") + bytes(20))


def test_too_large_is_refused_before_it_is_read() -> None:
    for read in (read_lte_system_information, lambda data: read_lte_sib(12, data)):
        with pytest.raises(DecodeError, match="278 bytes, at most 277 are accepted"):
            read(bytes(278))


def test_the_largest_segments() -> None:
    for largest, sib, limit in (
        (263, Sib12, MAX_SI_BYTES_1A),
        (267, Sib11, MAX_SI_BYTES_1A),
        (203, Sib12, MAX_SI_BYTES_1C),
        (207, Sib11, MAX_SI_BYTES_1C),
    ):
        assert len(write_lte_system_information([sib(segment(largest))])) == limit
        if limit == MAX_SI_BYTES_1A:
            with pytest.raises(AssertionError, match="a message of 278 bytes"):
                write_lte_system_information([sib(segment(largest + 1))])
            with pytest.raises(AssertionError, match="a block of 1009 bytes"):
                write_lte_sib(sib(segment(1_009 - len(write_lte_sib(sib(segment(largest)))) + largest)))


def test_names_have_limits() -> None:
    for name in (b"", bytes(49)):
        with pytest.raises(DecodeError, match=f"octets of hnb_name is {len(name)}, outside 1..48"):
            Sib9(name)


def test_a_message_has_one_to_32_blocks() -> None:
    for count in (0, 33):
        with pytest.raises(AssertionError, match=f"{count} blocks"):
            write_lte_system_information([Sib9(None)] * count)
    assert read_lte_system_information(write_lte_system_information([Sib9(None)] * 32)) == (Sib9(None),) * 32
