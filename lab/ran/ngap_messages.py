"""The few NGAP messages of an AMF in the lab, by pycrate: what a gNB says, and what it is told.

In: aligned PER. Out: small values, and the other way. The box never speaks NGAP; the daemon only reads captures.
Reference: 3GPP TS 38.413 clauses 9.2.1.2 (PDU session), 9.2.5 (NAS), 9.2.6 (NG setup).   Units: bit/s.
"""

from dataclasses import dataclass
from typing import Any

from pycrate_asn1dir import NGAP
from pycrate_asn1rt.err import ASN1Err

from ran_slicing.snssai import Snssai
from wire.errors import DecodeError

PLMN = bytes.fromhex("00f110")
"""001/01."""
NO_DIFFERENTIATOR = b"\xff\xff\xff"

_PDU = NGAP.NGAP_PDU_Descriptions.NGAP_PDU
_NG_SETUP, _DOWNLINK_NAS, _SESSION_SETUP = 21, 4, 29
_AMF_NAME, _GUAMIS, _CAPACITY, _PLMN_SUPPORT = 1, 96, 86, 80
_AMF_ID, _RAN_ID, _NAS, _SESSIONS = 10, 85, 38, 74
_AMBR, _TUNNEL, _SESSION_TYPE, _FLOWS = 130, 139, 134, 136


@dataclass(frozen=True, slots=True)
class SetupAsked:
    """NG SETUP REQUEST: the slices that the gNB has."""

    slices: frozenset[Snssai]


@dataclass(frozen=True, slots=True)
class NasReceived:
    """INITIAL UE MESSAGE (`amf_id` None) or UPLINK NAS TRANSPORT."""

    ran_id: int
    amf_id: int | None
    nas: bytes


@dataclass(frozen=True, slots=True)
class SessionSetUp:
    """PDU SESSION RESOURCE SETUP RESPONSE: the gNB has resources for these sessions."""

    ran_id: int
    sessions: tuple[int, ...]


Heard = SetupAsked | NasReceived | SessionSetUp


def read_ngap(data: bytes) -> Heard:
    """Raises DecodeError, for messages that are none of these too."""
    try:
        _PDU.from_aper(data)
    except (ASN1Err, IndexError, KeyError) as error:
        raise DecodeError(f"ngap: {type(error).__name__}: {error}") from error
    _, message = _PDU.get_val()
    name, contents = message["value"]
    elements = dict(element["value"] for element in contents["protocolIEs"])
    match name:
        case "NGSetupRequest":
            return SetupAsked(_slices_of(elements["SupportedTAList"]))
        case "InitialUEMessage":
            return NasReceived(elements["RAN-UE-NGAP-ID"], None, elements["NAS-PDU"])
        case "UplinkNASTransport":
            return NasReceived(elements["RAN-UE-NGAP-ID"], elements["AMF-UE-NGAP-ID"], elements["NAS-PDU"])
        case "PDUSessionResourceSetupResponse":
            done = elements.get("PDUSessionResourceSetupListSURes", [])
            return SessionSetUp(elements["RAN-UE-NGAP-ID"], tuple(one["pDUSessionID"] for one in done))
        case _:
            raise DecodeError(f"ngap: {name} is none that this AMF reads")


def _slices_of(areas: list[dict[str, Any]]) -> frozenset[Snssai]:
    return frozenset(
        Snssai(
            slice_["s-NSSAI"]["sST"][0], int.from_bytes(slice_["s-NSSAI"].get("sD", NO_DIFFERENTIATOR), "big")
        )
        for area in areas
        for network in area["broadcastPLMNList"]
        for slice_ in network["tAISliceSupportList"]
    )


