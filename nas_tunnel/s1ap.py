"""S1AP, between an eNB and an MME: the NAS message or the warning that a PDU carries. Reading only, and nothing more.

In the outer list of elements: NAS-PDU with both ids of the UE, and what WRITE-REPLACE WARNING REQUEST tells a
cell to broadcast. NAS inside of a list of bearers is ciphered, and not looked for.
Reference: 3GPP TS 36.413 clauses 9.1.7, 9.1.13.1, 9.2.3.3, 9.2.3.4, 9.2.3.5, 9.3.7.   SCTP payload protocol 18.
Promise: a value or DecodeError, whatever the bytes, in time linear in their number.
"""

from nas_tunnel.aper import read_pdu
from nas_tunnel.signalling import Carried, ElementIds, find_carried

PAYLOAD_PROTOCOL = 18
MME_PORT = 36_412

IDS = ElementIds(
    protocol="s1ap",
    ran_ue=8,
    ran_ue_bytes=3,
    core_ue=0,
    core_ue_bytes=4,
    nas=26,
    write_warning=36,
    message_identifier=111,
    serial_number=112,
    data_coding_scheme=118,
    warning_contents=119,
)


def read_s1ap(data: bytes) -> Carried | None:
    """None for a PDU that carries neither. Raises DecodeError."""
    return find_carried(read_pdu(data, IDS.protocol), IDS)
