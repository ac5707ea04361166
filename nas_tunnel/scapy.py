"""Scapy layers for everything that we send over the air and in the lobby: `from nas_tunnel.scapy import *`.

Optional (`pip install '.[capture]'`); the product never imports it. Importing it binds the layers: UDP port 18573,
public action frames (Scapy 2.8 has no GAS of its own) and the vendor element with our OUI. Layers take apart and put
together what the codecs of this package define; they check no signature, and what is malformed ends as Raw, as Scapy's
users expect. Like all layers of Scapy they may be used under GPLv2; this file is MIT like the rest.
Reference: nas_tunnel/anqp.py, gas_frame.py, advice_of_charge.py and lobby.py, which say the same in words.
"""

# Layers are lists of fields under a name, and take arguments that only some of them use:
# ruff: noqa: ARG002, D101, RUF012
# mypy: disable-error-code="misc, no-any-return"

from typing import Any

from scapy.fields import (
    ByteEnumField,
    ByteField,
    ConditionalField,
    Field,
    FieldLenField,
    FieldListField,
    LEIntField,
    LELongField,
    LEShortEnumField,
    LEShortField,
    PacketListField,
    StrField,
    StrFixedLenField,
    StrLenField,
    X3BytesField,
    XByteField,
    XStrFixedLenField,
)
from scapy.layers.dot11 import Dot11Action, Dot11EltVendorSpecific
from scapy.layers.inet import UDP
from scapy.packet import Packet, Raw, bind_bottom_up, bind_layers

from nas_tunnel.anqp import ADVICE_OF_CHARGE, ANSWERS, BEACON, OFFER, OUI, PURCHASE, QUERY_LIST, VENDOR
from nas_tunnel.gas_frame import GasAction as Action
from nas_tunnel.lobby import PORT, MessageType
from wire.cbor import write_head

__all__ = [
    "AirgrantAnswers",
    "AirgrantBeacon",
    "AirgrantOffer",
    "AirgrantPurchase",
    "AnqpAdviceOfCharge",
    "AnqpCharge",
    "AnqpElement",
    "AnqpPlan",
    "AnqpQueryList",
    "Gas",
    "GasComebackResponse",
    "GasInitialRequest",
    "GasInitialResponse",
    "Lobby",
    "LobbyAnnouncement",
    "LobbyAskBid",
    "LobbyAuctionShown",
    "LobbyBid",
    "LobbyBidSaid",
    "LobbyJoin",
    "LobbyJoined",
    "LobbyLeave",
    "LobbyLeft",
    "LobbyOutcome",
    "LobbyPurchase",
    "LobbyRefused",
]

_OUI = int.from_bytes(OUI, "big")
_UNSIGNED, _BYTES, _TEXT, _ARRAY = 0, 2, 3, 4


# ---- CBOR as fields


def _read_head(data: bytes, wanted: int) -> tuple[int, bytes]:
    """(argument, what follows); only the shortest form is one."""
    size = {24: 2, 25: 3, 26: 5, 27: 9}.get(data[0] & 31, 1)
    argument = int.from_bytes(data[1:size], "big") if size > 1 else data[0] & 31
    if data[:size] != write_head(wanted, argument):
        raise ValueError(f"not a CBOR head of kind {wanted}: {data[:9].hex()}")
    return argument, data[size:]


class CborIntField(Field[int, int]):
    """An unsigned integer."""

    def __init__(self, name: str, default: int) -> None:
        super().__init__(name, default, "Q")

    def addfield(self, pkt: Any, s: bytes, val: Any) -> bytes:
        return s + write_head(_UNSIGNED, val or 0)

    def getfield(self, pkt: Any, s: bytes) -> tuple[bytes, int]:
        value, rest = _read_head(s, _UNSIGNED)
        return rest, value


class CborBytesField(StrField):
    """A byte string."""

    major, what = _BYTES, "a byte string"

    def addfield(self, pkt: Any, s: bytes, val: Any) -> bytes:
        octets = self.i2m(pkt, val)
        return s + write_head(self.major, len(octets)) + octets

    def getfield(self, pkt: Any, s: bytes) -> tuple[bytes, bytes]:
        size, rest = _read_head(s, self.major)
        if size > len(rest):
            raise ValueError(f"{self.what} of {size} bytes where {len(rest)} are left")
        return rest[size:], rest[:size]


