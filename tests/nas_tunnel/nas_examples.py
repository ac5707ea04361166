"""NAS messages of every kind that we write, with what pycrate needs to write the same."""

from __future__ import annotations

from dataclasses import dataclass

from nas_tunnel import eps_nas, nas_5gs, nas_5gsm
from nas_tunnel.eap import EapCode, EapPacket, EapType, ours, write_eap
from nas_tunnel.nas_5gsm import SessionMessage, SessionMessageType
from nas_tunnel.nas_elements import Element
from nas_tunnel.pco import (
    MAX_EXTENDED_PCO_BYTES,
    MAX_OPERATOR_BYTES,
    Direction,
    OperatorUnit,
    Unit,
    write_operator_unit,
    write_options,
)
from nas_tunnel.plmn import Plmn

LAB = Plmn("001", "01")
IMSI = bytes.fromhex("0910101032547698")
"""TS 24.301 clause 9.9.3.12: odd, IMSI, 001010123456789."""
SUCI = bytes.fromhex("0100f110000000001032547698")
"""TS 24.501 clause 9.11.3.4: SUCI of the null scheme, PLMN 00101."""
CAPABILITY = bytes.fromhex("f0700000")
OURS = bytes(range(244))

OPTIONS = write_options(
    (Unit(0x000D, b""), write_operator_unit(OperatorUnit(0xFF00, LAB, b"hello"))), Direction.UPLINK
)
FULL_OPTIONS = write_options(
    (write_operator_unit(OperatorUnit(0xFF00, LAB, OURS[:MAX_OPERATOR_BYTES])),), Direction.UPLINK
)
EXTENDED_OPTIONS = write_options(
    tuple(write_operator_unit(OperatorUnit(0xFF00 + n, LAB, bytes((n,)) * 252)) for n in range(6)),
    Direction.DOWNLINK,
    MAX_EXTENDED_PCO_BYTES,
)
EAP_SMALL = write_eap(EapPacket(EapCode.REQUEST, 1, EapType.IDENTITY))
EAP_LARGEST = ours(EapCode.RESPONSE, 2, bytes(1_488))
EAP_SUCCESS = write_eap(EapPacket(EapCode.SUCCESS, 3))
EAP_FAILURE = write_eap(EapPacket(EapCode.FAILURE, 4))
ABBA_ELEMENT = Element(nas_5gs.ABBA, nas_5gs.NO_ABBA)


def eap(packet: bytes) -> Element:
    return Element(nas_5gs.EAP_MESSAGE, packet)


PDN_REQUEST = eps_nas.PdnConnectivityRequest(5, 1, 1, (Element(eps_nas.PCO, FULL_OPTIONS),))
PDN_REJECT = eps_nas.PdnConnectivityReject(5, 29, (Element(eps_nas.PCO, OPTIONS),))
ATTACH_REQUEST = eps_nas.AttachRequest(
    7,
    1,
    IMSI,
    CAPABILITY,
    eps_nas.write_esm(PDN_REQUEST),
    (
        Element(0x52, bytes.fromhex("00f1100001")),
        Element(0x5C, bytes.fromhex("0a00")),
        Element(0x90, b"\x01"),
        Element(0x5D, b"\x00"),
    ),
)
ATTACH_REJECT = eps_nas.AttachReject(
    19, (Element(eps_nas.ESM_CONTAINER, eps_nas.write_esm(PDN_REJECT)), Element(0x5F, b"\x21"))
)


@dataclass(frozen=True, slots=True)
class Example:
    """One message in our form and octets, pycrate's class and values, and free5GC's name where it knows the kind."""

    message: eps_nas.EmmMessage | eps_nas.EsmMessage | nas_5gs.MobilityMessage | SessionMessage
    encoded: bytes
    pycrate: str
    header: dict[str, int]
    fields: dict[str, bytes | int]
    free5gc: str = ""


def _emm(message: eps_nas.EmmMessage, pycrate: str, fields: dict[str, bytes | int]) -> Example:
    return Example(message, eps_nas.write_emm(message), pycrate, {}, fields)


def _esm(message: eps_nas.EsmMessage, pycrate: str, fields: dict[str, bytes | int]) -> Example:
    return Example(message, eps_nas.write_esm(message), pycrate, {"PTI": message.pti}, fields)


