"""User messages out of SCTP packets of a capture: fragments put together, what was sent twice taken once.

In: IPv4 and IPv6 packets in the order of the capture. Out: whole messages with their payload protocol (60 is NGAP, 18
S1AP). IP fragments and IPv6 extension headers are not looked behind, and checksums are not looked at, as a capture of
the sender has none. Nothing is raised: what is damaged or cut short is passed over.
Bounds: MAX_HELD_BYTES of fragments that wait, MAX_PIECES of one message, MAX_REMEMBERED numbers, MAX_FLOWS.
Reference: RFC 9260 clauses 3 (packet), 3.3.1 (DATA), 6.9 (fragments), 6.2 (what arrives twice).   Numbers: big endian.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address

IPV4, IPV6 = 0x0800, 0x86DD
"""As EtherType numbers them."""
MAX_HELD_BYTES = 1 << 22
MAX_PIECES = 256
MAX_REMEMBERED = 8_192
MAX_FLOWS = 1_024

_SCTP = 132
_IPV4_SIZE, _IPV6_SIZE, _HEADER_SIZE = 20, 40, 12
_DATA, _DATA_SIZE = 0, 16
_BEGINNING, _END = 2, 1
_NUMBERS = 0xFFFFFFFF
_MORE_OR_OFFSET = 0x3FFF

Address = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class Flow:
    """One way of an association; `tag` is the receiver's verification tag."""

    source: Address
    source_port: int
    destination: Address
    destination_port: int
    tag: int


@dataclass(frozen=True, slots=True)
class UserMessage:
    """What an application sent, whole."""

    flow: Flow
    protocol: int
    octets: bytes


@dataclass(frozen=True, slots=True)
class _Chunk:
    """A DATA chunk; `flags` say whether a message begins or ends here."""

    number: int
    flags: int
    protocol: int
    octets: bytes


_Key = tuple[int, int]
"""The number of a flow, and of a chunk in it."""


@dataclass(slots=True)
class Reassembly:
    """Takes packets in order; what it holds is bounded."""

    _held: dict[_Key, _Chunk] = field(default_factory=dict)
    _held_bytes: int = 0
    _seen: dict[_Key, None] = field(default_factory=dict)
    _flows: dict[Flow, int] = field(default_factory=dict)
    _next_flow: int = 0

    def take(self, protocol: int, packet: bytes) -> Iterator[UserMessage]:
        """Messages that end in this packet of IPV4 or IPV6."""
        found = _find_sctp(protocol, packet)
        if found is None:
            return
        flow, payload = found
        number = self._number(flow)
        for chunk in _chunks(payload):
            message = self._take_chunk(number, chunk)
            if message is not None:
                yield UserMessage(flow, *message)

    def _number(self, flow: Flow) -> int:
        """A short name for it, so that looking for fragments is quick; of those too many the oldest is forgotten."""
        number = self._flows.get(flow)
        if number is None:
            number = self._flows[flow] = self._next_flow
            self._next_flow += 1
            if len(self._flows) > MAX_FLOWS:
                del self._flows[next(iter(self._flows))]
        return number

    def _take_chunk(self, flow: int, chunk: _Chunk) -> tuple[int, bytes] | None:
        key = flow, chunk.number
        if key in self._seen:
            return None
        self._seen[key] = None
        if len(self._seen) > MAX_REMEMBERED:
            del self._seen[next(iter(self._seen))]
        if chunk.flags & (_BEGINNING | _END) == _BEGINNING | _END:
            return chunk.protocol, chunk.octets
        self._hold(key, chunk)
        return self._joined(flow, chunk.number)

    def _hold(self, key: _Key, chunk: _Chunk) -> None:
        self._release(key)
        self._held[key] = chunk
        self._held_bytes += _cost(chunk)
        while self._held_bytes > MAX_HELD_BYTES:
            self._release(next(iter(self._held)))

    def _release(self, key: _Key) -> None:
        chunk = self._held.pop(key, None)
        if chunk is not None:
            self._held_bytes -= _cost(chunk)

    def _joined(self, flow: int, number: int) -> tuple[int, bytes] | None:
        """The message that this fragment belongs to, if all its fragments are here."""
        first = number
        for _ in range(MAX_PIECES):
            chunk = self._held.get((flow, first))
            if chunk is None:
                return None
            if chunk.flags & _BEGINNING:
                break
            first = first - 1 & _NUMBERS
        pieces: list[_Chunk] = []
        for at in range(first, first + MAX_PIECES):
            chunk = self._held.get((flow, at & _NUMBERS))
            if chunk is None or (pieces and chunk.flags & _BEGINNING):
                return None
            pieces.append(chunk)
            if chunk.flags & _END:
                return self._message(flow, pieces)
        return None

    def _message(self, flow: int, pieces: list[_Chunk]) -> tuple[int, bytes]:
        for chunk in pieces:
            self._release((flow, chunk.number))
        return pieces[0].protocol, b"".join(chunk.octets for chunk in pieces)


def _cost(chunk: _Chunk) -> int:
    """Octets, and what a small chunk costs all the same."""
    return len(chunk.octets) + 256


def _find_sctp(protocol: int, packet: bytes) -> tuple[Flow, bytes] | None:
    if protocol == IPV4:
        return _find_in_ipv4(packet)
    return _find_in_ipv6(packet) if protocol == IPV6 else None


def _find_in_ipv4(packet: bytes) -> tuple[Flow, bytes] | None:
    if len(packet) < _IPV4_SIZE or packet[0] >> 4 != 4 or packet[9] != _SCTP:
        return None
    if int.from_bytes(packet[6:8], "big") & _MORE_OR_OFFSET:
        return None
    start, total = 4 * (packet[0] & 0x0F), int.from_bytes(packet[2:4], "big")
    addresses = IPv4Address(packet[12:16]), IPv4Address(packet[16:20])
    return _flow(addresses, packet[start : total or None])


def _find_in_ipv6(packet: bytes) -> tuple[Flow, bytes] | None:
    if len(packet) < _IPV6_SIZE or packet[0] >> 4 != 6 or packet[6] != _SCTP:
        return None
    addresses = IPv6Address(packet[8:24]), IPv6Address(packet[24:40])
    size = int.from_bytes(packet[4:6], "big")
    return _flow(addresses, packet[_IPV6_SIZE : _IPV6_SIZE + size])


def _flow(addresses: tuple[Address, Address], payload: bytes) -> tuple[Flow, bytes] | None:
    if len(payload) < _HEADER_SIZE:
        return None
    source_port, port = int.from_bytes(payload[:2], "big"), int.from_bytes(payload[2:4], "big")
    tag = int.from_bytes(payload[4:8], "big")
    return Flow(addresses[0], source_port, addresses[1], port, tag), payload


def _chunks(payload: bytes) -> Iterator[_Chunk]:
    at, end = _HEADER_SIZE, len(payload)
    while at + 4 <= end:
        kind, flags, size = payload[at], payload[at + 1], int.from_bytes(payload[at + 2 : at + 4], "big")
        if size < 4 or at + size > end:
            return
        if kind == _DATA and size > _DATA_SIZE:
            number, protocol = payload[at + 4 : at + 8], payload[at + 12 : at + 16]
            octets = payload[at + _DATA_SIZE : at + size]
            yield _Chunk(int.from_bytes(number, "big"), flags, int.from_bytes(protocol, "big"), octets)
        at += size + -size % 4
