"""Scapy layers for what cells carry of ours: `from nas_tunnel.scapy_cellular import *`, after or without the others.

Configuration options with operators' units and our containers, our EAP method with its messages, the content of a cell
broadcast. Optional, as nas_tunnel/scapy.py is, and under the same terms. Importing it adds expanded types to Scapy's
EAP (type 254), and our method to those (vendor 024147H, type 1). NAS, NGAP and RRC are not taken apart here: pycrate
knows them, and nas_tunnel/cell_link.py finds what is ours in a capture.
Reference: docs/wire/cellular-nas.md and cellular-broadcast.md, which say the same in words.
"""

# Layers are lists of fields under a name, and take arguments that only some of them use:
# ruff: noqa: D101, RUF012
# mypy: disable-error-code="misc, no-any-return"

from typing import Any

from scapy.fields import (
    ByteEnumField,
    ByteField,
    ConditionalField,
    FieldLenField,
    FlagsField,
    IntField,
    PacketListField,
    ShortField,
    StrField,
    StrFixedLenField,
    StrLenField,
    X3BytesField,
    XByteField,
    XShortField,
    XStrFixedLenField,
)
from scapy.layers.eap import EAP
from scapy.packet import Packet, Padding, Raw, bind_layers

from nas_tunnel.anqp import OUI
from nas_tunnel.cell_offer import CELL_OFFER
from nas_tunnel.eap import EXPANDED_HEADER_SIZE, PURCHASE_METHOD, VENDOR, EapType
from nas_tunnel.eap_purchase import MessageType
from nas_tunnel.pco import FIRST_OPERATOR_UNIT, Direction
from nas_tunnel.pco_purchase import UNIT
from nas_tunnel.plmn import Plmn, write_plmn
from nas_tunnel.scapy import CborBytesField, CborTextField

__all__ = [
    "AirgrantAsk",
    "AirgrantCellBroadcast",
    "AirgrantCellOffer",
    "AirgrantEap",
    "AirgrantEapAnswer",
    "AirgrantEapClosed",
    "AirgrantEapDeclined",
    "AirgrantEapMessage",
    "AirgrantEapOrder",
    "AirgrantEapProof",
    "AirgrantEapShop",
    "AirgrantHave",
    "AirgrantPart",
    "AirgrantPiece",
    "EapExpanded",
    "OperatorContents",
    "Pco",
    "PcoUnit",
]

_TEST_NETWORK = write_plmn(Plmn("001", "01"))
_TOTAL, _MORE = 0x80, 0x40

# ---- Containers of a purchase


class _Container(Packet):
    """A kind and the tag of a purchase."""

    def extract_padding(self, s: bytes) -> tuple[bytes, bytes | None]:
        return s, None


def _head(kind: int) -> list[Any]:
    return [XByteField("kind", 0x10 | kind), XStrFixedLenField("tag", bytes(4), 4)]


class AirgrantPiece(_Container):
    name = "Airgrant piece"
    fields_desc = [*_head(1), ShortField("total", 0), ShortField("at", 0), StrField("contents", b"")]


class AirgrantAsk(_Container):
    name = "Airgrant ask"
    fields_desc = [*_head(2), ShortField("at", 0)]


class AirgrantHave(_Container):
    name = "Airgrant have"
    fields_desc = [*_head(3), ShortField("at", 0)]


class AirgrantPart(_Container):
    name = "Airgrant part"
    fields_desc = [*_head(4), ShortField("total", 0), ShortField("at", 0), StrField("contents", b"")]


_CONTAINERS = {0x11: AirgrantPiece, 0x12: AirgrantAsk, 0x13: AirgrantHave, 0x14: AirgrantPart}


class OperatorContents(Packet):
    """What an operator's unit has: MCC and MNC, then what it likes."""

    name = "Operator specific"
    fields_desc = [XStrFixedLenField("plmn", _TEST_NETWORK, 3)]

    def guess_payload_class(self, payload: bytes) -> Any:
        return _CONTAINERS.get(payload[0], Raw) if len(payload) >= 7 else Raw


class PcoUnit(Packet):
    """A protocol or container. Its length has two octets for a few identifiers, which depends on who sends."""

    name = "PCO unit"
    long_units = Direction.UPLINK.long_units | Direction.DOWNLINK.long_units
    fields_desc = [
        XShortField("identifier", UNIT),
        ConditionalField(
            FieldLenField("long_length", None, length_of="contents", fmt="!H"),
            lambda pkt: pkt.identifier in pkt.long_units,
        ),
        ConditionalField(ByteField("length", None), lambda pkt: pkt.identifier not in pkt.long_units),
        ConditionalField(
            StrLenField("contents", b"", length_from=lambda pkt: pkt.long_length),
            lambda pkt: pkt.identifier in pkt.long_units,
        ),
    ]

    def post_build(self, pkt: bytes, pay: bytes) -> bytes:
        if self.identifier not in self.long_units and self.length is None:
            pkt = pkt[:2] + bytes((len(pay),))
        return pkt + pay

    def extract_padding(self, s: bytes) -> tuple[bytes, bytes]:
        size = 0 if self.identifier in self.long_units else self.length
        return s[:size], s[size:]

    def guess_payload_class(self, payload: bytes) -> Any:
        if self.identifier >= FIRST_OPERATOR_UNIT and len(payload) >= 3:
            return OperatorContents
        return Raw


