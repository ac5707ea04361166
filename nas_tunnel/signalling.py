"""What S1AP and NGAP carry for us: NAS of one UE, and warnings for a cell to broadcast.

The same values come out of both protocols (nas_tunnel/ngap.py, s1ap.py), so that whoever explains them need not care.
"""

from nas_tunnel.aper import Pdu, read_fixed, read_number, read_octet_string, read_sized_octet_string
from wire.frozen import dataclass

MAX_WARNING_BYTES = 9_600
"""TS 36.413 clause 9.2.1.52 and TS 38.413 clause 9.3.1.41."""


@dataclass(frozen=True, slots=True)
class CarriedNas:
    """A NAS message of the UE that the radio access network knows by `ran_ue_id`, and the core, once it answered, by
    `core_ue_id`.
    """

    ran_ue_id: int | None
    core_ue_id: int | None
    nas: bytes


@dataclass(frozen=True, slots=True)
class CarriedWarning:
    """What the core wants broadcast: as in system information, but in one piece."""

    message_identifier: int
    serial_number: int
    data_coding_scheme: int | None
    contents: bytes


Carried = CarriedNas | CarriedWarning


@dataclass(frozen=True, slots=True)
class ElementIds:
    """Numbers of one protocol: its elements, how many octets its UE ids have at most, its warning procedure."""

    protocol: str
    ran_ue: int
    ran_ue_bytes: int
    core_ue: int
    core_ue_bytes: int
    nas: int
    write_warning: int
    message_identifier: int
    serial_number: int
    data_coding_scheme: int
    warning_contents: int


def find_carried(pdu: Pdu, ids: ElementIds) -> Carried | None:
    """What the outer list holds for us, if anything. Raises DecodeError where it is malformed."""
    nas = pdu.find(ids.nas)
    if nas is not None:
        return CarriedNas(
            ran_ue_id=_number(pdu, ids, ids.ran_ue, ids.ran_ue_bytes),
            core_ue_id=_number(pdu, ids, ids.core_ue, ids.core_ue_bytes),
            nas=read_octet_string(nas, f"{ids.protocol} NAS-PDU"),
        )
    contents = pdu.find(ids.warning_contents)
    identifier, serial = pdu.find(ids.message_identifier), pdu.find(ids.serial_number)
    if pdu.procedure != ids.write_warning or contents is None or identifier is None or serial is None:
        return None
    name = f"{ids.protocol} warning"
    scheme = pdu.find(ids.data_coding_scheme)
    return CarriedWarning(
        message_identifier=read_fixed(identifier, name, 2),
        serial_number=read_fixed(serial, name, 2),
        data_coding_scheme=None if scheme is None else read_fixed(scheme, name, 1),
        contents=read_sized_octet_string(contents, name, MAX_WARNING_BYTES),
    )


def _number(pdu: Pdu, ids: ElementIds, element_id: int, size_bytes: int) -> int | None:
    contents = pdu.find(element_id)
    return None if contents is None else read_number(contents, f"{ids.protocol} id of a UE", size_bytes)