class CborTextField(CborBytesField):
    """A text, as its UTF-8 bytes."""

    major, what = _TEXT, "a text"


class CborPacketListField(PacketListField):
    """An array of byte strings, each of them a packet."""

    def addfield(self, pkt: Any, s: bytes, val: Any) -> bytes:
        octets = [bytes(one) for one in val]
        return (
            s
            + write_head(_ARRAY, len(octets))
            + b"".join(write_head(_BYTES, len(one)) + one for one in octets)
        )

    def getfield(self, pkt: Any, s: bytes) -> tuple[bytes, list[Any]]:
        count, rest = _read_head(s, _ARRAY)
        packets = []
        for _ in range(count):
            size, rest = _read_head(rest, _BYTES)
            packets.append(self.m2i(pkt, rest[:size]))
            rest = rest[size:]
        return rest, packets


# ---- The lobby


class Lobby(Packet):
    """A datagram of the lobby; the array's head counts the items of the message by itself."""

    name = "Airgrant lobby"
    fields_desc = [
        XByteField("head", None),
        ByteEnumField(
            "type", MessageType.DISCOVER.value, {kind.value: kind.name.lower() for kind in MessageType}
        ),
    ]

    def post_build(self, pkt: bytes, pay: bytes) -> bytes:
        if self.head is None:
            pkt = write_head(_ARRAY, 1 + getattr(self.payload, "items", 0)) + pkt[1:]
        return pkt + pay


class _Message(Packet):
    """What follows the type of a datagram: `items` are counted in its array."""

    @property
    def items(self) -> int:
        return sum(
            not isinstance(field, ConditionalField) or bool(field.cond(self)) for field in self.fields_desc
        )


class LobbyAnnouncement(_Message):
    name = "Announcement"
    fields_desc = [
        CborBytesField("offer", b""),
        CborBytesField("provider", b""),
        CborBytesField("ledger", b""),
        CborBytesField("ledger_id", b""),
        CborBytesField("challenge", b""),
        CborIntField("utc_s", 0),
        ConditionalField(
            CborBytesField("network", b""),
            lambda pkt: bool(pkt.fields.get("network")) or getattr(pkt.underlayer, "head", None) == 0x88,
        ),
    ]


class LobbyPurchase(_Message):
    name = "Purchase"
    fields_desc = [CborBytesField("transaction", b"")]


class LobbyOutcome(_Message):
    name = "Outcome"
    fields_desc = [
        CborBytesField("transaction_id", b""),
        CborBytesField("receipt", b""),
        CborBytesField("grant", b""),
    ]


class LobbyJoin(_Message):
    name = "Join"
    fields_desc = [CborBytesField("grant", b""), CborBytesField("request", b"")]


class LobbyJoined(_Message):
    name = "Joined"
    fields_desc = [CborBytesField("grant_id", b""), CborIntField("ends_s", 0)]


class LobbyLeave(_Message):
    name = "Leave"
    fields_desc = [CborBytesField("grant_id", b""), CborBytesField("request", b"")]


class LobbyLeft(_Message):
    name = "Left"
    fields_desc = [CborBytesField("grant_id", b"")]


class LobbyRefused(_Message):
    name = "Refused"
    fields_desc = [CborBytesField("subject", b""), CborTextField("reason", b""), CborTextField("detail", b"")]


class LobbyAuctionShown(_Message):
    name = "Auction shown"
    fields_desc = [CborBytesField("auction", b""), CborIntField("utc_s", 0)]


class LobbyBid(_Message):
    name = "Bid"
    fields_desc = [CborBytesField("auction_id", b""), CborBytesField("bid", b"")]


class LobbyAskBid(_Message):
    name = "Ask bid"
    fields_desc = [CborBytesField("auction_id", b""), CborBytesField("bid_id", b"")]


