"""LTE's NAS messages that carry an operator's options before anybody is authenticated, and one that does it after.

    ATTACH REQUEST          with PDN CONNECTIVITY REQUEST inside     UE to network, the options in clear
    ATTACH REJECT           with PDN CONNECTIVITY REJECT inside      network to UE, in clear, and the end of the attempt
    ESM INFORMATION RESPONSE                                         UE to network, protected: what is not for everybody

Only what these need is understood; identities, capabilities and all other elements are kept as they came. A message
that is only integrity protected can be read (`plain`), one that is ciphered cannot; nothing is verified here.
Reference: 3GPP TS 24.301 clauses 8.2.3, 8.2.4, 8.3.13, 8.3.19, 8.3.20, 9.3.1; protection rules 4.4.4.3 and 6.6.1.2.
Promise: every reader returns a value or raises DecodeError, whatever the bytes, in time linear in their number.
"""

from enum import IntEnum
from typing import assert_never

from nas_tunnel.nas_elements import Element, FieldsOf, Layout, write_elements, write_sized
from nas_tunnel.pco import MAX_EXTENDED_PCO_BYTES, MAX_PCO_BYTES
from wire.errors import DecodeError
from wire.frozen import dataclass

APN, PCO, EXTENDED_PCO, ESM_CONTAINER, ESM_TRANSFER_FLAG = 0x28, 0x27, 0x7B, 0x78, 0xD0
"""Names of elements. The flag says: name and options come later, protected, in ESM INFORMATION RESPONSE."""

_EMM, _ESM = 7, 2
"""Protocol discriminators (TS 24.007 table 11.2)."""
_INTEGRITY_ONLY = (1, 3)
_SECURITY_HEADER_SIZE = 6
_MAX_CONTAINER_BYTES = 65_535

_ESM_LIMITS = {APN: (1, 100), PCO: (1, MAX_PCO_BYTES), EXTENDED_PCO: (1, MAX_EXTENDED_PCO_BYTES)}
_ATTACH_REQUEST_LAYOUT = Layout(sizes={0x19: 3, 0x52: 5, 0x5C: 2, 0x13: 5, 0x17: 1}, limits={})
_ATTACH_REJECT_LAYOUT = Layout(sizes={}, limits={ESM_CONTAINER: (3, _MAX_CONTAINER_BYTES)})
_ESM_LAYOUT = Layout(sizes={}, limits=_ESM_LIMITS)


class MessageType(IntEnum):
    """Of mobility management (TS 24.301 table 9.8.1) and of session management (table 9.8.2)."""

    ATTACH_REQUEST = 0x41
    ATTACH_REJECT = 0x44
    PDN_CONNECTIVITY_REQUEST = 0xD0
    PDN_CONNECTIVITY_REJECT = 0xD1
    ESM_INFORMATION_RESPONSE = 0xDA


@dataclass(frozen=True, slots=True)
class AttachRequest:
    """`esm` is the session message inside. `attach_type` is 1 for EPS, `key_set` 7 for none; identity and capability
    as octets without their length.
    """

    key_set: int
    attach_type: int
    mobile_identity: bytes
    network_capability: bytes
    esm: bytes
    elements: tuple[Element, ...] = ()


@dataclass(frozen=True, slots=True)
class AttachReject:
    """`cause` as in TS 24.301 clause 9.9.3.9; 19 is "ESM failure", which comes with the element ESM_CONTAINER."""

    cause: int
    elements: tuple[Element, ...] = ()


@dataclass(frozen=True, slots=True)
class PdnConnectivityRequest:
    """`pdn_type` 1 is IPv4, 2 IPv6, 3 both; `request_type` 1 an initial one; `pti` 1 to 254 names the transaction."""

    pti: int
    pdn_type: int
    request_type: int
    elements: tuple[Element, ...] = ()


@dataclass(frozen=True, slots=True)
class PdnConnectivityReject:
    """`cause` as in TS 24.301 clause 9.9.4.4; 29 is "user authentication or authorization failed"."""

    pti: int
    cause: int
    elements: tuple[Element, ...] = ()


@dataclass(frozen=True, slots=True)
class EsmInformationResponse:
    """What a request had kept back, after security is on."""

    pti: int
    elements: tuple[Element, ...] = ()


