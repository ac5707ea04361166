"""5G's NAS messages of session management, which carry an operator's options in extended form, always protected.

    PDU SESSION ESTABLISHMENT REQUEST, ACCEPT, REJECT
    PDU SESSION MODIFICATION REQUEST, COMMAND, COMPLETE

They travel in UL and DL NAS TRANSPORT (nas_tunnel/nas_5gs.py). What stands before their elements is kept as octets, as
are all elements but the options (nas_tunnel/pco.py).
Reference: 3GPP TS 24.501 clauses 8.3.1 to 8.3.3, 8.3.7, 8.3.9, 8.3.10, 9.11.4.6.
Promise: every reader returns a value or raises DecodeError, whatever the bytes, in time linear in their number.
"""

from enum import IntEnum

from nas_tunnel.eap import MAX_EAP_BYTES, MIN_EAP_BYTES
from nas_tunnel.nas_elements import Element, FieldsOf, Layout, write_elements
from nas_tunnel.pco import MAX_EXTENDED_PCO_BYTES
from wire.frozen import dataclass

EXTENDED_PCO = 0x7B
"""Name of the element with the options."""

_EPD = 0x2E
_LIMITS = {EXTENDED_PCO: (1, MAX_EXTENDED_PCO_BYTES), 0x78: (MIN_EAP_BYTES, MAX_EAP_BYTES)}
_LAYOUT = Layout(sizes={0x55: 2, 0x59: 1, 0x56: 1, 0x13: 2}, limits=_LIMITS)
"""One for all: an element has the same name and size in each of these messages."""


class SessionMessageType(IntEnum):
    """Octet 4 (TS 24.501 table 9.7.2)."""

    ESTABLISHMENT_REQUEST = 0xC1
    ESTABLISHMENT_ACCEPT = 0xC2
    ESTABLISHMENT_REJECT = 0xC3
    MODIFICATION_REQUEST = 0xC9
    MODIFICATION_COMMAND = 0xCB
    MODIFICATION_COMPLETE = 0xCC


@dataclass(frozen=True, slots=True)
class SessionMessage:
    """`mandatory` is what stands between header and elements: of an establishment request the largest rate of
    integrity protection (2 octets), of its accept session types, QoS rules and AMBR, of its reject the cause.
    """

    type: SessionMessageType
    session_id: int
    pti: int
    mandatory: bytes
    elements: tuple[Element, ...] = ()


def read_5gsm(data: bytes) -> SessionMessage:
    """Raises DecodeError, for messages that are none of ours too."""
    fields = FieldsOf("5gsm", data)
    head, session_id, pti, kind = (
        fields.integer(name) for name in ("header", "session", "transaction", "message type")
    )
    if head != _EPD:
        raise fields.error(f"begins with {head:02x}, not with {_EPD:02x}")
    try:
        message_type = SessionMessageType(kind)
    except ValueError:
        raise fields.error(f"message type {kind:02x} is none that we read") from None
    mandatory = _read_mandatory(message_type, fields)
    return SessionMessage(message_type, session_id, pti, mandatory, fields.elements(_LAYOUT))


def _read_mandatory(kind: SessionMessageType, fields: FieldsOf) -> bytes:
    match kind:
        case SessionMessageType.ESTABLISHMENT_REQUEST:
            return fields.octets("largest rate of integrity protection", 2)
        case SessionMessageType.ESTABLISHMENT_ACCEPT:
            types = fields.octets("SSC mode and session type", 1)
            rules = fields.sized("QoS rules", 1, 65_535, 2)
            ambr = fields.sized("session AMBR", 6, 6)
            return types + len(rules).to_bytes(2, "big") + rules + bytes((len(ambr),)) + ambr
        case SessionMessageType.ESTABLISHMENT_REJECT:
            return fields.octets("cause", 1)
        case _:
            return b""


def write_5gsm(message: SessionMessage) -> bytes:
    head = bytes((_EPD, message.session_id, message.pti, message.type))
    return head + message.mandatory + write_elements(message.elements, _LAYOUT)