class LobbyBidSaid(_Message):
    name = "Bid said"
    fields_desc = [CborBytesField("receipt", b"")]


# ---- ANQP elements


class AirgrantOffer(Packet):
    """The content of the vendor element 56797 in a response."""

    name = "Airgrant offer"
    fields_desc = [
        X3BytesField("oui", _OUI),
        ByteField("type", OFFER),
        XByteField("head", 0x86),
        CborBytesField("offer", b""),
        CborBytesField("provider", b""),
        CborBytesField("ledger", b""),
        CborBytesField("ledger_id", b""),
        CborBytesField("network", b""),
        CborIntField("utc_s", 0),
    ]


class AirgrantPurchase(Packet):
    """The content of the vendor element 56797 in a query."""

    name = "Airgrant purchase"
    fields_desc = [X3BytesField("oui", _OUI), ByteField("type", PURCHASE), StrField("transaction", b"")]


class AirgrantAnswers(Packet):
    """The content of an element 281 to 299."""

    name = "Airgrant answers"
    fields_desc = [
        X3BytesField("oui", _OUI),
        ByteField("type", ANSWERS),
        CborPacketListField("messages", [], Lobby),
    ]


class AnqpQueryList(Packet):
    name = "ANQP Query List"
    fields_desc = [FieldListField("ids", None, LEShortField("", 0))]


class AnqpPlan(Packet):
    name = "Plan"
    fields_desc = [
        FieldLenField("length", None, length_of="information", adjust=lambda _, size: size + 6, fmt="<H"),
        StrFixedLenField("language", b"eng", 3),
        StrFixedLenField("currency", b"XXX", 3),
        StrLenField("information", b"", length_from=lambda pkt: pkt.length - 6),
    ]

    def extract_padding(self, s: bytes) -> tuple[bytes, bytes]:
        return b"", s


class AnqpCharge(Packet):
    name = "Charge"
    fields_desc = [
        LEShortField("length", None),
        ByteEnumField("kind", 0, {0: "time", 1: "volume", 2: "time and volume", 3: "unlimited"}),
        ByteEnumField("realm_encoding", 1, {0: "RFC 4282", 1: "UTF-8"}),
        FieldLenField("realm_length", None, length_of="realm", fmt="B"),
        StrLenField("realm", b"", length_from=lambda pkt: pkt.realm_length),
        PacketListField("plans", [], AnqpPlan, length_from=lambda pkt: pkt.length - 3 - pkt.realm_length),
    ]

    def post_build(self, pkt: bytes, pay: bytes) -> bytes:
        if self.length is None:
            pkt = (len(pkt) - 2).to_bytes(2, "little") + pkt[2:]
        return pkt + pay

    def extract_padding(self, s: bytes) -> tuple[bytes, bytes]:
        return b"", s


class AnqpAdviceOfCharge(Packet):
    name = "ANQP Advice of Charge"
    fields_desc = [PacketListField("charges", [], AnqpCharge)]


_VENDOR_CONTENT = {OFFER: AirgrantOffer, PURCHASE: AirgrantPurchase, ANSWERS: AirgrantAnswers}


class AnqpElement(Packet):
    """Any element: what is inside is known by id, OUI and type."""

    name = "ANQP element"
    fields_desc = [
        LEShortEnumField(
            "id",
            QUERY_LIST,
            {QUERY_LIST: "query list", ADVICE_OF_CHARGE: "advice of charge", VENDOR: "vendor specific"},
        ),
        LEShortField("length", None),
    ]

    def post_build(self, pkt: bytes, pay: bytes) -> bytes:
        if self.length is None:
            pkt = pkt[:2] + len(pay).to_bytes(2, "little")
        return pkt + pay

    def extract_padding(self, s: bytes) -> tuple[bytes, bytes]:
        return s[: self.length], s[self.length :]

    def guess_payload_class(self, payload: bytes) -> Any:
        if self.id == QUERY_LIST:
            return AnqpQueryList
        if self.id == ADVICE_OF_CHARGE:
            return AnqpAdviceOfCharge
        if payload[:3] == OUI and len(payload) > 3:
            return _VENDOR_CONTENT.get(payload[3], Raw)
        return Raw


