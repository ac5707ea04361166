"""5G's NAS messages of mobility management that carry EAP before anybody is authenticated, and NAS transport after.

    AUTHENTICATION REQUEST, RESPONSE, RESULT, REJECT     EAP packets, each at most 1,500 octets
    SECURITY MODE COMMAND                                may bring the last one, EAP-Success
    REGISTRATION REQUEST, REJECT                         how it begins; the end of an attempt, with EAP-Failure
    UL NAS TRANSPORT, DL NAS TRANSPORT                   session management (nas_tunnel/nas_5gsm.py), once protected

Only what these need is understood; identities, capabilities and all other elements are kept as they came. A message
that is only integrity protected can be read (`plain`), one that is ciphered cannot; nothing is verified here.
Reference: 3GPP TS 24.501 clauses 8.2.1 to 8.2.11, 8.2.25, 9.11.2.2 (EAP message), 9.11.3.10 (ABBA), annex C of 33.501.
Promise: every reader returns a value or raises DecodeError, whatever the bytes, in time linear in their number.
"""

from enum import IntEnum
from typing import assert_never

from nas_tunnel.eap import MAX_EAP_BYTES, MIN_EAP_BYTES
from nas_tunnel.nas_elements import Element, FieldsOf, Layout, write_elements, write_sized
from wire.errors import DecodeError
from wire.frozen import dataclass

EAP_MESSAGE, ABBA = 0x78, 0x38
"""Names of elements."""
PDU_SESSION_ID, REQUEST_TYPE, S_NSSAI, DNN = 0x12, 0x80, 0x22, 0x25
"""Names of elements of NAS transport."""
SESSION_MANAGEMENT = 1
"""The kind of a transport's payload that is a message of nas_tunnel/nas_5gsm.py."""
NO_ABBA = bytes(2)
"""Anti-bidding down between architectures: 0000H is the only value that is defined (TS 33.501 annex A.7.1)."""

_EPD = 0x7E
_MAX_CONTENTS_BYTES = 65_535
_INTEGRITY_ONLY = (1, 3)
_SECURITY_HEADER_SIZE = 7
_LIMITS = {EAP_MESSAGE: (MIN_EAP_BYTES, MAX_EAP_BYTES)}
_AUTHENTICATION_LAYOUT = Layout(sizes={0x21: 16}, limits={**_LIMITS, ABBA: (2, 255)})
_SECURITY_MODE_LAYOUT = Layout(sizes={0x57: 1}, limits={**_LIMITS, ABBA: (2, 255)})
_REGISTRATION_REQUEST_LAYOUT = Layout(sizes={0x52: 6, 0x0A: 0}, limits={})
"""0AH is the N5GC indication, of a device behind a wireline gateway: a name, and nothing behind it."""
_REGISTRATION_REJECT_LAYOUT = Layout(sizes={}, limits=_LIMITS)
_TRANSPORT_LAYOUT = Layout(
    sizes={PDU_SESSION_ID: 1, 0x59: 1, 0x58: 1}, limits={S_NSSAI: (1, 8), DNN: (1, 100)}
)


class MessageType(IntEnum):
    """Octet 3 (TS 24.501 table 9.7.1)."""

    REGISTRATION_REQUEST = 0x41
    REGISTRATION_REJECT = 0x44
    AUTHENTICATION_REQUEST = 0x56
    AUTHENTICATION_RESPONSE = 0x57
    AUTHENTICATION_REJECT = 0x58
    AUTHENTICATION_RESULT = 0x5A
    SECURITY_MODE_COMMAND = 0x5D
    UPLINK_TRANSPORT = 0x67
    DOWNLINK_TRANSPORT = 0x68


@dataclass(frozen=True, slots=True)
class AuthenticationRequest:
    """`key_set` is the ngKSI; EAP is in the element EAP_MESSAGE, and the elements of 5G-AKA are then absent."""

    key_set: int
    abba: bytes
    elements: tuple[Element, ...] = ()


@dataclass(frozen=True, slots=True)
class AuthenticationResponse:
    """The answer, EAP in the element EAP_MESSAGE."""

    elements: tuple[Element, ...] = ()