EmmMessage = AttachRequest | AttachReject
EsmMessage = PdnConnectivityRequest | PdnConnectivityReject | EsmInformationResponse


def plain(data: bytes) -> bytes:
    """The message itself, without the security header that it may have. Raises DecodeError if it is ciphered."""
    if not data or data[0] & 0x0F != _EMM or data[0] >> 4 == 0:
        return data
    header = data[0] >> 4
    if header not in _INTEGRITY_ONLY:
        raise DecodeError(f"eps nas: security header type {header}: ciphered, or no message of ours")
    if len(data) <= _SECURITY_HEADER_SIZE:
        raise DecodeError(f"eps nas: {len(data)} bytes end inside the security header")
    return data[_SECURITY_HEADER_SIZE:]


def read_emm(data: bytes) -> EmmMessage:
    """A plain message of mobility management. Raises DecodeError for those that are none of ours too."""
    fields = FieldsOf("eps nas", data)
    head, kind = fields.integer("header"), fields.integer("message type")
    if head != _EMM:
        raise fields.error(f"begins with {head:02x}, not with {_EMM:02x}, a plain message")
    if kind == MessageType.ATTACH_REQUEST:
        half_octets = fields.integer("key set and attach type")
        return AttachRequest(
            key_set=half_octets >> 4,
            attach_type=half_octets & 0x0F,
            mobile_identity=fields.sized("mobile identity", 4, 11),
            network_capability=fields.sized("network capability", 2, 13),
            esm=fields.sized("ESM message container", 3, _MAX_CONTAINER_BYTES, 2),
            elements=fields.elements(_ATTACH_REQUEST_LAYOUT),
        )
    if kind == MessageType.ATTACH_REJECT:
        return AttachReject(fields.integer("cause"), fields.elements(_ATTACH_REJECT_LAYOUT))
    raise fields.error(f"message type {kind:02x} is none that we read")


def write_emm(message: EmmMessage) -> bytes:
    match message:
        case AttachRequest():
            return (
                bytes((_EMM, MessageType.ATTACH_REQUEST, message.key_set << 4 | message.attach_type))
                + write_sized(message.mobile_identity, 4, 11)
                + write_sized(message.network_capability, 2, 13)
                + write_sized(message.esm, 3, _MAX_CONTAINER_BYTES, 2)
                + write_elements(message.elements, _ATTACH_REQUEST_LAYOUT)
            )
        case AttachReject(cause, elements):
            return bytes((_EMM, MessageType.ATTACH_REJECT, cause)) + write_elements(
                elements, _ATTACH_REJECT_LAYOUT
            )


def read_esm(data: bytes) -> EsmMessage:
    """A message of session management, which a container has. Raises DecodeError, also for others than ours."""
    fields = FieldsOf("esm", data)
    head, pti, kind = fields.integer("header"), fields.integer("transaction"), fields.integer("message type")
    if head != _ESM:
        raise fields.error(f"begins with {head:02x}, not with {_ESM:02x}, a message without a bearer")
    match kind:
        case MessageType.PDN_CONNECTIVITY_REQUEST:
            half_octets = fields.integer("PDN type and request type")
            return PdnConnectivityRequest(
                pti, half_octets >> 4, half_octets & 0x0F, fields.elements(_ESM_LAYOUT)
            )
        case MessageType.PDN_CONNECTIVITY_REJECT:
            return PdnConnectivityReject(pti, fields.integer("cause"), fields.elements(_ESM_LAYOUT))
        case MessageType.ESM_INFORMATION_RESPONSE:
            return EsmInformationResponse(pti, fields.elements(_ESM_LAYOUT))
        case _:
            raise fields.error(f"message type {kind:02x} is none that we read")


def write_esm(message: EsmMessage) -> bytes:
    match message:
        case PdnConnectivityRequest(pti, pdn_type, request_type):
            head = bytes((_ESM, pti, MessageType.PDN_CONNECTIVITY_REQUEST, pdn_type << 4 | request_type))
        case PdnConnectivityReject(pti, cause):
            head = bytes((_ESM, pti, MessageType.PDN_CONNECTIVITY_REJECT, cause))
        case EsmInformationResponse(pti):
            head = bytes((_ESM, pti, MessageType.ESM_INFORMATION_RESPONSE))
        case _:
            assert_never(message)
    return head + write_elements(message.elements, _ESM_LAYOUT)
