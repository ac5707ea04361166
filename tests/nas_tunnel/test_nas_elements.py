"""Information elements: each form, what a receiver steps over, and what it refuses."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas_tunnel import eps_nas, nas_5gs, nas_5gsm
from nas_tunnel.nas_elements import Element, FieldsOf, Layout, find, write_elements, write_sized
from tests.nas_tunnel.nas_oracles import pycrate_sizes
from wire.errors import DecodeError

LAYOUT = Layout(sizes={0x52: 5, 0x13: 0}, limits={0x27: (1, 251), 0x78: (4, 1_500)})

half = st.builds(
    Element,
    st.integers(8, 15).map(lambda n: n << 4),
    st.binary(min_size=1, max_size=1).map(lambda octet: bytes((octet[0] & 0x0F,))),
)
short = st.builds(Element, st.integers(0x14, 0x51).filter(lambda iei: iei != 0x27), st.binary(max_size=255))
fixed = st.builds(Element, st.just(0x52), st.binary(min_size=5, max_size=5))
long = st.builds(Element, st.sampled_from([0x70, 0x79, 0x7F]), st.binary(max_size=2_000))
elements = st.lists(st.one_of(half, short, fixed, long), max_size=6).map(tuple)


def read(data: bytes) -> tuple[Element, ...]:
    return FieldsOf("test", data).elements(LAYOUT)


@pytest.mark.parametrize(
    ("encoded", "element"),
    [
        ("d1", Element(0xD0, b"\x01")),
        ("2701aa", Element(0x27, b"\xaa")),
        ("520102030405", Element(0x52, bytes((1, 2, 3, 4, 5)))),
        ("13", Element(0x13, b"")),
        ("7b0003aabbcc", Element(0x7B, b"\xaa\xbb\xcc")),
        ("3300", Element(0x33, b"")),
    ],
)
def test_each_form(encoded: str, element: Element) -> None:
    """TS 24.007 clause 11.2.1.1: TV of a half octet, TLV, TV, T, TLV-E; by hand."""
    assert write_elements((element,), LAYOUT) == bytes.fromhex(encoded)
    assert read(bytes.fromhex(encoded)) == (element,)


@pytest.mark.parametrize(
    ("layout", "messages"),
    [
        (eps_nas._ATTACH_REQUEST_LAYOUT, ["EMMAttachRequest"]),
        (eps_nas._ATTACH_REJECT_LAYOUT, ["EMMAttachReject"]),
        (
            eps_nas._ESM_LAYOUT,
            ["ESMPDNConnectivityRequest", "ESMPDNConnectivityReject", "ESMInformationResponse"],
        ),
        (nas_5gs._REGISTRATION_REQUEST_LAYOUT, ["FGMMRegistrationRequest"]),
        (nas_5gs._REGISTRATION_REJECT_LAYOUT, ["FGMMRegistrationReject"]),
        (
            nas_5gs._AUTHENTICATION_LAYOUT,
            [f"FGMMAuthentication{kind}" for kind in ("Request", "Response", "Result", "Reject")],
        ),
        (nas_5gs._SECURITY_MODE_LAYOUT, ["FGMMSecurityModeCommand"]),
        (nas_5gs._TRANSPORT_LAYOUT, ["FGMMULNASTransport", "FGMMDLNASTransport"]),
        (
            nas_5gsm._LAYOUT,
            [
                f"FGSMPDUSession{kind}"
                for kind in ("EstabRequest", "EstabAccept", "EstabReject", "ModifRequest", "ModifCommand")
            ],
        ),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "layout",
)
def test_what_the_standard_fixed(layout: Layout, messages: list[str]) -> None:
    """Each element without a length, in each message that we read, as pycrate has it; and no other."""
    theirs = [pycrate_sizes(message) for message in messages]
    assert layout.sizes == {iei: size for sizes in theirs for iei, size in sizes.items()}
    assert all(layout.sizes[iei] == size for sizes in theirs for iei, size in sizes.items())


def test_an_indication_that_has_to_be_understood() -> None:
    """REGISTRATION REQUEST of a device behind a wireline gateway; elsewhere it is refused."""
    request = nas_5gs.read_5gmm(bytes.fromhex("7e004179000101" + "0a" + "2e02f070"))
    assert isinstance(request, nas_5gs.RegistrationRequest)
    assert request.elements == (Element(0x0A, b""), Element(0x2E, b"\xf0\x70"))
    assert nas_5gs.write_5gmm(request).hex() == "7e004179000101" + "0a" + "2e02f070"
    with pytest.raises(DecodeError, match="element 0AH at byte 4 has to be understood"):
        nas_5gs.read_5gmm(bytes.fromhex("7e004416" + "0a"))


@given(elements)
def test_what_was_written_is_read(value: tuple[Element, ...]) -> None:
    assert read(write_elements(value, LAYOUT)) == value


@given(elements, st.integers(0, 50))
def test_a_cut_is_refused_or_ends_between_elements(value: tuple[Element, ...], cut: int) -> None:
    whole = write_elements(value, LAYOUT)
    shorter = whole[: max(0, len(whole) - cut)]
    with contextlib.suppress(DecodeError):
        assert write_elements(read(shorter), LAYOUT) == shorter


@pytest.mark.parametrize(
    ("encoded", "why"),
    [
        ("27", "element 27H at byte 0 does not fit into 1 bytes"),
        ("2705aa", "element 27H at byte 0 does not fit into 3 bytes"),
        ("7b00", "does not fit"),
        ("7bffff00", "does not fit"),
        ("5201", "does not fit"),
        ("2700", "0 bytes of contents, not 1 to 251"),
        ("27fc" + "00" * 252, "252 bytes of contents, not 1 to 251"),
        ("7805dd" + "00" * 1501, "1501 bytes of contents, not 4 to 1500"),
        ("0100", "element 01H at byte 0 has to be understood"),
    ],
)
def test_refusals(encoded: str, why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        read(bytes.fromhex(encoded))


def test_the_first_of_several_counts() -> None:
    twice = (Element(0x27, b"a"), Element(0x33, b""), Element(0x27, b"b"))
    assert find(twice, 0x27) == b"a"
    assert find(twice, 0x78) is None


def test_fields_in_front() -> None:
    fields = FieldsOf("test", bytes.fromhex("0102" + "02aabb" + "0001cc" + "d1"))
    assert fields.integer("two", 2) == 0x0102
    assert fields.sized("short", 1, 255) == b"\xaa\xbb"
    assert fields.sized("long", 1, 65_535, 2) == b"\xcc"
    assert fields.elements(LAYOUT) == (Element(0xD0, b"\x01"),)


def test_fields_that_are_not_there() -> None:
    with pytest.raises(DecodeError, match="test: identity of 3 bytes at byte 1 does not fit into 3"):
        FieldsOf("test", b"\x03\x00\x00").sized("identity", 1, 11)
    with pytest.raises(DecodeError, match="test: identity has 12 bytes, not 1 to 11"):
        FieldsOf("test", b"\x0c" + bytes(12)).sized("identity", 1, 11)


def test_the_caller_keeps_the_limits() -> None:
    with pytest.raises(AssertionError, match="252 bytes, not 1 to 251"):
        write_elements((Element(0x27, bytes(252)),), LAYOUT)
    with pytest.raises(AssertionError, match="3 bytes, not 4 to 11"):
        write_sized(bytes(3), 4, 11)
