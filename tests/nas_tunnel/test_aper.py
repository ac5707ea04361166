"""Aligned PER by hand: the outer form, lengths, numbers; what is refused and where."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycrate_asn1dir import NGAP, S1AP

from nas_tunnel.aper import (
    MAX_PDU_BYTES,
    Kind,
    Octets,
    Pdu,
    read_fixed,
    read_number,
    read_octet_string,
    read_pdu,
    read_sized_octet_string,
)
from wire.errors import DecodeError

AMF_ID, RAN_ID, ENB_ID = (
    NGAP.NGAP_IEs.AMF_UE_NGAP_ID,
    NGAP.NGAP_IEs.RAN_UE_NGAP_ID,
    S1AP.S1AP_IEs.ENB_UE_S1AP_ID,
)


def test_a_pdu_by_hand() -> None:
    data = bytes.fromhex("00 04 40 0b" + "00 0002" + "000a 00 00" + "0026 40 00".replace(" ", ""))
    assert read_pdu(data, "test") == Pdu(Kind.INITIATING, 4, ((10, b""), (38, b"")))
    assert read_pdu(data, "test").find(38) == b""
    assert read_pdu(data, "test").find(39) is None


def test_the_first_of_two_elements_counts() -> None:
    pdu = Pdu(Kind.SUCCESSFUL, 21, ((1, b"a"), (1, b"b")))
    assert pdu.find(1) == b"a"


@pytest.mark.parametrize(
    ("encoded", "why"),
    [
        ("", "test: kind of message of 1 bytes does not fit into 0, at byte 0"),
        ("80040000", "begins with 80"),
        ("60040000", "begins with 60"),
        ("0004c000", "criticality is c0"),
        ("00044003000000ff", "1 bytes more than there should be, at byte 7"),
        ("00044003800000", "beginning of the sequence is 80"),
        ("0004400400000001", "test message: 1 bytes more than there should be, at byte 3"),
        ("00044003000001", "element's id of 2 bytes does not fit into 3"),
        ("0004400700000100260003", "length of message|element 38 of 3 bytes does not fit"),
        ("000440800300000000", "length of message is not in its shortest form"),
        ("000440c000", "a fragment of 0 times 16,384 bytes of message"),
        ("000440c500", "a fragment of 5 times"),
        ("000440c100", "message of 16384 bytes does not fit into 5"),
    ],
)
def test_refusals(encoded: str, why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        read_pdu(bytes.fromhex(encoded), "test")


def test_a_pdu_is_not_longer_than_any_is() -> None:
    with pytest.raises(DecodeError, match="at most 262144"):
        read_pdu(bytes(MAX_PDU_BYTES + 1), "test")


@given(st.integers(0, (1 << 40) - 1), st.integers(0, (1 << 32) - 1), st.integers(0, (1 << 24) - 1))
def test_numbers_are_pycrates(amf_id: int, ran_id: int, enb_id: int) -> None:
    for asn1, value, size_bytes in ((AMF_ID, amf_id, 5), (RAN_ID, ran_id, 4), (ENB_ID, enb_id, 3)):
        asn1.set_val(value)
        assert read_number(asn1.to_aper(), "id", size_bytes) == value


@pytest.mark.parametrize(
    ("encoded", "size_bytes", "why"),
    [
        ("", 4, "length of 1 bytes does not fit"),
        ("0100", 4, "01 is no length"),
        ("a00000000000", 5, "a0 is no length"),
        ("c000000000", 3, "c0 is no length"),
        ("400001", 4, "zeros in front"),
        ("0000ff", 4, "1 bytes more"),
        ("4001", 4, "number of 2 bytes does not fit"),
    ],
)
def test_numbers_in_another_form_are_refused(encoded: str, size_bytes: int, why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        read_number(bytes.fromhex(encoded), "id", size_bytes)


@pytest.mark.parametrize("size", [0, 1, 127, 128, 16_383, 16_384, 16_385, 65_535, 65_536, 70_000, 131_072])
def test_octet_strings_are_pycrates(size: int) -> None:
    octets = bytes(number % 251 for number in range(size))
    NGAP.NGAP_IEs.NAS_PDU.set_val(octets)
    encoded = NGAP.NGAP_IEs.NAS_PDU.to_aper()
    assert read_octet_string(encoded, "nas") == octets
    with pytest.raises(DecodeError):
        read_octet_string(encoded + b"\0", "nas")
    with pytest.raises(DecodeError):
        read_octet_string(encoded[:-1], "nas")


@pytest.mark.parametrize("size", [1, 255, 256, 9_600])
def test_octet_strings_with_a_limit_are_pycrates(size: int) -> None:
    NGAP.NGAP_IEs.WarningMessageContents.set_val(bytes(size))
    encoded = NGAP.NGAP_IEs.WarningMessageContents.to_aper()
    assert read_sized_octet_string(encoded, "warning", 9_600) == bytes(size)
    with pytest.raises(DecodeError, match=f"at most {size - 1} are allowed"):
        read_sized_octet_string(encoded, "warning", size - 1)


def test_bit_strings_of_whole_octets() -> None:
    assert read_fixed(b"\xa2\x47", "identifier", 2) == 0xA247
    for wrong in (b"\xa2", b"\xa2\x47\0"):
        with pytest.raises(DecodeError):
            read_fixed(wrong, "identifier", 2)


def test_an_octet_that_does_not_matter_is_still_one_of_a_few() -> None:
    reader = Octets(b"\x40\x41", "test")
    reader.one_of("criticality", (0x00, 0x40))
    with pytest.raises(DecodeError, match="criticality is 41, at byte 2"):
        reader.one_of("criticality", (0x00, 0x40))


@given(st.binary(max_size=64))
def test_a_value_or_a_decode_error(data: bytes) -> None:
    for start in (b"", b"\0\x04\x40", b"\0\x04\x40\x20\0\0\x01"):
        try:
            pdu = read_pdu(start + data, "test")
        except DecodeError:
            continue
        assert sum(len(contents) for _, contents in pdu.elements) <= len(data)
