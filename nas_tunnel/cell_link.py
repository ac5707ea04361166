"""What a capture holds between a cell and its core, or as a stack wrote it: NAS, system information, warnings.

In: the frames of a capture and their link types (tcpdump.org/linktypes). Out: what was heard, of whom. Read are NGAP
and S1AP over SCTP, in Ethernet, Linux cooked and bare IP (101); what Wireshark exports with the name of a dissector
(252); and link types for private use, which have no meaning but what a capture's owner gives them: by default the ones
that srsRAN writes. A UE is named as its base station names it; who it is, is not looked for.
It never raises: what is not ours, damaged or ciphered is passed over.
Reference: Wireshark's epan/exported_pdu.h (a tag and a length of two octets each, then contents; tag 0 is the last).
"""

from collections.abc import Callable, Iterator, Mapping
from enum import Enum

from nas_tunnel.link import find_packet
from nas_tunnel.ngap import AMF_PORT, read_ngap
from nas_tunnel.ngap import PAYLOAD_PROTOCOL as NGAP_PROTOCOL
from nas_tunnel.s1ap import MME_PORT, read_s1ap
from nas_tunnel.s1ap import PAYLOAD_PROTOCOL as S1AP_PROTOCOL
from nas_tunnel.sctp import IPV4, IPV6, Flow, Reassembly
from nas_tunnel.signalling import Carried, CarriedNas, CarriedWarning
from wire.errors import DecodeError
from wire.frozen import dataclass


class Form(Enum):
    """What octets are, by the name of Wireshark's dissector."""

    NAS_5GS = "nas-5gs"
    NAS_EPS = "nas-eps"
    EAP = "eap"
    LTE_SYSTEM_INFORMATION = "lte-rrc.bcch.dl.sch"
    NR_SYSTEM_INFORMATION = "nr-rrc.bcch.dl.sch"
    NGAP = "ngap"
    S1AP = "s1ap"


RAW_IP, EXPORTED_PDU = 101, 252
USER_LINKS: Mapping[int, Form] = {148: Form.NAS_EPS, 150: Form.S1AP, 151: Form.NAS_5GS, 152: Form.NGAP}
"""As srsRAN 4G and srsRAN Project write them; 147 to 162 are for private use."""
FIRST_USER_LINK, LAST_USER_LINK = 147, 162
CELL_LINK_TYPES = {
    RAW_IP: "IP",
    **{number: form.value for number, form in USER_LINKS.items()},
    EXPORTED_PDU: "exported by Wireshark",
}

_CORE_PORTS = (AMF_PORT, MME_PORT)
_ALIASES = {"nas-eps_plain": Form.NAS_EPS}
_DISSECTORS = {**{form.value: form for form in Form}, **_ALIASES}
_NAME_TAG, _LAST_TAG = 12, 0


@dataclass(frozen=True, slots=True)
class UeName:
    """A UE as its base station names it: `ran_ue_id` at the address `ran_node`, and `core_ue_id` once the core has
    named it too. Empty and None where a capture does not say.
    """

    ran_node: str = ""
    ran_ue_id: int | None = None
    core_ue_id: int | None = None

    def __str__(self) -> str:
        name = "ue" if self.ran_ue_id is None else f"ue {self.ran_ue_id}"
        return f"{name} of {self.ran_node}" if self.ran_node else name


@dataclass(frozen=True, slots=True)
class CellName:
    """Cells of a base station, by its address; empty where a capture does not say."""

    ran_node: str = ""

    def __str__(self) -> str:
        return f"cell {self.ran_node}" if self.ran_node else "cell"


@dataclass(frozen=True, slots=True)
class UeHeard:
    """NAS or EAP, of a UE or for it."""

    subject: UeName
    form: Form
    octets: bytes


@dataclass(frozen=True, slots=True)
class CellHeard:
    """A message of system information, or what the core wants broadcast."""

    subject: CellName
    form: Form
    content: bytes | CarriedWarning


Heard = UeHeard | CellHeard


class CellEar:
    """Hears frames in order; it remembers fragments of SCTP only, within the bounds of nas_tunnel/sctp.py."""

    def __init__(self, user_links: Mapping[int, Form] = USER_LINKS) -> None:
        self._user_links = user_links
        self._sctp = Reassembly()

    def hear(self, link_type: int, frame: bytes) -> Iterator[Heard]:
        """What is said in one frame."""
        if link_type in self._user_links:
            return _heard("", self._user_links[link_type], frame)
        if link_type == EXPORTED_PDU:
            return _hear_exported(frame)
        return self._hear_sctp(link_type, frame)

    def _hear_sctp(self, link_type: int, frame: bytes) -> Iterator[Heard]:
        found = _find_raw_packet(frame) if link_type == RAW_IP else find_packet(link_type, frame)
        if found is None:
            return
        for message in self._sctp.take(found[0], frame[found[1] :]):
            form = _PROTOCOLS.get(message.protocol)
            if form is not None:
                yield from _heard(_ran_node(message.flow), form, message.octets)


_PROTOCOLS = {NGAP_PROTOCOL: Form.NGAP, S1AP_PROTOCOL: Form.S1AP}


def _find_raw_packet(frame: bytes) -> tuple[int, int] | None:
    return (IPV6 if frame[0] >> 4 == 6 else IPV4, 0) if frame else None


def _ran_node(flow: Flow) -> str:
    """The end that is not the core's port; where both are, or neither is, the lower address: the same both ways."""
    if flow.source_port in _CORE_PORTS and flow.destination_port not in _CORE_PORTS:
        return str(flow.destination)
    if flow.destination_port in _CORE_PORTS and flow.source_port not in _CORE_PORTS:
        return str(flow.source)
    return min(str(flow.source), str(flow.destination))


def _hear_exported(frame: bytes) -> Iterator[Heard]:
    at, form = 0, None
    while at + 4 <= len(frame):
        tag, size = int.from_bytes(frame[at : at + 2], "big"), int.from_bytes(frame[at + 2 : at + 4], "big")
        contents, at = frame[at + 4 : at + 4 + size], at + 4 + size
        if tag == _NAME_TAG:
            form = _DISSECTORS.get(contents.rstrip(b"\0").decode("ascii", "replace"))
        if tag == _LAST_TAG:
            return _heard("", form, frame[at:]) if form is not None else iter(())
    return iter(())


def _heard(ran_node: str, form: Form, octets: bytes) -> Iterator[Heard]:
    match form:
        case Form.NGAP:
            yield from _unpacked(ran_node, read_ngap, Form.NAS_5GS, octets)
        case Form.S1AP:
            yield from _unpacked(ran_node, read_s1ap, Form.NAS_EPS, octets)
        case Form.LTE_SYSTEM_INFORMATION | Form.NR_SYSTEM_INFORMATION:
            yield CellHeard(CellName(ran_node), form, octets)
        case _:
            yield UeHeard(UeName(ran_node), form, octets)


def _unpacked(
    ran_node: str, read: Callable[[bytes], Carried | None], nas: Form, octets: bytes
) -> Iterator[Heard]:
    try:
        carried = read(octets)
    except DecodeError:  # any PDU, of any release, and the end of one cut short
        return
    match carried:
        case CarriedNas(ran_ue_id, core_ue_id, message):
            yield UeHeard(UeName(ran_node, ran_ue_id, core_ue_id), nas, message)
        case CarriedWarning():
            form = Form.NGAP if nas is Form.NAS_5GS else Form.S1AP
            yield CellHeard(CellName(ran_node), form, carried)