class Pco(Packet):
    """Contents of the element 27H, or 7BH where they are extended."""

    name = "Protocol configuration options"
    fields_desc = [XByteField("head", 0x80), PacketListField("units", [], PcoUnit)]


# ---- EAP


class EapExpanded(EAP):
    """Any packet of an expanded type, which Scapy itself leaves raw."""

    name = "EAP-Expanded"
    match_subclass = True
    fields_desc = [
        ByteEnumField("code", 1, {1: "request", 2: "response"}),
        ByteField("id", 0),
        ShortField("len", None),
        ByteField("type", EapType.EXPANDED.value),
        X3BytesField("vendor", VENDOR),
        IntField("vendor_type", PURCHASE_METHOD),
    ]

    def extract_padding(self, s: bytes) -> tuple[bytes, bytes]:
        size = max(0, self.len - EXPANDED_HEADER_SIZE)
        return s[:size], s[size:]

    def guess_payload_class(self, payload: bytes) -> Any:
        return Packet.guess_payload_class(self, payload)


class AirgrantEap(Packet):
    """A fragment of our method; a message that is in one fragment is taken apart behind it."""

    name = "Airgrant EAP"
    fields_desc = [
        FlagsField("flags", 0, 8, ["b0", "b1", "b2", "b3", "b4", "b5", "more", "total"]),
        ConditionalField(ShortField("total", 0), lambda pkt: bool(int(pkt.flags) & _TOTAL)),
    ]

    def guess_payload_class(self, payload: bytes) -> Any:
        return Raw if int(self.flags) & (_TOTAL | _MORE) or payload[:1] < b"\x81" else AirgrantEapMessage


class AirgrantEapMessage(Packet):
    """The array's head counts the items of the message by itself."""

    name = "Airgrant EAP message"
    fields_desc = [
        XByteField("head", None),
        ByteEnumField(
            "type", MessageType.HOLD.value, {kind.value: kind.name.lower() for kind in MessageType}
        ),
    ]

    def post_build(self, pkt: bytes, pay: bytes) -> bytes:
        if self.head is None:
            items = 0 if isinstance(self.payload, Raw) else len(self.payload.fields_desc)
            pkt = bytes((0x81 + items,)) + pkt[1:]
        return pkt + pay


class AirgrantEapShop(Packet):
    name = "Shop"
    fields_desc = [CborBytesField("offer", b""), CborBytesField("share", b"")]


class AirgrantEapOrder(Packet):
    name = "Order"
    fields_desc = [CborBytesField("share", b""), CborBytesField("sealed", b"")]


class AirgrantEapAnswer(Packet):
    name = "Answer"
    fields_desc = [CborBytesField("sealed", b"")]


class AirgrantEapProof(Packet):
    name = "Proof"
    fields_desc = [CborBytesField("sealed", b"")]


class AirgrantEapClosed(Packet):
    name = "Closed"
    fields_desc = [CborTextField("reason", b""), CborTextField("detail", b"")]


class AirgrantEapDeclined(Packet):
    name = "Declined"
    fields_desc = [CborTextField("reason", b"")]


# ---- Broadcasts


class AirgrantCellOffer(Packet):
    """What a broadcast has for strangers."""

    name = "Airgrant cell offer"
    fields_desc = [
        StrFixedLenField("oui", OUI, 3),
        ByteField("type", CELL_OFFER),
        XByteField("head", 0x84),
        CborBytesField("offer", b""),
        CborBytesField("provider", b""),
        CborBytesField("ledger_key_id", b""),
        CborBytesField("ledger_id_start", b""),
    ]


class AirgrantCellBroadcast(Packet):
    """Segments of SIB11, SIB12, NR SIB7 or NR SIB8 put together, or a warning's contents: no pages, our octets."""

    name = "Airgrant cell broadcast"
    fields_desc = [ByteField("pages", 0)]

    def guess_payload_class(self, payload: bytes) -> Any:
        ours = self.pages == 0 and payload.startswith(OUI + bytes((CELL_OFFER,)))
        return AirgrantCellOffer if ours else Raw


for _kind, _layer in {
    MessageType.SHOP: AirgrantEapShop,
    MessageType.ORDER: AirgrantEapOrder,
    MessageType.ANSWER: AirgrantEapAnswer,
    MessageType.PROOF: AirgrantEapProof,
    MessageType.CLOSED: AirgrantEapClosed,
    MessageType.DECLINED: AirgrantEapDeclined,
}.items():
    bind_layers(AirgrantEapMessage, _layer, type=_kind.value)
bind_layers(EapExpanded, AirgrantEap, vendor=VENDOR, vendor_type=PURCHASE_METHOD)
bind_layers(AirgrantEapMessage, Padding, type=MessageType.HOLD.value)
