"""What tests/nas_tunnel/fuzz.py tries of signalling: readers of NAS, options and EAP, both ends of purchases."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from nas_tunnel import eap_box, eap_buyer
from nas_tunnel.eap import EapCode, read_eap, write_eap
from nas_tunnel.eap_fragments import MAX_MESSAGE_BYTES, NOTHING, take_fragment
from nas_tunnel.eap_purchase import (
    AnswerContents,
    MessageType,
    read_answer,
    read_message,
    read_order,
    write_answer,
    write_message,
    write_order,
)
from nas_tunnel.eps_nas import plain as eps_plain
from nas_tunnel.eps_nas import read_emm, read_esm, write_emm, write_esm
from nas_tunnel.lobby import write_lobby
from nas_tunnel.nas_5gs import plain as plain_5gs
from nas_tunnel.nas_5gs import read_5gmm
from nas_tunnel.nas_5gsm import read_5gsm, write_5gsm
from nas_tunnel.pco import Direction, operator_units, read_options
from nas_tunnel.pco_desk import Desk, hear
from nas_tunnel.pco_purchase import Ask, Have, Piece, Sale, read_container, write_container
from nas_tunnel.pco_purchase import hear as buyer_hears
from nas_tunnel.plmn import read_plmn, write_plmn
from tests.nas_tunnel.air import AIR_OFFER, GOLDEN, OUTCOME
from tests.nas_tunnel.eap_world import BOX_SHARE, TRANSACTION, World
from tests.nas_tunnel.nas_examples import (
    EAP_SUCCESS,
    EXAMPLES,
    EXTENDED_OPTIONS,
    FULL_OPTIONS,
    LAB,
    OPTIONS,
)
from tests.nas_tunnel.test_eap_purchase import MESSAGES
from tests.nas_tunnel.test_order_check import TERMS
from tests.nas_tunnel.test_pco_purchase import PURCHASE, TAG, answer_parts
from wire.units import Now

Reader = tuple[Callable[[bytes], Any], Callable[[Any], bytes] | None]


def fragments(data: bytes) -> int:
    """Every 30 octets are a fragment; those that fit nowhere are passed over by whoever reads them."""
    assembly, _ = take_fragment(NOTHING, data[:30])
    for at in range(30, len(data), 30):
        assembly, _ = take_fragment(assembly, data[at : at + 30])
        assert len(assembly.received) < MAX_MESSAGE_BYTES
    return len(assembly.received)


def strangers(data: bytes) -> Desk:
    """Every 60 octets are a container of the stranger that the first octet names."""
    desk = Desk(terms=TERMS)
    for at in range(0, len(data), 60):
        desk, _ = hear(desk, data[at : at + 1], data[at + 1 : at + 60], Now(at, at))
    return desk


def _without(code: int, message: int) -> World:
    """A purchase in which this message does not arrive."""
    return World(
        wire=lambda packet: b"" if packet[0] == code and packet[14:15] == bytes((message,)) else packet
    ).run()


BOX_THAT_WAITS_FOR_A_PROOF = _without(EapCode.RESPONSE, MessageType.PROOF).box
BUYER_THAT_WAITS_FOR_AN_ANSWER = _without(EapCode.REQUEST, MessageType.ANSWER).buyer


def a_box(data: bytes) -> eap_box.Phase:
    """A box that waits for an order, and one that waits for a proof, take anything."""
    waits = eap_box.step(BOX_THAT_WAITS_FOR_A_PROOF, eap_box.PacketReceived(data))[0]
    assert waits.phase in (eap_box.Phase.PROVING, eap_box.Phase.DONE)
    state, _ = eap_box.open_exchange(AIR_OFFER, BOX_SHARE, data[1] - 1 & 255 if len(data) > 1 else 0)
    return eap_box.step(state, eap_box.PacketReceived(data))[0].phase


def a_buyer(data: bytes) -> eap_buyer.Phase:
    """So do a buyer that waits for an offer, and one that waits for an answer."""
    waits = eap_buyer.step(BUYER_THAT_WAITS_FOR_AN_ANSWER, eap_buyer.PacketReceived(data))[0]
    assert waits.phase is eap_buyer.Phase.ORDERED
    return eap_buyer.step(eap_buyer.await_offer(), eap_buyer.PacketReceived(data))[0].phase


NAS_READERS: dict[str, Reader] = {
    "eps mobility": (read_emm, write_emm),
    "eps session": (read_esm, write_esm),
    "eps security header": (eps_plain, None),
    "5gs mobility": (read_5gmm, None),
    "5gs session": (read_5gsm, write_5gsm),
    "5gs security header": (plain_5gs, None),
    **{f"options {way.name.lower()}": (partial(read_options, direction=way), None) for way in Direction},
    "operator units": (
        lambda data: list(operator_units(read_options(data, Direction.UPLINK), LAB)),
        None,
    ),
    "plmn": (read_plmn, write_plmn),
    "eap": (read_eap, write_eap),
    "eap fragments": (fragments, None),
    "eap message": (read_message, write_message),
    "eap order": (read_order, write_order),
    "eap answer": (read_answer, write_answer),
    "eap box": (a_box, None),
    "eap buyer": (a_buyer, None),
    "pco container": (read_container, write_container),
    "pco desk": (strangers, None),
    "pco buyer": (partial(buyer_hears, Sale(PURCHASE, TAG)), None),
}
"""Without writers where spare bits are not looked at."""
NAS_SAMPLES = [
    *(example.encoded for example in EXAMPLES.values()),
    OPTIONS,
    FULL_OPTIONS,
    EXTENDED_OPTIONS,
    EAP_SUCCESS,
    write_plmn(LAB),
    *World().run().packets,
    *map(write_message, MESSAGES.values()),
    write_order(TRANSACTION),
    write_answer(AnswerContents(OUTCOME, bytes(120))),
    bytes.fromhex("c00028") + bytes(27) + b"\x00" + bytes(13),
    write_container(Piece(TAG, len(PURCHASE), 0, GOLDEN["allocate"])),
    write_container(Ask(TAG, 0)),
    write_container(Have(TAG, 165)),
    *answer_parts(write_lobby(OUTCOME)),
]
