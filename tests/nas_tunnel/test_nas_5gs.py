"""5G's NAS messages of mobility management: byte-equal to pycrate's and free5GC's, cuts, oversize, garbled bytes."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas_tunnel.nas_5gs import (
    ABBA,
    DNN,
    EAP_MESSAGE,
    PDU_SESSION_ID,
    SESSION_MANAGEMENT,
    AuthenticationReject,
    AuthenticationRequest,
    AuthenticationResponse,
    AuthenticationResult,
    DownlinkTransport,
    MobilityMessage,
    RegistrationReject,
    UplinkTransport,
    plain,
    read_5gmm,
    write_5gmm,
)
from nas_tunnel.nas_elements import Element, find
from tests.nas_tunnel.nas_examples import EAP_LARGEST, EAP_SMALL, MOBILITY_EXAMPLES
from tests.nas_tunnel.nas_oracles import free5gc
from tests.nas_tunnel.nas_promises import garble, is_vector, pycrate_agrees, whole_cuts
from wire.errors import DecodeError

EVERY = pytest.mark.parametrize("name", MOBILITY_EXAMPLES)


@EVERY
def test_vectors(name: str) -> None:
    """Of pycrate and free5GC, as they stand in the file."""
    is_vector(name, write_5gmm(MOBILITY_EXAMPLES[name].message))  # type: ignore[arg-type]


@EVERY
def test_byte_equal_to_pycrate(name: str) -> None:
    pycrate_agrees(MOBILITY_EXAMPLES[name])


def test_byte_equal_to_free5gc(go_program: Callable[[str], Path]) -> None:
    said = free5gc(
        go_program("nas-oracle"), [example.encoded.hex() for example in MOBILITY_EXAMPLES.values()]
    )
    for example, answer in zip(MOBILITY_EXAMPLES.values(), said, strict=True):
        assert answer["name"] == example.free5gc
        assert answer["again"] == example.encoded.hex()
        if isinstance(eap := example.fields.get("EAPMsg"), bytes):
            assert answer["EAPMessage"] == eap.hex()


def chance_messages(count: int) -> list[MobilityMessage]:
    """Messages with contents of any size that the standard allows."""
    chance = random.Random(20_261_122)
    messages: list[MobilityMessage] = []
    for _ in range(count):
        key_set, packet = chance.randrange(8), chance.randbytes(chance.choice([4, 5, 255, 256, 1_500]))
        abba, element = chance.randbytes(chance.randrange(2, 256)), Element(EAP_MESSAGE, packet)
        session = Element(PDU_SESSION_ID, chance.randbytes(1))
        payload = chance.randbytes(chance.choice([1, 255, 256, 65_535]))
        messages += [
            AuthenticationRequest(key_set, abba, (element,)),
            AuthenticationResponse((element,)),
            AuthenticationResult(key_set, packet, (Element(ABBA, abba),)),
            AuthenticationReject((element,)),
            RegistrationReject(chance.randrange(256), (element,)),
            UplinkTransport(SESSION_MANAGEMENT, payload, (session, Element(DNN, chance.randbytes(9)))),
            DownlinkTransport(SESSION_MANAGEMENT, payload, (session,)),
        ]
    return messages


def test_free5gc_agrees_on_any_contents(go_program: Callable[[str], Path]) -> None:
    encoded = [write_5gmm(message) for message in chance_messages(40)]
    for data, answer in zip(
        encoded, free5gc(go_program("nas-oracle"), [e.hex() for e in encoded]), strict=True
    ):
        assert answer.get("again") == data.hex(), answer.get("error")


def test_any_contents_are_read_as_they_were_written() -> None:
    for message in chance_messages(40):
        assert read_5gmm(write_5gmm(message)) == message


@EVERY
def test_what_was_written_is_read(name: str) -> None:
    example = MOBILITY_EXAMPLES[name]
    assert read_5gmm(example.encoded) == example.message


@EVERY
def test_every_cut(name: str) -> None:
    whole = whole_cuts(read_5gmm, write_5gmm, MOBILITY_EXAMPLES[name].encoded)
    assert whole <= 4, "a cut may be a message only where it ends between elements"


@EVERY
@given(st.data())
def test_garbled(name: str, data: st.DataObject) -> None:
    """What is read has the meaning that it is written with: only the four spare bits before a key set may differ."""
    garbled = garble(MOBILITY_EXAMPLES[name].encoded, data)
    try:
        message = read_5gmm(garbled)
    except DecodeError:
        return
    assert read_5gmm(write_5gmm(message)) == message
    assert len(write_5gmm(message)) == len(garbled)


def test_an_eap_packet_of_1500_octets_and_one_more() -> None:
    encoded = write_5gmm(AuthenticationResponse((Element(EAP_MESSAGE, EAP_LARGEST),)))
    assert len(EAP_LARGEST) == 1_500
    assert len(encoded) == 3 + 1_503
    assert find(read_5gmm(encoded).elements, EAP_MESSAGE) == EAP_LARGEST
    longer = bytes.fromhex("7e00577805dd") + bytes(1_501)
    with pytest.raises(DecodeError, match="78H has 1501 bytes of contents, not 4 to 1500"):
        read_5gmm(longer)
    with pytest.raises(AssertionError, match="1501 bytes, not 4 to 1500"):
        write_5gmm(AuthenticationResponse((Element(EAP_MESSAGE, bytes(1_501)),)))
    with pytest.raises(AssertionError, match="1501 bytes, not 4 to 1500"):
        write_5gmm(AuthenticationResult(0, bytes(1_501)))


def test_free5gc_refuses_what_is_too_long_too(go_program: Callable[[str], Path]) -> None:
    longer = bytes.fromhex("7e00577805dd") + bytes(1_501)
    (said,) = free5gc(go_program("nas-oracle"), [longer.hex()])
    assert "1501" in said["error"]


@pytest.mark.parametrize(
    ("encoded", "why"),
    [
        ("", "header of 2 bytes"),
        ("7e00", "message type of 1 bytes"),
        ("7e0099", "message type 99 is none"),
        ("7e0256", "begins with 7e02"),
        ("2e0056", "begins with 2e00"),
        ("7e005600", "length of the ABBA of 1 bytes"),
        ("7e00560001aa", "ABBA has 1 bytes, not 2 to 255"),
        ("7e005a000003040400", "EAP message has 3 bytes, not 4 to 1500"),
        ("7e00670100", "length of the payload container of 2 bytes"),
        ("7e0067010000", "payload container has 0 bytes"),
        ("7e00577800030102030400", "78H has 3 bytes of contents"),
        ("7e005801", "element 01H at byte 3"),
    ],
)
def test_refusals(encoded: str, why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        read_5gmm(bytes.fromhex(encoded))


def test_security_headers() -> None:
    message = write_5gmm(AuthenticationResponse((Element(EAP_MESSAGE, EAP_SMALL),)))
    assert plain(message) == message
    assert plain(bytes.fromhex("7e03aabbccdd05") + message) == message
    with pytest.raises(DecodeError, match="security header type 4: ciphered"):
        plain(bytes.fromhex("7e04aabbccdd05") + message)
    with pytest.raises(DecodeError, match="end inside the security header"):
        plain(bytes.fromhex("7e01aabbccdd05"))