@dataclass(frozen=True, slots=True)
class AuthenticationResult:
    """`eap` is EAP-Success or EAP-Failure, or another request; with success comes the element ABBA."""

    key_set: int
    eap: bytes
    elements: tuple[Element, ...] = ()


@dataclass(frozen=True, slots=True)
class AuthenticationReject:
    """No, with EAP-Failure in the element EAP_MESSAGE."""

    elements: tuple[Element, ...] = ()


@dataclass(frozen=True, slots=True)
class SecurityModeCommand:
    """Security begins; EAP-Success may be in the element EAP_MESSAGE. Sent integrity protected."""

    algorithms: int
    key_set: int
    ue_security_capability: bytes
    elements: tuple[Element, ...] = ()


@dataclass(frozen=True, slots=True)
class RegistrationRequest:
    """`registration_type` 1 is initial, 9 the same with a follow-on request; the identity without its length."""

    key_set: int
    registration_type: int
    mobile_identity: bytes
    elements: tuple[Element, ...] = ()


@dataclass(frozen=True, slots=True)
class RegistrationReject:
    """`cause` as in TS 24.501 clause 9.11.3.2; EAP-Failure may be in the element EAP_MESSAGE."""

    cause: int
    elements: tuple[Element, ...] = ()


@dataclass(frozen=True, slots=True)
class UplinkTransport:
    """`kind` of the payload is SESSION_MANAGEMENT here; the element PDU_SESSION_ID says of which session."""

    kind: int
    payload: bytes
    elements: tuple[Element, ...] = ()


@dataclass(frozen=True, slots=True)
class DownlinkTransport:
    """The other way."""

    kind: int
    payload: bytes
    elements: tuple[Element, ...] = ()


MobilityMessage = (
    AuthenticationRequest
    | AuthenticationResponse
    | AuthenticationResult
    | AuthenticationReject
    | SecurityModeCommand
    | RegistrationRequest
    | RegistrationReject
    | UplinkTransport
    | DownlinkTransport
)


def plain(data: bytes) -> bytes:
    """The message itself, without the security header that it may have. Raises DecodeError if it is ciphered."""
    if len(data) < 2 or data[0] != _EPD or data[1] == 0:
        return data
    if data[1] not in _INTEGRITY_ONLY:
        raise DecodeError(f"5gs nas: security header type {data[1]}: ciphered, or unknown")
    if len(data) <= _SECURITY_HEADER_SIZE:
        raise DecodeError(f"5gs nas: {len(data)} bytes end inside the security header")
    return data[_SECURITY_HEADER_SIZE:]


def read_5gmm(data: bytes) -> MobilityMessage:
    """A plain message of mobility management. Raises DecodeError for those that are none of ours too."""
    fields = FieldsOf("5gs nas", data)
    head, kind = fields.integer("header", 2), fields.integer("message type")
    if head != _EPD << 8:
        raise fields.error(f"begins with {head:04x}, not with {_EPD:02x}00, a plain message")
    match kind:
        case MessageType.AUTHENTICATION_REQUEST:
            key_set = fields.integer("key set") & 0x0F
            abba = fields.sized("ABBA", 2, 255)
            return AuthenticationRequest(key_set, abba, fields.elements(_AUTHENTICATION_LAYOUT))
        case MessageType.AUTHENTICATION_RESPONSE:
            return AuthenticationResponse(fields.elements(_AUTHENTICATION_LAYOUT))
        case MessageType.AUTHENTICATION_REJECT:
            return AuthenticationReject(fields.elements(_AUTHENTICATION_LAYOUT))
        case MessageType.AUTHENTICATION_RESULT:
            key_set = fields.integer("key set") & 0x0F
            eap = fields.sized("EAP message", MIN_EAP_BYTES, MAX_EAP_BYTES, 2)
            return AuthenticationResult(key_set, eap, fields.elements(_AUTHENTICATION_LAYOUT))
        case MessageType.SECURITY_MODE_COMMAND:
            algorithms, key_set = fields.integer("algorithms"), fields.integer("key set") & 0x0F
            capability = fields.sized("UE security capability", 2, 8)
            return SecurityModeCommand(
                algorithms, key_set, capability, fields.elements(_SECURITY_MODE_LAYOUT)
            )
        case _:
            return _read_registration_or_transport(kind, fields)


