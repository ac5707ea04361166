"""What a capture holds below our messages: from a link-layer frame to GAS, a beacon's elements or a lobby datagram.

In: the octets of one frame and the link type of the capture (tcpdump.org/linktypes). Out: what was heard, or None for
everything that is not ours, damaged or encrypted; it never raises. Read: Ethernet (1), bare 802.11 (105), Linux cooked
(113, 276) and radiotap (127).
Reference: IEEE 802.11-2020 clauses 9.2.4 and 9.3.3; IEEE 802.1Q; RFC 1042; RFC 8200 (IPv6), RFC 768 (UDP).
"""

from nas_tunnel.gas_frame import GasMessage, read_gas
from nas_tunnel.lobby import PORT
from wire.errors import DecodeError
from wire.frozen import dataclass
from wire.ids import MacAddress

ETHERNET, BARE_80211, COOKED, RADIOTAP, COOKED_2 = 1, 105, 113, 127, 276
LINK_TYPES = {
    ETHERNET: "Ethernet",
    BARE_80211: "802.11",
    COOKED: "Linux cooked",
    RADIOTAP: "802.11 with radiotap",
    COOKED_2: "Linux cooked, version 2",
}

_IPV6, _VLAN, _UDP = 0x86DD, 0x8100, 17
_IPV6_SIZE, _UDP_SIZE = 40, 8
_SNAP = bytes.fromhex("aaaa03000000")
_PROBE_RESPONSE, _BEACON, _ACTION, _DATA, _QOS_DATA = 0x50, 0x80, 0xD0, 0x08, 0x88
_TO_DS, _FROM_DS, _PROTECTED, _ORDER = 0x01, 0x02, 0x40, 0x80
_HEADER_SIZE, _BEACON_FIXED_SIZE = 24, 12
_UNKNOWN = MacAddress(bytes(6))


@dataclass(frozen=True, slots=True)
class Elements:
    """The elements of a beacon or probe response of `bssid`."""

    bssid: MacAddress
    octets: bytes


@dataclass(frozen=True, slots=True)
class Datagram:
    """A UDP datagram to or from the lobby's port. `station` is zeros where the capture does not say."""

    station: MacAddress
    from_station: bool
    payload: bytes


Heard = GasMessage | Elements | Datagram


def hear(link_type: int, frame: bytes) -> Heard | None:
    """What is ours in one frame of a capture of this link type, one of LINK_TYPES."""
    match link_type:
        case 1:
            return _hear_packet(link_type, frame, _ethernet_addresses(frame))
        case 105:
            return _hear_80211(frame, 0)
        case 127:
            return _hear_80211(frame, int.from_bytes(frame[2:4], "little")) if frame[:1] == b"\0" else None
        case 113:
            return _hear_packet(link_type, frame, _cooked_address(frame, 6, 5))
        case 276:
            return _hear_packet(link_type, frame, _cooked_address(frame, 12, 11))
        case _:
            return None


def find_packet(link_type: int, frame: bytes) -> tuple[int, int] | None:
    """(protocol, where it begins) of a frame of Ethernet or Linux cooked; protocols are numbered as EtherType is."""
    match link_type:
        case 1:
            at = 12
            while int.from_bytes(frame[at : at + 2], "big") == _VLAN:
                at += 4
            start = at + 2
        case 113:
            at, start = 14, 16
        case 276:
            at, start = 0, 20
        case _:
            return None
    return (int.from_bytes(frame[at : at + 2], "big"), start) if len(frame) >= start else None


def _hear_packet(link_type: int, frame: bytes, addresses: tuple[MacAddress, MacAddress]) -> Datagram | None:
    found = find_packet(link_type, frame)
    return None if found is None else _hear_ipv6(frame, found[1], found[0], addresses)


def _ethernet_addresses(frame: bytes) -> tuple[MacAddress, MacAddress]:
    """(source, destination)."""
    return (MacAddress(frame[6:12]), MacAddress(frame[0:6])) if len(frame) >= 12 else (_UNKNOWN, _UNKNOWN)


def _cooked_address(frame: bytes, at: int, size_at: int) -> tuple[MacAddress, MacAddress]:
    """(source, destination): of a cooked frame only the source is known."""
    known = len(frame) >= at + 6 and frame[size_at] == 6
    return (MacAddress(frame[at : at + 6]) if known else _UNKNOWN), _UNKNOWN


def _hear_80211(frame: bytes, start: int) -> Heard | None:
    if len(frame) < start + _HEADER_SIZE or frame[start + 1] & _PROTECTED:
        return None
    kind = frame[start]
    if kind == _ACTION:
        try:
            return read_gas(frame, start)
        except DecodeError:
            return None
    if kind in (_BEACON, _PROBE_RESPONSE):
        elements_at = start + _HEADER_SIZE + _BEACON_FIXED_SIZE
        return Elements(MacAddress(frame[start + 16 : start + 22]), frame[elements_at:])
    if kind in (_DATA, _QOS_DATA):
        return _hear_data(frame, start)
    return None


def _hear_data(frame: bytes, start: int) -> Datagram | None:
    """An unencrypted data frame, which in our world is one of the lobby's network."""
    flags = frame[start + 1]
    body = start + _HEADER_SIZE + (2 if frame[start] == _QOS_DATA else 0) + (4 if flags & _ORDER else 0)
    one, two, three = (MacAddress(frame[start + at : start + at + 6]) for at in (4, 10, 16))
    match flags & (_TO_DS | _FROM_DS):
        case 0x01:
            addresses = two, three
        case 0x02:
            addresses = three, one
        case _:
            return None
    if frame[body : body + 6] != _SNAP:
        return None
    return _hear_ipv6(frame, body + 8, int.from_bytes(frame[body + 6 : body + 8], "big"), addresses)


def _hear_ipv6(
    frame: bytes, at: int, protocol: int, addresses: tuple[MacAddress, MacAddress]
) -> Datagram | None:
    """A lobby datagram in an IPv6 packet that begins at `at`; extension headers are not looked behind."""
    payload_at = at + _IPV6_SIZE + _UDP_SIZE
    if protocol != _IPV6 or len(frame) < payload_at or frame[at] >> 4 != 6 or frame[at + 6] != _UDP:
        return None
    udp = at + _IPV6_SIZE
    source_port, port, size = (int.from_bytes(frame[udp + n : udp + n + 2], "big") for n in (0, 2, 4))
    if PORT not in (source_port, port):
        return None
    source, destination = addresses
    from_station = port == PORT
    payload = frame[
        payload_at : udp + max(size, _UDP_SIZE)
    ]  # what pads a short Ethernet frame is not part of it
    return Datagram(source if from_station else destination, from_station, payload)
