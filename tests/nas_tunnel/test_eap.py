"""EAP packets: vectors by hand from RFC 3748, cuts, garbled bytes, the limit of 1,500 octets."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas_tunnel.eap import EapCode, EapPacket, EapType, ours, read_eap, write_eap, write_expanded_nak
from wire.errors import DecodeError

octet = st.integers(0, 255)
packets = st.one_of(
    st.builds(EapPacket, st.sampled_from([EapCode.SUCCESS, EapCode.FAILURE]), octet),
    st.builds(
        EapPacket,
        st.sampled_from([EapCode.REQUEST, EapCode.RESPONSE]),
        octet,
        st.integers(1, 255).filter(lambda kind: kind != EapType.EXPANDED),
        st.binary(max_size=1_495),
    ),
    st.builds(
        EapPacket,
        st.sampled_from([EapCode.REQUEST, EapCode.RESPONSE]),
        octet,
        st.just(EapType.EXPANDED),
        st.binary(max_size=1_488),
        st.integers(0, 2**24 - 1),
        st.integers(0, 2**32 - 1),
    ),
)


@pytest.mark.parametrize(
    ("encoded", "packet"),
    [
        ("0107000501", EapPacket(EapCode.REQUEST, 7, EapType.IDENTITY)),
        ("0207000a01" + b"a@b.c".hex(), EapPacket(EapCode.RESPONSE, 7, EapType.IDENTITY, b"a@b.c")),
        ("03070004", EapPacket(EapCode.SUCCESS, 7)),
        ("04ff0004", EapPacket(EapCode.FAILURE, 255)),
        ("0207000603fe", EapPacket(EapCode.RESPONSE, 7, EapType.NAK, b"\xfe")),
        (
            "0108000efe02414700000001" + "80aa",
            EapPacket(EapCode.REQUEST, 8, EapType.EXPANDED, b"\x80\xaa", 0x024147, 1),
        ),
    ],
)
def test_by_hand(encoded: str, packet: EapPacket) -> None:
    """RFC 3748 clauses 4.1, 4.2, 5.1, 5.3.1, 5.7."""
    assert write_eap(packet) == bytes.fromhex(encoded)
    assert read_eap(bytes.fromhex(encoded)) == packet


def test_a_nak_of_anothers_method() -> None:
    """RFC 3748 clause 5.3.2: type 254, vendor 0, vendor type 3, then what is wanted in the same form."""
    nak = write_expanded_nak(9)
    assert nak.hex() == "02090014" + "fe00000000000003" + "fe02414700000001"
    assert read_eap(nak).is_nak
    assert not read_eap(nak).is_ours
    assert not read_eap(bytes.fromhex("0209000c" + "fe00013700000003")).is_nak, "another vendor's type 3"


def test_ours_is_ours() -> None:
    assert read_eap(ours(EapCode.REQUEST, 1, b"x")).is_ours
    assert not read_eap(bytes.fromhex("0108000cfe02414700000002")).is_ours


@given(packets)
def test_what_was_written_is_read(packet: EapPacket) -> None:
    assert read_eap(write_eap(packet)) == packet


@given(st.binary(max_size=40))
def test_one_form(data: bytes) -> None:
    framed = data[:2] + len(data).to_bytes(2, "big") + data[4:]
    with contextlib.suppress(DecodeError):
        assert write_eap(read_eap(framed)) == framed


@pytest.mark.parametrize(
    ("encoded", "why"),
    [
        ("", "0 bytes, not 4 to 1500"),
        ("010700", "3 bytes"),
        ("0107000501ff", "length 5 in a packet of 6 bytes"),
        ("01070006" + "01", "length 6 in a packet of 5 bytes"),
        ("0307000501", "Success and Failure have 4 bytes, not 5"),
        ("0507000501", "code 5"),
        ("01070004", "without a type"),
        ("0107000500", "without a type"),
        ("0107000bfe024147000000", "an expanded type in 11 bytes"),
        ("0107" + "05dd" + "01" + "00" * 1496, "1501 bytes"),
    ],
)
def test_refusals(encoded: str, why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        read_eap(bytes.fromhex(encoded))


def test_longer_than_1500_octets_is_not_written() -> None:
    assert len(ours(EapCode.RESPONSE, 1, bytes(1_488))) == 1_500
    with pytest.raises(AssertionError, match="1501 bytes"):
        ours(EapCode.RESPONSE, 1, bytes(1_489))