def write_setup_response(name: str, slices: frozenset[Snssai]) -> bytes:
    guami = {"pLMNIdentity": PLMN, "aMFRegionID": (2, 8), "aMFSetID": (1, 10), "aMFPointer": (0, 6)}
    support = {
        "pLMNIdentity": PLMN,
        "sliceSupportList": [{"s-NSSAI": _snssai(one)} for one in sorted(slices)],
    }
    elements = [
        _element(_AMF_NAME, "AMFName", name),
        _element(_GUAMIS, "ServedGUAMIList", [{"gUAMI": guami}]),
        _element(_CAPACITY, "RelativeAMFCapacity", 255, "ignore"),
        _element(_PLMN_SUPPORT, "PLMNSupportList", [support]),
    ]
    return _write("successfulOutcome", _NG_SETUP, "NGSetupResponse", elements)


def write_downlink(amf_id: int, ran_id: int, nas: bytes) -> bytes:
    elements = [*_ids(amf_id, ran_id), _element(_NAS, "NAS-PDU", nas)]
    return _write("initiatingMessage", _DOWNLINK_NAS, "DownlinkNASTransport", elements, "ignore")


def write_session_setup(
    amf_id: int, ran_id: int, session_id: int, snssai: Snssai, nas: bytes, transfer: bytes
) -> bytes:
    """With the answer to the UE inside, and what the gNB is to set up."""
    session = {
        "pDUSessionID": session_id,
        "pDUSessionNAS-PDU": nas,
        "s-NSSAI": _snssai(snssai),
        "pDUSessionResourceSetupRequestTransfer": transfer,
    }
    elements = [*_ids(amf_id, ran_id), _element(_SESSIONS, "PDUSessionResourceSetupListSUReq", [session])]
    return _write("initiatingMessage", _SESSION_SETUP, "PDUSessionResourceSetupRequest", elements)


def write_transfer(ambr_bps: int) -> bytes:
    """One flow of 5QI 9, whose tunnel ends nowhere."""
    ambr = {f"pDUSessionAggregateMaximumBitRate{way}": ambr_bps for way in ("DL", "UL")}
    tunnel = {"transportLayerAddress": (0x7F000114, 32), "gTP-TEID": bytes(4)}
    arp = {
        "priorityLevelARP": 8,
        "pre-emptionCapability": "shall-not-trigger-pre-emption",
        "pre-emptionVulnerability": "not-pre-emptable",
    }
    quality = {"qosCharacteristics": ("nonDynamic5QI", {"fiveQI": 9}), "allocationAndRetentionPriority": arp}
    flow = {"qosFlowIdentifier": 1, "qosFlowLevelQosParameters": quality}
    transfer = NGAP.NGAP_IEs.PDUSessionResourceSetupRequestTransfer
    transfer.set_val(
        {
            "protocolIEs": [
                _element(_AMBR, "PDUSessionAggregateMaximumBitRate", ambr),
                _element(_TUNNEL, "UPTransportLayerInformation", ("gTPTunnel", tunnel)),
                _element(_SESSION_TYPE, "PDUSessionType", "ipv4"),
                _element(_FLOWS, "QosFlowSetupRequestList", [flow]),
            ]
        }
    )
    octets: bytes = transfer.to_aper()
    return octets


def _ids(amf_id: int, ran_id: int) -> list[dict[str, Any]]:
    return [_element(_AMF_ID, "AMF-UE-NGAP-ID", amf_id), _element(_RAN_ID, "RAN-UE-NGAP-ID", ran_id)]


def _snssai(snssai: Snssai) -> dict[str, bytes]:
    sst = {"sST": bytes((snssai.sst,))}
    return sst if snssai.sd is None else {**sst, "sD": snssai.sd.to_bytes(3, "big")}


def _element(number: int, name: str, value: Any, criticality: str = "reject") -> dict[str, Any]:
    return {"id": number, "criticality": criticality, "value": (name, value)}


def _write(
    kind: str, procedure: int, name: str, elements: list[dict[str, Any]], criticality: str = "reject"
) -> bytes:
    contents = (name, {"protocolIEs": elements})
    _PDU.set_val((kind, {"procedureCode": procedure, "criticality": criticality, "value": contents}))
    octets: bytes = _PDU.to_aper()
    return octets
