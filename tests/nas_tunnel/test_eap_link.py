"""The lock step: identifiers, fragments both ways, and an end to what a stranger can keep us busy with."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas_tunnel.eap import EapCode, read_eap
from nas_tunnel.eap_fragments import MAX_MESSAGE_BYTES
from nas_tunnel.eap_link import MAX_ROUNDS, Link, send, take
from wire.errors import DecodeError


def carry(message: bytes, box: Link, buyer: Link) -> tuple[bytes, Link, Link, int]:
    """The box's message at the buyer, and how many packets it took."""
    box, packet = send(box, message)
    packets = 1
    while True:
        assert len(packet) <= box.max_packet_bytes
        taken = take(buyer, read_eap(packet))
        buyer = taken.link
        if taken.message is not None:
            return taken.message, box, buyer, packets
        assert read_eap(taken.packet).identifier == box.identifier
        answer = take(box, read_eap(taken.packet))
        assert answer.message is None
        box, packet = answer.link, answer.packet
        packets += 2


@given(st.integers(0, MAX_MESSAGE_BYTES), st.integers(100, 1_500), st.integers(0, 255))
def test_a_message_arrives(size: int, max_packet_bytes: int, identifier: int) -> None:
    message = bytes(n % 253 for n in range(size))
    box = Link(EapCode.REQUEST, identifier, max_packet_bytes)
    arrived, box, buyer, _packets = carry(message, box, Link(EapCode.RESPONSE, 0, max_packet_bytes))
    assert arrived == message
    assert box.identifier == buyer.identifier
    assert box.outbox == ()


def test_identifiers_go_round() -> None:
    link, packet = send(Link(EapCode.REQUEST, 255), b"x")
    assert read_eap(packet).identifier == link.identifier == 0


def test_something_else_in_the_middle_of_a_message() -> None:
    box, packet = send(Link(EapCode.REQUEST, 1, 20), b"0123456789")
    assert len(packet) == 20
    response = read_eap(send(Link(EapCode.RESPONSE, 2), b"hello")[1])
    with pytest.raises(DecodeError, match="something else than leave to go on"):
        take(box, response)


def test_an_end_to_rounds() -> None:
    tired = Link(EapCode.REQUEST, 1, rounds=MAX_ROUNDS)
    with pytest.raises(DecodeError, match="more than 64 packets"):
        take(tired, read_eap(send(Link(EapCode.RESPONSE, 1), b"")[1]))
