"""EAP packets, and the place that our method has among EAP's types.

    code, identifier, length 2                     Success (3) and Failure (4) are no longer than this
    type, type-data                                Request (1) and Response (2)
    254, vendor 3, vendor type 4, type-data        the same with an expanded type, as ours is

A vendor is named by a private enterprise number. We have none registered and use 024147H, the OUI of our elements on
Wi-Fi (nas_tunnel/anqp.py), which lies far above the numbers that are given out: another user may exist, and so every
message inside has one strict form. Octets after a packet's length are refused: a link may pad, NAS does not.
Reference: RFC 3748 clauses 4, 5.3, 5.7; 3GPP TS 24.501 clause 9.11.2.2 (at most 1,500 octets). Numbers are big endian.
Promise: every reader returns a value or raises DecodeError, whatever the bytes, in time linear in their number.
"""

from enum import IntEnum

from wire.errors import DecodeError
from wire.frozen import dataclass

MIN_EAP_BYTES, MAX_EAP_BYTES = 4, 1_500
VENDOR = 0x024147
PURCHASE_METHOD = 1
"""Our only vendor type. A new form of the exchange is a new type. EAP negotiates it by a Nak that nobody signs, so the
second one has to put the types that were offered into its transcript.
"""
EXPANDED_HEADER_SIZE = 12

_EXPANDED = 254
_HEADER_SIZE = 4


class EapCode(IntEnum):
    """The first octet."""

    REQUEST = 1
    RESPONSE = 2
    SUCCESS = 3
    FAILURE = 4


class EapType(IntEnum):
    """Types that every peer knows (RFC 3748 clause 5), and the one that opens a vendor's name space."""

    NONE = 0
    """Not on the wire: Success and Failure have no type."""
    IDENTITY = 1
    NOTIFICATION = 2
    NAK = 3
    EXPANDED = _EXPANDED


@dataclass(frozen=True, slots=True)
class EapPacket:
    """`type` 1 to 255; with EXPANDED `vendor` and `vendor_type` say which. Success and Failure have type 0, no data."""

    code: EapCode
    identifier: int
    type: int = EapType.NONE
    data: bytes = b""
    vendor: int = 0
    vendor_type: int = 0

    @property
    def is_ours(self) -> bool:
        return self.type == _EXPANDED and self.vendor == VENDOR and self.vendor_type == PURCHASE_METHOD

    @property
    def is_nak(self) -> bool:
        """Another method is wanted, said in either form."""
        expanded = self.type == _EXPANDED and self.vendor == 0 and self.vendor_type == EapType.NAK
        return self.type == EapType.NAK or expanded


def read_eap(packet: bytes) -> EapPacket:
    """The packet that fills these octets. Raises DecodeError."""
    if not MIN_EAP_BYTES <= len(packet) <= MAX_EAP_BYTES:
        raise DecodeError(f"eap: {len(packet)} bytes, not {MIN_EAP_BYTES} to {MAX_EAP_BYTES}")
    code, identifier, length = packet[0], packet[1], packet[2] << 8 | packet[3]
    if length != len(packet):
        raise DecodeError(f"eap: length {length} in a packet of {len(packet)} bytes")
    if code in (EapCode.SUCCESS, EapCode.FAILURE):
        if length != _HEADER_SIZE:
            raise DecodeError(f"eap: Success and Failure have {_HEADER_SIZE} bytes, not {length}")
        return EapPacket(EapCode(code), identifier)
    if code not in (EapCode.REQUEST, EapCode.RESPONSE):
        raise DecodeError(f"eap: code {code} is none of 1 to 4")
    if length == _HEADER_SIZE or packet[_HEADER_SIZE] == EapType.NONE:
        raise DecodeError("eap: a Request or Response without a type")
    kind = packet[_HEADER_SIZE]
    if kind != _EXPANDED:
        return EapPacket(EapCode(code), identifier, kind, packet[_HEADER_SIZE + 1 :])
    if length < EXPANDED_HEADER_SIZE:
        raise DecodeError(
            f"eap: an expanded type in {length} bytes, at least {EXPANDED_HEADER_SIZE} are needed"
        )
    return EapPacket(
        code=EapCode(code),
        identifier=identifier,
        type=kind,
        data=packet[EXPANDED_HEADER_SIZE:],
        vendor=int.from_bytes(packet[5:8], "big"),
        vendor_type=int.from_bytes(packet[8:12], "big"),
    )


def write_eap(packet: EapPacket) -> bytes:
    """A packet longer than MAX_EAP_BYTES is the caller's mistake."""
    body = packet.data
    if packet.type == _EXPANDED:
        body = (
            bytes((_EXPANDED,))
            + packet.vendor.to_bytes(3, "big")
            + packet.vendor_type.to_bytes(4, "big")
            + body
        )
    elif packet.type != EapType.NONE:
        body = bytes((packet.type,)) + body
    length = _HEADER_SIZE + len(body)
    assert length <= MAX_EAP_BYTES, f"an EAP packet of {length} bytes"
    return bytes((packet.code, packet.identifier)) + length.to_bytes(2, "big") + body


def ours(code: EapCode, identifier: int, data: bytes) -> bytes:
    """A packet of our method."""
    return write_eap(EapPacket(code, identifier, _EXPANDED, data, VENDOR, PURCHASE_METHOD))


NAK_OFFERS_EXPANDED = bytes((_EXPANDED,))
"""Data of a legacy Nak: an expanded type is wanted (RFC 3748 clause 5.3.1)."""


def write_expanded_nak(identifier: int) -> bytes:
    """The answer to another vendor's method: ours is wanted (RFC 3748 clause 5.3.2)."""
    wanted = bytes((_EXPANDED,)) + VENDOR.to_bytes(3, "big") + PURCHASE_METHOD.to_bytes(4, "big")
    return write_eap(EapPacket(EapCode.RESPONSE, identifier, _EXPANDED, wanted, 0, EapType.NAK))