def _read_registration_or_transport(kind: int, fields: FieldsOf) -> MobilityMessage:
    match kind:
        case MessageType.REGISTRATION_REQUEST:
            half_octets = fields.integer("key set and registration type")
            identity = fields.sized("mobile identity", 1, _MAX_CONTENTS_BYTES, 2)
            elements = fields.elements(_REGISTRATION_REQUEST_LAYOUT)
            return RegistrationRequest(half_octets >> 4, half_octets & 0x0F, identity, elements)
        case MessageType.REGISTRATION_REJECT:
            return RegistrationReject(fields.integer("cause"), fields.elements(_REGISTRATION_REJECT_LAYOUT))
        case MessageType.UPLINK_TRANSPORT | MessageType.DOWNLINK_TRANSPORT:
            payload_kind = fields.integer("payload container type") & 0x0F
            payload = fields.sized("payload container", 1, _MAX_CONTENTS_BYTES, 2)
            transport = UplinkTransport if kind == MessageType.UPLINK_TRANSPORT else DownlinkTransport
            return transport(payload_kind, payload, fields.elements(_TRANSPORT_LAYOUT))
        case _:
            raise fields.error(f"message type {kind:02x} is none that we read")


def write_5gmm(message: MobilityMessage) -> bytes:
    """A plain message. Fields outside their limits are the caller's mistake."""
    kind, mandatory, layout = _write_mandatory(message)
    return bytes((_EPD, 0, kind)) + mandatory + write_elements(message.elements, layout)


def _write_mandatory(message: MobilityMessage) -> tuple[int, bytes, Layout]:
    """Message type, what stands before the elements, and their layout."""
    match message:
        case AuthenticationRequest(key_set, abba):
            return (
                MessageType.AUTHENTICATION_REQUEST,
                bytes((key_set,)) + write_sized(abba, 2, 255),
                _AUTHENTICATION_LAYOUT,
            )
        case AuthenticationResponse():
            return MessageType.AUTHENTICATION_RESPONSE, b"", _AUTHENTICATION_LAYOUT
        case AuthenticationReject():
            return MessageType.AUTHENTICATION_REJECT, b"", _AUTHENTICATION_LAYOUT
        case AuthenticationResult(key_set, eap):
            contents = write_sized(eap, MIN_EAP_BYTES, MAX_EAP_BYTES, 2)
            return MessageType.AUTHENTICATION_RESULT, bytes((key_set,)) + contents, _AUTHENTICATION_LAYOUT
        case SecurityModeCommand(algorithms, key_set, capability):
            head = bytes((algorithms, key_set))
            return (
                MessageType.SECURITY_MODE_COMMAND,
                head + write_sized(capability, 2, 8),
                _SECURITY_MODE_LAYOUT,
            )
        case RegistrationRequest(key_set, registration_type, identity):
            head = bytes((key_set << 4 | registration_type,))
            contents = write_sized(identity, 1, _MAX_CONTENTS_BYTES, 2)
            return MessageType.REGISTRATION_REQUEST, head + contents, _REGISTRATION_REQUEST_LAYOUT
        case RegistrationReject(cause):
            return MessageType.REGISTRATION_REJECT, bytes((cause,)), _REGISTRATION_REJECT_LAYOUT
        case UplinkTransport(kind, payload):
            return MessageType.UPLINK_TRANSPORT, _write_payload(kind, payload), _TRANSPORT_LAYOUT
        case DownlinkTransport(kind, payload):
            return MessageType.DOWNLINK_TRANSPORT, _write_payload(kind, payload), _TRANSPORT_LAYOUT
        case _:
            assert_never(message)


def _write_payload(kind: int, payload: bytes) -> bytes:
    return bytes((kind,)) + write_sized(payload, 1, _MAX_CONTENTS_BYTES, 2)
