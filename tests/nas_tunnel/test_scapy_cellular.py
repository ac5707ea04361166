"""Scapy's layers for cells against our codecs: what one writes the other reads, and both say the same."""

from __future__ import annotations

import pytest
from scapy.layers.eap import EAP, EAP_MD5
from scapy.layers.l2 import Ether
from scapy.packet import Packet, Raw

from nas_tunnel.cb_data import write_octets_message
from nas_tunnel.eap import EapCode, EapPacket, EapType, ours, read_eap, write_eap
from nas_tunnel.eap_fragments import NOTHING, take_fragment
from nas_tunnel.eap_purchase import Declined, Hold, Shop, read_message, write_message
from nas_tunnel.nas_elements import find
from nas_tunnel.pco import Direction, Unit, operator_units, read_options, write_options
from nas_tunnel.pco_purchase import Ask, Container, Have, Part, Piece, read_container, write_container
from nas_tunnel.plmn import write_plmn
from nas_tunnel.scapy_cellular import (
    AirgrantAsk,
    AirgrantCellBroadcast,
    AirgrantCellOffer,
    AirgrantEap,
    AirgrantEapClosed,
    AirgrantEapDeclined,
    AirgrantEapMessage,
    AirgrantEapOrder,
    AirgrantEapProof,
    AirgrantEapShop,
    AirgrantHave,
    AirgrantPart,
    AirgrantPiece,
    EapExpanded,
    OperatorContents,
    Pco,
    PcoUnit,
)
from tests.nas_tunnel.cell_air import CELL_OFFER, CONTENT
from tests.nas_tunnel.eap_world import World
from tests.nas_tunnel.nas_examples import EXTENDED_OPTIONS, FULL_OPTIONS, LAB, OPTIONS, PDN_REQUEST
from tests.nas_tunnel.test_eap_purchase import MESSAGES
from tests.nas_tunnel.test_pco_purchase import PURCHASE, TAG

CONTAINERS: dict[type[Packet], Container] = {
    AirgrantPiece: Piece(TAG, len(PURCHASE), 0, PURCHASE),
    AirgrantAsk: Ask(TAG, 7),
    AirgrantHave: Have(TAG, 9),
    AirgrantPart: Part(TAG, 500, 235, b"part"),
}


def rebuilt(packet: Packet) -> bytes:
    """Its bytes from its fields, not from those that it was read from."""
    packet.clear_cache()
    return bytes(packet)


# ---- Configuration options


@pytest.mark.parametrize(
    "options",
    [OPTIONS, FULL_OPTIONS, EXTENDED_OPTIONS, b"\x80", bytes.fromhex("80" + "0023 0003 010203" + "000d 00")],
)
def test_options_come_back(options: bytes) -> None:
    packet = Pco(options)
    assert rebuilt(packet) == options
    units = [(unit.identifier, bytes(unit.payload) or (unit.contents or b"")) for unit in packet.units]
    assert units == [(unit.identifier, unit.contents) for unit in read_options(options, Direction.DOWNLINK)]


@pytest.mark.parametrize("layer", CONTAINERS)
def test_containers_in_options(layer: type[Packet]) -> None:
    """Taken apart from what we write, and read by us as Scapy put it together."""
    container = CONTAINERS[layer]
    encoded = write_container(container)
    options = write_options((Unit(0xFF00, write_plmn(LAB) + encoded),), Direction.UPLINK)
    (unit,) = Pco(options).units
    taken = unit[layer]
    values = {
        name: getattr(taken, name) for name in ("tag", "total", "at", "contents") if hasattr(container, name)
    }
    assert values == {name: getattr(container, name) for name in values}
    built = bytes(Pco(units=[PcoUnit() / OperatorContents() / layer(**values)]))
    assert built == options
    (operator,) = operator_units(read_options(built, Direction.UPLINK), LAB)
    assert read_container(operator.contents) == container


def test_units_of_others_are_raw() -> None:
    options = find(PDN_REQUEST.elements, 0x27) or b""
    (unit,) = Pco(options).units
    assert Raw in unit
    assert unit[OperatorContents].plmn == write_plmn(LAB)
    (short,) = Pco(bytes.fromhex("80ff000100")).units
    assert OperatorContents not in short


# ---- EAP


