"""GAS frames for the lab and for tests, where no driver writes them: what nas_tunnel/gas_frame.py reads, written.

The bytes are held against vectors that were packed by hand (tests/nas_tunnel/vectors/gas_frame.json).
Reference: IEEE 802.11-2020 clauses 9.6.7.12 to 9.6.7.15 (GAS) and 9.4.2.92 (advertisement protocol); radiotap.org.
"""

from typing import assert_never

from nas_tunnel.gas_frame import (
    MAX_QUERY_BYTES,
    GasAction,
    GasComebackRequest,
    GasComebackResponse,
    GasMessage,
    GasRequest,
    GasResponse,
)

RADIOTAP = bytes.fromhex("0000080000000000")
"""The shortest header there is: version 0, 8 octets, no field present."""
_ACTION_FRAME, _PUBLIC = 0xD0, 4
_ADVERTISEMENT_PROTOCOL, _ANQP = 108, 0
_PAGES_UNLIMITED = 0x7F
"""Query response length limit: as long as GAS allows (IEEE 802.11-2020 clause 9.4.2.92)."""
_MORE_FRAGMENTS = 0x80


def write_gas_frame(message: GasMessage) -> bytes:
    """The frame with the shortest radiotap in front; sequence number and duration 0, as a driver fills them in."""
    protocol = bytes((_ADVERTISEMENT_PROTOCOL, 2))
    match message:
        case GasRequest():
            to, sender, kind = message.bssid, message.station, GasAction.INITIAL_REQUEST
            fields = protocol + bytes((0, _ANQP)) + _sized(message.query)
        case GasResponse():
            to, sender, kind = message.station, message.bssid, GasAction.INITIAL_RESPONSE
            fields = _u16(message.status) + _u16(message.comeback_delay_tu)
            fields += protocol + bytes((_PAGES_UNLIMITED, _ANQP)) + _sized(message.response)
        case GasComebackRequest():
            to, sender, kind = message.bssid, message.station, GasAction.COMEBACK_REQUEST
            fields = b""
        case GasComebackResponse():
            to, sender, kind = message.station, message.bssid, GasAction.COMEBACK_RESPONSE
            fragment = message.fragment | (_MORE_FRAGMENTS if message.more else 0)
            fields = _u16(message.status) + bytes((fragment,)) + _u16(message.comeback_delay_tu)
            fields += protocol + bytes((_PAGES_UNLIMITED, _ANQP)) + _sized(message.response)
        case _:
            assert_never(message)
    header = bytes((_ACTION_FRAME, 0, 0, 0)) + to.octets + sender.octets + message.bssid.octets + bytes(2)
    return RADIOTAP + header + bytes((_PUBLIC, kind, message.dialog_token)) + fields


def _sized(octets: bytes) -> bytes:
    assert len(octets) <= MAX_QUERY_BYTES, f"{len(octets)} bytes in one frame"
    return _u16(len(octets)) + octets


def _u16(number: int) -> bytes:
    return number.to_bytes(2, "little")
