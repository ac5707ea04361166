"""What base stations and cores say to each other, by pycrate: NGAP and S1AP around NAS of ours, and warnings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pycrate_asn1dir import NGAP, S1AP

from nas_tunnel.cb_data import EIGHT_BIT_DATA, serial_number, write_octets_message
from nas_tunnel.signalling import Carried, CarriedNas, CarriedWarning
from tests.nas_tunnel.cell_air import CONTENT
from tests.nas_tunnel.nas_examples import ATTACH_REQUEST, EPS_EXAMPLES, MOBILITY_EXAMPLES
from wire.warning_id import AIRGRANT

PLMN = bytes.fromhex("00f110")
_NGAP, _S1AP = NGAP.NGAP_PDU_Descriptions.NGAP_PDU, S1AP.S1AP_PDU_Descriptions.S1AP_PDU
_NR_CELL = {"pLMNIdentity": PLMN, "nRCellIdentity": (0x66C000, 36)}
_NR_AREA = {"pLMNIdentity": PLMN, "tAC": b"\0\0\x07"}
_LTE_AREA = {"pLMNidentity": PLMN, "tAC": b"\0\x07"}
_LTE_CELL = {"pLMNidentity": PLMN, "cell-ID": (0x19B01, 28)}

Element = tuple[int, str, Any]


def _write(asn1: Any, procedure: int, name: str, elements: list[Element], list_name: str) -> bytes:
    contents = [
        {"id": number, "criticality": "reject", "value": (kind, value)} for number, kind, value in elements
    ]
    message = (name, {list_name: contents})
    asn1.set_val(
        ("initiatingMessage", {"procedureCode": procedure, "criticality": "ignore", "value": message})
    )
    octets: bytes = asn1.to_aper()
    return octets


def _ngap(procedure: int, name: str, *elements: Element) -> bytes:
    return _write(_NGAP, procedure, name, list(elements), "protocolIEs")


def _s1ap(procedure: int, name: str, *elements: Element) -> bytes:
    return _write(_S1AP, procedure, name, list(elements), "protocolIEs")


# ---- NGAP


def ngap_initial(ran_id: int, nas: bytes) -> bytes:
    location = ("userLocationInformationNR", {"nR-CGI": _NR_CELL, "tAI": _NR_AREA})
    return _ngap(
        15,
        "InitialUEMessage",
        (85, "RAN-UE-NGAP-ID", ran_id),
        (38, "NAS-PDU", nas),
        (121, "UserLocationInformation", location),
        (90, "RRCEstablishmentCause", "mo-Signalling"),
    )


def ngap_uplink(ran_id: int, core_id: int, nas: bytes) -> bytes:
    location = ("userLocationInformationNR", {"nR-CGI": _NR_CELL, "tAI": _NR_AREA})
    return _ngap(
        46,
        "UplinkNASTransport",
        (10, "AMF-UE-NGAP-ID", core_id),
        (85, "RAN-UE-NGAP-ID", ran_id),
        (38, "NAS-PDU", nas),
        (121, "UserLocationInformation", location),
    )


def ngap_downlink(ran_id: int, core_id: int, nas: bytes) -> bytes:
    return _ngap(
        4,
        "DownlinkNASTransport",
        (10, "AMF-UE-NGAP-ID", core_id),
        (85, "RAN-UE-NGAP-ID", ran_id),
        (38, "NAS-PDU", nas),
    )


def ngap_warning(identifier: int, serial: int, contents: bytes, scheme: int = EIGHT_BIT_DATA) -> bytes:
    return _ngap(
        51,
        "WriteReplaceWarningRequest",
        (35, "MessageIdentifier", (identifier, 16)),
        (95, "SerialNumber", (serial, 16)),
        (87, "RepetitionPeriod", 5),
        (47, "NumberOfBroadcastsRequested", 0),
        (20, "DataCodingScheme", (scheme, 8)),
        (123, "WarningMessageContents", contents),
    )


# ---- S1AP


def s1ap_initial(ran_id: int, nas: bytes) -> bytes:
    return _s1ap(
        12,
        "InitialUEMessage",
        (8, "ENB-UE-S1AP-ID", ran_id),
        (26, "NAS-PDU", nas),
        (67, "TAI", _LTE_AREA),
        (100, "EUTRAN-CGI", _LTE_CELL),
        (134, "RRC-Establishment-Cause", "mo-Signalling"),
    )


def s1ap_uplink(ran_id: int, core_id: int, nas: bytes) -> bytes:
    return _s1ap(
        13,
        "UplinkNASTransport",
        (0, "MME-UE-S1AP-ID", core_id),
        (8, "ENB-UE-S1AP-ID", ran_id),
        (26, "NAS-PDU", nas),
        (100, "EUTRAN-CGI", _LTE_CELL),
        (67, "TAI", _LTE_AREA),
    )


def s1ap_downlink(ran_id: int, core_id: int, nas: bytes) -> bytes:
    return _s1ap(
        11,
        "DownlinkNASTransport",
        (0, "MME-UE-S1AP-ID", core_id),
        (8, "ENB-UE-S1AP-ID", ran_id),
        (26, "NAS-PDU", nas),
    )


def s1ap_warning(identifier: int, serial: int, contents: bytes, scheme: int = EIGHT_BIT_DATA) -> bytes:
    return _s1ap(
        36,
        "WriteReplaceWarningRequest",
        (111, "MessageIdentifier", (identifier, 16)),
        (112, "SerialNumber", (serial, 16)),
        (114, "RepetitionPeriod", 5),
        (115, "NumberofBroadcastRequest", 0),
        (118, "DataCodingScheme", (scheme, 8)),
        (119, "WarningMessageContents", contents),
    )


# ---- Examples


@dataclass(frozen=True, slots=True)
class Example:
    """A PDU of pycrate's, and what we are to find in it."""

    encoded: bytes
    carried: Carried | None