# ---- GAS frames


class Gas(Packet):
    """A public action frame that carries GAS; a comeback request has nothing more."""

    name = "GAS"
    fields_desc = [
        ByteEnumField(
            "action",
            Action.INITIAL_REQUEST.value,
            {action.value: action.name.lower().replace("_", " ") for action in Action},
        ),
        ByteField("dialog_token", 0),
    ]


def _advertisement_protocol(limit: int) -> list[Any]:
    return [
        ByteField("element", 108),
        ByteField("element_length", 2),
        XByteField("response_limit", limit),
        ByteEnumField("protocol", 0, {0: "ANQP"}),
    ]


class GasInitialRequest(Packet):
    name = "GAS Initial Request"
    fields_desc = [
        *_advertisement_protocol(0),
        FieldLenField("query_length", None, length_of="query", fmt="<H"),
        PacketListField("query", [], AnqpElement, length_from=lambda pkt: pkt.query_length),
    ]


class GasInitialResponse(Packet):
    name = "GAS Initial Response"
    fields_desc = [
        LEShortField("status", 0),
        LEShortField("comeback_delay_tu", 0),
        *_advertisement_protocol(0x7F),
        FieldLenField("response_length", None, length_of="response", fmt="<H"),
        PacketListField("response", [], AnqpElement, length_from=lambda pkt: pkt.response_length),
    ]


class GasComebackResponse(Packet):
    """A piece of a response: elements can be read once the pieces are put together."""

    name = "GAS Comeback Response"
    fields_desc = [
        LEShortField("status", 0),
        XByteField("fragment", 0),
        LEShortField("comeback_delay_tu", 0),
        *_advertisement_protocol(0x7F),
        FieldLenField("response_length", None, length_of="response", fmt="<H"),
        StrLenField("response", b"", length_from=lambda pkt: pkt.response_length),
    ]


# ---- The beacon


class AirgrantBeacon(Dot11EltVendorSpecific):
    """The vendor element in beacons and probe responses."""

    name = "Airgrant beacon"
    match_subclass = True
    ID = 221
    oui = _OUI
    fields_desc = [
        *Dot11EltVendorSpecific.fields_desc[:3],
        ByteField("type", BEACON),
        ByteField("version", 1),
        XStrFixedLenField("offer_hash", bytes(16), 16),
        LELongField("price_ubc", 0),
        LEIntField("duration_s", 0),
        LEIntField("floor_down_kbps", 0),
    ]

    @classmethod
    def dispatch_hook(cls, _pkt: bytes | None = None, *_: Any, **__: Any) -> Any:
        if _pkt and (_pkt[1] != 37 or _pkt[5:7] != bytes((BEACON, 1))):
            return Dot11EltVendorSpecific
        return cls


for _kind, _layer in {
    MessageType.ANNOUNCEMENT: LobbyAnnouncement,
    MessageType.PURCHASE: LobbyPurchase,
    MessageType.OUTCOME: LobbyOutcome,
    MessageType.JOIN: LobbyJoin,
    MessageType.JOINED: LobbyJoined,
    MessageType.LEAVE: LobbyLeave,
    MessageType.LEFT: LobbyLeft,
    MessageType.REFUSED: LobbyRefused,
    MessageType.AUCTION_SHOWN: LobbyAuctionShown,
    MessageType.BID: LobbyBid,
    MessageType.ASK_BID: LobbyAskBid,
    MessageType.BID_SAID: LobbyBidSaid,
}.items():
    bind_layers(Lobby, _layer, type=_kind.value)
bind_bottom_up(UDP, Lobby, sport=PORT)
bind_layers(UDP, Lobby, dport=PORT)
bind_bottom_up(Dot11Action, Gas, category=9)
bind_layers(Dot11Action, Gas, category=4)
bind_layers(Gas, GasInitialRequest, action=Action.INITIAL_REQUEST.value)
bind_layers(Gas, GasInitialResponse, action=Action.INITIAL_RESPONSE.value)
bind_layers(Gas, GasComebackResponse, action=Action.COMEBACK_RESPONSE.value)