def _5gmm(
    message: nas_5gs.MobilityMessage, pycrate: str, fields: dict[str, bytes | int], free5gc: str = ""
) -> Example:
    name = free5gc or type(message).__name__
    return Example(message, nas_5gs.write_5gmm(message), f"FGMM{pycrate}", {}, fields, name)


def _5gsm(
    kind: SessionMessageType, mandatory: str, pycrate: str, fields: dict[str, bytes | int], free5gc: str
) -> Example:
    elements = [Element(0x7B, EXTENDED_OPTIONS)]
    if kind is SessionMessageType.ESTABLISHMENT_REQUEST:
        elements.insert(0, Element(0x90, b"\x01"))
    message = SessionMessage(kind, 9, 3, bytes.fromhex(mandatory), tuple(elements))
    header = {"PDUSessID": 9, "PTI": 3}
    fields = {**fields, "ExtProtConfig": EXTENDED_OPTIONS}
    return Example(message, nas_5gsm.write_5gsm(message), f"FGSMPDUSession{pycrate}", header, fields, free5gc)


SESSION = nas_5gsm.write_5gsm(
    SessionMessage(SessionMessageType.MODIFICATION_REQUEST, 9, 3, b"", (Element(0x7B, OPTIONS),))
)
COMMAND = nas_5gsm.write_5gsm(
    SessionMessage(SessionMessageType.MODIFICATION_COMMAND, 9, 3, b"", (Element(0x7B, OPTIONS),))
)

EPS_EXAMPLES: dict[str, Example] = {
    "pdn connectivity request": _esm(
        PDN_REQUEST, "ESMPDNConnectivityRequest", {"PDNType": 1, "RequestType": 1, "ProtConfig": FULL_OPTIONS}
    ),
    "pdn connectivity request, extended": _esm(
        eps_nas.PdnConnectivityRequest(
            5, 3, 1, (Element(0xD0, b"\x01"), Element(eps_nas.EXTENDED_PCO, EXTENDED_OPTIONS))
        ),
        "ESMPDNConnectivityRequest",
        {"PDNType": 3, "RequestType": 1, "ESMInfoTransferFlag": 1, "ExtProtConfig": EXTENDED_OPTIONS},
    ),
    "pdn connectivity reject": _esm(
        PDN_REJECT, "ESMPDNConnectivityReject", {"ESMCause": b"\x1d", "ProtConfig": OPTIONS}
    ),
    "esm information response": _esm(
        eps_nas.EsmInformationResponse(
            5, (Element(eps_nas.APN, b"\x08internet"), Element(eps_nas.PCO, OPTIONS))
        ),
        "ESMInformationResponse",
        {"APN": b"\x08internet", "ProtConfig": OPTIONS},
    ),
    "attach request": _emm(
        ATTACH_REQUEST,
        "EMMAttachRequest",
        {
            "NAS_KSI": 7,
            "EPSAttachType": 1,
            "EPSID": IMSI,
            "UENetCap": CAPABILITY,
            "ESMContainer": ATTACH_REQUEST.esm,
            "OldTAI": bytes.fromhex("00f1100001"),
            "DRXParam": bytes.fromhex("0a00"),
            "TMSIStatus": 1,
            "VoiceDomPref": b"\x00",
        },
    ),
    "attach reject": _emm(
        ATTACH_REJECT,
        "EMMAttachReject",
        {"EMMCause": b"\x13", "ESMContainer": eps_nas.write_esm(PDN_REJECT), "T3346": b"\x21"},
    ),
}