@pytest.mark.parametrize("max_packet_bytes", [1_500, 244])
def test_an_exchange_comes_back(max_packet_bytes: int) -> None:
    *packets, success = World(max_packet_bytes=max_packet_bytes).run().packets
    for octets in packets:
        packet = EAP(octets)
        assert isinstance(packet, EapExpanded)
        assert AirgrantEap in packet
        assert rebuilt(packet) == octets
        ours_ = read_eap(octets)
        assert (packet.code, packet.id, packet.vendor) == (ours_.code, ours_.identifier, ours_.vendor)
    assert not isinstance(EAP(success), EapExpanded)


def test_messages_of_an_exchange() -> None:
    shop, order, _, proof, _ = World().run().packets
    _, message = take_fragment(NOTHING, read_eap(shop).data)
    said = read_message(message or b"")
    assert isinstance(said, Shop)
    assert EAP(shop)[AirgrantEapShop].share == said.share.octets
    assert len(EAP(order)[AirgrantEapOrder].sealed) > 100
    assert len(EAP(proof)[AirgrantEapProof].sealed) > 100


@pytest.mark.parametrize("name", MESSAGES)
def test_every_message_comes_back(name: str) -> None:
    octets = ours(EapCode.REQUEST, 7, b"\0" + write_message(MESSAGES[name]))
    packet = EAP(octets)
    assert Raw not in packet
    assert rebuilt(packet) == octets


def test_messages_that_scapy_puts_together() -> None:
    packet = (
        EapExpanded(code=2, id=9)
        / AirgrantEap()
        / AirgrantEapMessage()
        / AirgrantEapDeclined(reason=b"too_dear")
    )
    eap = read_eap(bytes(packet))
    assert (eap.code, eap.identifier, eap.is_ours) == (EapCode.RESPONSE, 9, True)
    _, message = take_fragment(NOTHING, eap.data)
    assert read_message(message or b"") == Declined("too_dear")
    hold = EapExpanded(id=9) / AirgrantEap() / AirgrantEapMessage(type=3)
    _, message = take_fragment(NOTHING, read_eap(bytes(hold)).data)
    assert read_message(message or b"") == Hold()
    closed = AirgrantEapMessage(type=6) / AirgrantEapClosed(reason=b"busy", detail=b"later")
    assert read_message(bytes(closed)).detail == "later"  # type: ignore[union-attr]


def test_what_pads_a_link_is_not_part_of_it() -> None:
    shop = World().run().packets[0]
    packet = EAP(shop + bytes(7))
    assert bytes(packet[AirgrantEapMessage].payload.payload) == bytes(7)
    assert (
        Ether(bytes(12) + b"\x88\x8e" + b"\x02\0" + len(shop).to_bytes(2, "big") + shop)[EapExpanded].id
        == packet.id
    )


def test_other_methods_are_left_to_scapy() -> None:
    other = write_eap(EapPacket(EapCode.REQUEST, 1, EapType.EXPANDED, b"x", 0x00137C, 1))
    assert AirgrantEap not in EAP(other)
    assert EAP(other)[Raw].load == b"x"
    assert isinstance(EAP(write_eap(EapPacket(EapCode.REQUEST, 1, 4, b"\x01x"))), EAP_MD5)
    fragment = EAP(ours(EapCode.RESPONSE, 1, b"\xc0\x01\x00\x81"))
    assert (fragment[AirgrantEap].total, Raw in fragment) == (256, True)


# ---- Broadcasts


def test_a_broadcast_comes_back() -> None:
    packet = AirgrantCellBroadcast(write_octets_message(CONTENT))
    assert rebuilt(packet) == write_octets_message(CONTENT)
    offer = packet[AirgrantCellOffer]
    assert (offer.offer, offer.provider) == (CELL_OFFER.offer, CELL_OFFER.provider.octets)
    built = AirgrantCellBroadcast() / AirgrantCellOffer(
        offer=CELL_OFFER.offer,
        provider=CELL_OFFER.provider.octets,
        ledger_key_id=CELL_OFFER.ledger_key_id,
        ledger_id_start=CELL_OFFER.ledger_id_start,
    )
    assert bytes(built) == write_octets_message(CONTENT)


def test_broadcasts_of_others_are_raw() -> None:
    assert Raw in AirgrantCellBroadcast(b"\0hello")
    assert Raw in AirgrantCellBroadcast(b"\x01" + CONTENT)
