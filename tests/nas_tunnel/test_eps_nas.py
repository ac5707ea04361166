"""LTE's NAS messages: byte-equal to pycrate's, every cut, oversize options, garbled bytes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas_tunnel.eps_nas import (
    PCO,
    AttachReject,
    AttachRequest,
    EsmInformationResponse,
    PdnConnectivityRequest,
    plain,
    read_emm,
    read_esm,
    write_emm,
    write_esm,
)
from nas_tunnel.nas_elements import Element, find
from nas_tunnel.pco import Direction, operator_units, read_options
from tests.nas_tunnel.nas_examples import (
    ATTACH_REQUEST,
    CAPABILITY,
    EPS_EXAMPLES,
    FULL_OPTIONS,
    IMSI,
    LAB,
    OURS,
    Example,
)
from tests.nas_tunnel.nas_oracles import pycrate_message
from tests.nas_tunnel.nas_promises import garble, is_vector, pycrate_agrees, whole_cuts
from wire.errors import DecodeError

EVERY = pytest.mark.parametrize("name", EPS_EXAMPLES)


def codec(example: Example) -> tuple[Callable[[bytes], Any], Callable[[Any], bytes]]:
    mobility = isinstance(example.message, AttachRequest | AttachReject)
    return (read_emm, write_emm) if mobility else (read_esm, write_esm)


@EVERY
def test_vectors(name: str) -> None:
    """Of pycrate, as they stand in the file."""
    example = EPS_EXAMPLES[name]
    is_vector(name, codec(example)[1](example.message))


@EVERY
def test_byte_equal_to_pycrate(name: str) -> None:
    pycrate_agrees(EPS_EXAMPLES[name])


@given(
    st.integers(0, 7),
    st.binary(min_size=4, max_size=11),
    st.binary(min_size=3, max_size=700),
    st.binary(min_size=1, max_size=251),
)
@settings(max_examples=40)
def test_pycrate_agrees_on_any_contents(key_set: int, identity: bytes, esm: bytes, options: bytes) -> None:
    attach = AttachRequest(key_set, 1, identity, CAPABILITY, esm)
    fields: dict[str, bytes | int] = {
        "NAS_KSI": key_set, "EPSAttachType": 1, "EPSID": identity, "UENetCap": CAPABILITY, "ESMContainer": esm,
    }  # fmt: skip
    assert write_emm(attach) == pycrate_message("EMMAttachRequest", {}, fields).to_bytes()
    assert read_emm(write_emm(attach)) == attach
    request = PdnConnectivityRequest(key_set, 1, 1, (Element(PCO, options),))
    judge = pycrate_message(
        "ESMPDNConnectivityRequest",
        {"PTI": key_set},
        {"PDNType": 1, "RequestType": 1, "ProtConfig": options},
    )
    assert write_esm(request) == judge.to_bytes()
    assert read_esm(write_esm(request)) == request


@EVERY
def test_what_was_written_is_read(name: str) -> None:
    example = EPS_EXAMPLES[name]
    assert codec(example)[0](example.encoded) == example.message


@EVERY
def test_every_cut(name: str) -> None:
    example = EPS_EXAMPLES[name]
    whole = whole_cuts(*codec(example), example.encoded)
    assert whole <= 4, "a cut may be a message only where it ends between elements"


@EVERY
@given(st.data())
def test_garbled(name: str, data: st.DataObject) -> None:
    example = EPS_EXAMPLES[name]
    read, write = codec(example)
    garbled = garble(example.encoded, data)
    with contextlib.suppress(DecodeError):
        assert write(read(garbled)) == garbled


def test_276_octets_of_attach_request_carry_244_of_ours() -> None:
    """The way in: mobility, then session management, then options, then the operator's unit."""
    small = AttachRequest(7, 1, IMSI, CAPABILITY, ATTACH_REQUEST.esm)
    encoded = write_emm(small)
    assert len(encoded) == 276
    attach = read_emm(plain(encoded))
    assert isinstance(attach, AttachRequest)
    options = find(read_esm(attach.esm).elements, PCO)
    assert options == FULL_OPTIONS
    (unit,) = operator_units(read_options(options, Direction.UPLINK), LAB)
    assert unit.contents == OURS


@pytest.mark.parametrize(
    ("encoded", "why"),
    [
        ("", "header of 1 bytes"),
        ("07", "message type of 1 bytes"),
        ("0742", "message type 42 is none"),
        ("1741", "begins with 17, not with 07"),
        ("0741710300", "mobile identity has 3 bytes, not 4 to 11"),
        ("0744", "cause of 1 bytes"),
        ("0744137800020205", "78H has 2 bytes of contents, not 3 to 65535"),
    ],
)
def test_refusals_of_mobility(encoded: str, why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        read_emm(bytes.fromhex(encoded))


@pytest.mark.parametrize(
    ("encoded", "why"),
    [
        ("0201", "message type of 1 bytes"),
        ("5201d011", "begins with 52, not with 02"),
        ("0201c1", "message type c1 is none"),
        ("0201d01127fc" + "80" * 252, "27H has 252 bytes of contents, not 1 to 251"),
        ("0201d0117b0000", "7BH has 0 bytes of contents"),
        ("0201d0112865" + "00" * 101, "28H has 101 bytes of contents, not 1 to 100"),
    ],
)
def test_refusals_of_session(encoded: str, why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        read_esm(bytes.fromhex(encoded))


def test_more_than_251_octets_of_options_are_not_written() -> None:
    with pytest.raises(AssertionError, match="27H of 252 bytes, not 1 to 251"):
        write_esm(PdnConnectivityRequest(1, 1, 1, (Element(PCO, bytes(252)),)))


def test_security_headers() -> None:
    message = write_emm(ATTACH_REQUEST)
    assert plain(message) == message
    assert plain(bytes.fromhex("17aabbccdd05") + message) == message
    with pytest.raises(DecodeError, match="security header type 2: ciphered"):
        plain(bytes.fromhex("27aabbccdd05") + message)
    with pytest.raises(DecodeError, match="end inside the security header"):
        plain(bytes.fromhex("17aabbccdd05"))


def test_what_is_kept_back_is_said_later() -> None:
    """TS 24.301 clause 6.6.1.2: with the transfer flag, name and options come protected."""
    later = EsmInformationResponse(5, (Element(PCO, FULL_OPTIONS),))
    assert read_esm(write_esm(later)) == later
