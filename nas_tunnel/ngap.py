"""NGAP, between a gNB and an AMF: the NAS message or the warning that a PDU carries. Reading only, and nothing more.

In the outer list of elements: NAS-PDU with both ids of the UE, and what WRITE-REPLACE WARNING REQUEST tells a
cell to broadcast. NAS inside of a list of PDU sessions is ciphered, and not looked for.
Reference: 3GPP TS 38.413 clauses 9.2.5, 9.2.8.1, 9.3.3.1, 9.3.3.2, 9.3.3.4, 9.4.7.   SCTP payload protocol 60.
Promise: a value or DecodeError, whatever the bytes, in time linear in their number.
"""

from nas_tunnel.aper import read_pdu
from nas_tunnel.signalling import Carried, ElementIds, find_carried

PAYLOAD_PROTOCOL = 60
AMF_PORT = 38_412

IDS = ElementIds(
    protocol="ngap",
    ran_ue=85,
    ran_ue_bytes=4,
    core_ue=10,
    core_ue_bytes=5,
    nas=38,
    write_warning=51,
    message_identifier=35,
    serial_number=95,
    data_coding_scheme=20,
    warning_contents=123,
)


def read_ngap(data: bytes) -> Carried | None:
    """None for a PDU that carries neither. Raises DecodeError."""
    return find_carried(read_pdu(data, IDS.protocol), IDS)