MOBILITY_EXAMPLES: dict[str, Example] = {
    "authentication request": _5gmm(
        nas_5gs.AuthenticationRequest(1, nas_5gs.NO_ABBA, (eap(EAP_SMALL),)),
        "AuthenticationRequest",
        {"NAS_KSI": 1, "ABBA": bytes(2), "EAPMsg": EAP_SMALL},
    ),
    "authentication response, largest": _5gmm(
        nas_5gs.AuthenticationResponse((eap(EAP_LARGEST),)), "AuthenticationResponse", {"EAPMsg": EAP_LARGEST}
    ),
    "authentication result": _5gmm(
        nas_5gs.AuthenticationResult(1, EAP_SUCCESS, (ABBA_ELEMENT,)),
        "AuthenticationResult",
        {"NAS_KSI": 1, "EAPMsg": EAP_SUCCESS, "ABBA": bytes(2)},
    ),
    "authentication reject": _5gmm(
        nas_5gs.AuthenticationReject((eap(EAP_FAILURE),)), "AuthenticationReject", {"EAPMsg": EAP_FAILURE}
    ),
    "security mode command": _5gmm(
        nas_5gs.SecurityModeCommand(0x02, 1, CAPABILITY, (eap(EAP_SUCCESS), ABBA_ELEMENT)),
        "SecurityModeCommand",
        {
            "NASSecAlgo": b"\x02",
            "NAS_KSI": 1,
            "UESecCap": CAPABILITY,
            "EAPMsg": EAP_SUCCESS,
            "ABBA": bytes(2),
        },
    ),
    "registration request": _5gmm(
        nas_5gs.RegistrationRequest(7, 9, SUCI, (Element(0x2E, CAPABILITY),)),
        "RegistrationRequest",
        {"NAS_KSI": 7, "5GSRegType": 9, "5GSID": SUCI, "UESecCap": CAPABILITY},
    ),
    "registration reject": _5gmm(
        nas_5gs.RegistrationReject(3, (Element(0x16, b"\x21"), eap(EAP_FAILURE))),
        "RegistrationReject",
        {"5GMMCause": b"\x03", "T3502": b"\x21", "EAPMsg": EAP_FAILURE},
    ),
    "uplink transport": _5gmm(
        nas_5gs.UplinkTransport(
            1, SESSION, (Element(0x12, b"\x09"), Element(0x80, b"\x01"), Element(0x22, b"\x01\x00\x00\x01"))
        ),
        "ULNASTransport",
        {
            "PayloadContainerType": 1,
            "PayloadContainer": SESSION,
            "PDUSessID": b"\x09",
            "RequestType": 1,
            "SNSSAI": b"\x01\x00\x00\x01",
        },
        "ULNASTransport",
    ),
    "downlink transport": _5gmm(
        nas_5gs.DownlinkTransport(1, COMMAND, (Element(0x12, b"\x09"),)),
        "DLNASTransport",
        {"PayloadContainerType": 1, "PayloadContainer": COMMAND, "PDUSessID": b"\x09"},
        "DLNASTransport",
    ),
}

SESSION_EXAMPLES: dict[str, Example] = {
    "establishment request": _5gsm(
        SessionMessageType.ESTABLISHMENT_REQUEST,
        "ffff",
        "EstabRequest",
        {"IntegrityProtMaxDataRate": b"\xff\xff", "PDUSessType": 1},
        "PDUSessionEstablishmentRequest",
    ),
    "establishment accept": _5gsm(
        SessionMessageType.ESTABLISHMENT_ACCEPT,
        "11000901000631310101ff01" + "06" + "060001060001",
        "EstabAccept",
        {
            "SSCMode": 1,
            "PDUSessType": 1,
            "QoSRules": bytes.fromhex("01000631310101ff01"),
            "SessAMBR": bytes.fromhex("060001060001"),
        },
        "PDUSessionEstablishmentAccept",
    ),
    "establishment reject": _5gsm(
        SessionMessageType.ESTABLISHMENT_REJECT,
        "1d",
        "EstabReject",
        {"5GSMCause": b"\x1d"},
        "PDUSessionEstablishmentReject",
    ),
    "modification request": _5gsm(
        SessionMessageType.MODIFICATION_REQUEST, "", "ModifRequest", {}, "PDUSessionModificationRequest"
    ),
    "modification command": _5gsm(
        SessionMessageType.MODIFICATION_COMMAND, "", "ModifCommand", {}, "PDUSessionModificationCommand"
    ),
    "modification complete": _5gsm(
        SessionMessageType.MODIFICATION_COMPLETE, "", "ModifComplete", {}, "PDUSessionModificationComplete"
    ),
}

EXAMPLES = {**EPS_EXAMPLES, **MOBILITY_EXAMPLES, **SESSION_EXAMPLES}
