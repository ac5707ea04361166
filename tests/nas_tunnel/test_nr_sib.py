"""NR SIB6, SIB7, SIB8 and SIB10: vectors of pycrate, any value beside pycrate, every truncation, what else there is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from nas_tunnel.nr_sib import (
    MAX_SI_BYTES,
    NrSib,
    Sib6,
    Sib7,
    Sib8,
    Sib10,
    read_nr_sib,
    read_nr_system_information,
    write_nr_sib,
    write_nr_system_information,
)
from nas_tunnel.warning_sib import WarningSegment
from tests.nas_tunnel import rrc_oracle
from tests.nas_tunnel.sib_values import FIRST, NOTICE, NR_EXAMPLES, nr_sibs
from wire.errors import DecodeError
from wire.warning_id import AIRGRANT

VECTORS = json.loads((Path(__file__).parent / "vectors" / "nr_sib.json").read_text())
NUMBERS = {Sib6: 6, Sib7: 7, Sib8: 8, Sib10: 10}
EVERY = pytest.mark.parametrize("name", NR_EXAMPLES)


def segment(size: int, scheme: int | None = 0x44) -> WarningSegment:
    return WarningSegment(AIRGRANT, 1, True, 0, bytes(size), scheme)


@EVERY
def test_vector(name: str) -> None:
    sib, vector = NR_EXAMPLES[name], VECTORS["blocks"][name]
    assert write_nr_sib(sib).hex() == vector["block"]
    assert write_nr_system_information([sib]).hex() == vector["message"]
    assert read_nr_sib(NUMBERS[type(sib)], bytes.fromhex(vector["block"])) == sib
    assert read_nr_system_information(bytes.fromhex(vector["message"])) == (sib,)


def test_every_vector_is_an_example_and_says_where_it_comes_from() -> None:
    assert set(VECTORS["blocks"]) == set(NR_EXAMPLES)
    assert "pycrate" in VECTORS["provenance"]


@given(nr_sibs)
def test_pycrate_writes_the_same(sib: NrSib) -> None:
    assert write_nr_sib(sib) == rrc_oracle.nr_block(sib)
    message = write_nr_system_information([sib])
    assert message == rrc_oracle.nr_message([rrc_oracle.nr_listed(sib)])
    assert read_nr_system_information(message) == (sib,)
    assert read_nr_sib(NUMBERS[type(sib)], write_nr_sib(sib)) == sib


@given(nr_sibs)
def test_pycrate_reads_the_same(sib: NrSib) -> None:
    assert rrc_oracle.read_nr(write_nr_system_information([sib])) == [rrc_oracle.nr_listed(sib)]


def test_several_in_one_message() -> None:
    sibs = (Sib6(NOTICE), Sib10((b"Airgrant",)), Sib7(FIRST))
    message = write_nr_system_information(sibs)
    assert message == rrc_oracle.nr_message([rrc_oracle.nr_listed(sib) for sib in sibs])
    assert read_nr_system_information(message) == sibs


def test_blocks_of_later_releases_are_passed_over() -> None:
    later: list[tuple[str, dict[str, Any]]] = [("sib11-v1610", {}), ("sib18-v1700", {})]
    sib = Sib10((b"Airgrant",))
    message = rrc_oracle.nr_message([*later, rrc_oracle.nr_listed(sib), *later])
    assert read_nr_system_information(message) == (sib,)
    assert read_nr_system_information(rrc_oracle.nr_message(later)) == ()


@pytest.mark.parametrize("number", [3, 5, 9])
def test_blocks_without_a_length_are_refused(number: int) -> None:
    value = {5: {"t-ReselectionEUTRA": 1}}.get(number, {})
    message = rrc_oracle.nr_message([(f"sib{number}", value), rrc_oracle.nr_listed(Sib6(NOTICE))])
    with pytest.raises(DecodeError, match=f"SIB{number}, which has no length, is not read"):
        read_nr_system_information(message)


def test_what_follows_the_blocks_is_for_later_releases() -> None:
    listed = [rrc_oracle.nr_listed(Sib6(NOTICE))]
    for message in (
        rrc_oracle.nr_message(listed, lateNonCriticalExtension=b"late"),
        rrc_oracle.nr_message(listed, nonCriticalExtension={}),
    ):
        assert read_nr_system_information(message) == (Sib6(NOTICE),)


@pytest.mark.parametrize("head", ["40", "80", "20"])
def test_another_message_is_refused(head: str) -> None:
    """SIB1, a message class extension, a critical extension of the future."""
    with pytest.raises(DecodeError, match="not system information of release 15"):
        read_nr_system_information(bytes.fromhex(head) + bytes(40))


@EVERY
def test_padding_of_the_channel(name: str) -> None:
    message = write_nr_system_information([NR_EXAMPLES[name]])
    for size in range(len(message), MAX_SI_BYTES + 1, 7):
        assert read_nr_system_information(message.ljust(size, b"\0")) == (NR_EXAMPLES[name],)
    if len(message) < MAX_SI_BYTES:
        with pytest.raises(DecodeError, match="padding that is not zero"):
            read_nr_system_information(message + b"\1")


@EVERY
def test_every_truncation_is_refused(name: str) -> None:
    sib = NR_EXAMPLES[name]
    message, block = write_nr_system_information([sib]), write_nr_sib(sib)
    for size in range(len(message)):
        with pytest.raises(DecodeError, match="nr s"):
            read_nr_system_information(message[:size])
    for size in range(len(block)):
        with pytest.raises(DecodeError, match="nr sib"):
            read_nr_sib(NUMBERS[type(sib)], block[:size])
    with pytest.raises(DecodeError, match="bits more"):
        read_nr_sib(NUMBERS[type(sib)], block + b"\0")


def test_numbers_that_are_not_read() -> None:
    for number in (0, 5, 9, 11):
        with pytest.raises(DecodeError, match=f"nr sib: number {number} is not read, only 6, 7, 8, 10"):
            read_nr_sib(number, b"\0\0")


def test_a_block_numbered_past_64_is_refused() -> None:
    with pytest.raises(DecodeError, match="past 64"):
        read_nr_system_information((0b00000_00000_11 << 4).to_bytes(2, "big") + bytes(20))


def test_too_large_is_refused_before_it_is_read() -> None:
    for read in (read_nr_system_information, lambda data: read_nr_sib(8, data)):
        with pytest.raises(DecodeError, match="373 bytes, at most 372 are accepted"):
            read(bytes(373))


def test_the_largest_segments() -> None:
    for largest, sib in ((361, Sib8), (362, Sib7)):
        assert len(write_nr_system_information([sib(segment(largest))])) == MAX_SI_BYTES
        with pytest.raises(AssertionError, match="a message of 373 bytes"):
            write_nr_system_information([sib(segment(largest + 1))])
        with pytest.raises(AssertionError, match="a block of 1009 bytes"):
            write_nr_sib(sib(segment(1_009 - len(write_nr_sib(sib(segment(largest)))) + largest)))


def test_names_have_limits() -> None:
    for name in (b"", bytes(49)):
        with pytest.raises(DecodeError, match=f"octets of a name is {len(name)}, outside 1..48"):
            Sib10((name,))
    with pytest.raises(DecodeError, match="number of names is 13"):
        Sib10((None,) * 13)


def test_seven_full_names_fit_and_eight_do_not() -> None:
    assert len(write_nr_system_information([Sib10((bytes(48),) * 7)])) <= MAX_SI_BYTES
    for write in (write_nr_sib, lambda sib: write_nr_system_information([sib])):
        with pytest.raises(AssertionError, match="a block of 392 bytes"):
            write(Sib10((bytes(48),) * 8))


def test_a_message_has_one_to_32_blocks() -> None:
    for count in (0, 33):
        with pytest.raises(AssertionError, match=f"{count} blocks"):
            write_nr_system_information([Sib10(())] * count)
    assert read_nr_system_information(write_nr_system_information([Sib10(())] * 32)) == (Sib10(()),) * 32