SERIAL = serial_number(CONTENT)
MESSAGE = write_octets_message(CONTENT)
WARNING = CarriedWarning(AIRGRANT, SERIAL, EIGHT_BIT_DATA, MESSAGE)
_REGISTRATION = MOBILITY_EXAMPLES["registration request"].encoded
_AUTHENTICATION = MOBILITY_EXAMPLES["authentication response, largest"].encoded
_REQUEST = MOBILITY_EXAMPLES["authentication request"].encoded
_ATTACH, _REJECT = EPS_EXAMPLES["attach request"].encoded, EPS_EXAMPLES["attach reject"].encoded
assert ATTACH_REQUEST.esm in _ATTACH

NGAP_EXAMPLES: dict[str, Example] = {
    "initial ue message": Example(ngap_initial(1, _REGISTRATION), CarriedNas(1, None, _REGISTRATION)),
    "downlink nas transport": Example(
        ngap_downlink(255, 1 << 39, _REQUEST), CarriedNas(255, 1 << 39, _REQUEST)
    ),
    "uplink nas transport": Example(
        ngap_uplink(0xFFFFFFFF, (1 << 40) - 1, _AUTHENTICATION),
        CarriedNas(0xFFFFFFFF, (1 << 40) - 1, _AUTHENTICATION),
    ),
    "uplink nas transport, ids of zero": Example(ngap_uplink(0, 0, _REQUEST), CarriedNas(0, 0, _REQUEST)),
    "a length in several pieces": Example(
        ngap_downlink(256, 65_536, bytes(70_000)), CarriedNas(256, 65_536, bytes(70_000))
    ),
    "write-replace warning": Example(ngap_warning(AIRGRANT, SERIAL, MESSAGE), WARNING),
    "write-replace warning, largest": Example(
        ngap_warning(1, 2, bytes(9_600), 0x0F), CarriedWarning(1, 2, 0x0F, bytes(9_600))
    ),
    "overload stop": Example(_ngap(23, "OverloadStop"), None),
}
S1AP_EXAMPLES: dict[str, Example] = {
    "initial ue message": Example(s1ap_initial(1, _ATTACH), CarriedNas(1, None, _ATTACH)),
    "downlink nas transport": Example(
        s1ap_downlink(255, 1 << 31, _REJECT), CarriedNas(255, 1 << 31, _REJECT)
    ),
    "uplink nas transport": Example(
        s1ap_uplink(0xFFFFFF, 0xFFFFFFFF, _ATTACH), CarriedNas(0xFFFFFF, 0xFFFFFFFF, _ATTACH)
    ),
    "write-replace warning": Example(s1ap_warning(AIRGRANT, SERIAL, MESSAGE), WARNING),
    "overload stop": Example(_s1ap(35, "OverloadStop"), None),
}
