"""One end of a lock step of EAP packets that carries whole messages of our method, both ways. Pure.

The box asks (Request), the buyer answers (Response) with the same identifier; a message of several fragments takes
several rounds. What arrives twice was answered before, and is answered again with the same octets.
Reference: RFC 3748 clauses 3.4 and 4.1 (identifiers, retransmission).
"""

from dataclasses import replace

from nas_tunnel.eap import MAX_EAP_BYTES, EapCode, EapPacket, ours
from nas_tunnel.eap_fragments import EMPTY, NOTHING, Assembly, split_message, take_fragment
from wire.errors import DecodeError
from wire.frozen import dataclass

MAX_ROUNDS = 64
"""Packets of one end in one exchange: four suffice where packets are large, and a stranger cannot make us go on."""


@dataclass(frozen=True, slots=True)
class Link:
    """`identifier` is that of the last packet sent, `last` the packet itself, `outbox` the fragments that wait."""

    code: EapCode
    identifier: int
    max_packet_bytes: int = MAX_EAP_BYTES
    last: bytes = b""
    outbox: tuple[bytes, ...] = ()
    inbox: Assembly = NOTHING
    rounds: int = 0


@dataclass(frozen=True, slots=True)
class Taken:
    """`message` is whole now, or None; then `packet` goes on with the fragments."""

    link: Link
    message: bytes | None
    packet: bytes


def send(link: Link, message: bytes) -> tuple[Link, bytes]:
    """The first packet of a message; the others leave as the other end asks for them."""
    first, *rest = split_message(message, link.max_packet_bytes)
    return _send_fragment(replace(link, outbox=tuple(rest)), first)


def take(link: Link, packet: EapPacket) -> Taken:
    """One packet of our method, which is the next one. Raises DecodeError."""
    if link.rounds >= MAX_ROUNDS:
        raise DecodeError(f"eap: more than {MAX_ROUNDS} packets")
    if link.code is EapCode.RESPONSE:
        link = replace(link, identifier=packet.identifier)
    if link.outbox:
        if packet.data != EMPTY:
            raise DecodeError("eap: something else than leave to go on, in the middle of a message")
        fragment, *rest = link.outbox
        link, out = _send_fragment(replace(link, outbox=tuple(rest)), fragment)
        return Taken(link, None, out)
    inbox, message = take_fragment(link.inbox, packet.data)
    link = replace(link, inbox=inbox)
    if message is not None:
        return Taken(link, message, b"")
    link, out = _send_fragment(link, EMPTY)
    return Taken(link, None, out)


def _send_fragment(link: Link, fragment: bytes) -> tuple[Link, bytes]:
    identifier = (link.identifier + 1) % 256 if link.code is EapCode.REQUEST else link.identifier
    packet = ours(link.code, identifier, fragment)
    return replace(link, identifier=identifier, last=packet, rounds=link.rounds + 1), packet
