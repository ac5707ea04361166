"""Messages of our EAP method cut to packets, and put together again.

    flags 1                   80H: a total length follows (first of several), 40H: more follow
    total length 2            of the whole message, where flagged
    contents                  at least one octet; none at all: "go on", or a message that is empty

One end sends fragments, and the other answers each but the last with an empty message. EAP is a lock step with
identifiers, so none is lost or doubled here. A length where one fragment is enough is refused, and whatever is not as
long as it said.
Reference: in the manner of RFC 5216 clause 2.1.5 (EAP-TLS). Numbers are big endian.
Promise: `take_fragment` returns or raises DecodeError, and never holds more than MAX_MESSAGE_BYTES.
"""

from nas_tunnel.eap import EXPANDED_HEADER_SIZE, MAX_EAP_BYTES
from wire.errors import DecodeError
from wire.frozen import dataclass

MAX_MESSAGE_BYTES = 2_048
"""Room for the largest purchase (1,195 bytes) or answer (1,200) with its seal and proof."""
EMPTY = b"\x00"
"""The fragment of an empty message: go on."""

_TOTAL, _MORE = 0x80, 0x40
_FIRST_HEAD = 3


@dataclass(frozen=True, slots=True)
class Assembly:
    """What has come of a message; `total` is None before its first fragment."""

    total: int | None = None
    received: bytes = b""


NOTHING = Assembly()


def split_message(message: bytes, max_packet_bytes: int = MAX_EAP_BYTES) -> tuple[bytes, ...]:
    """Type-data of one packet or several, none longer than `max_packet_bytes` with its EAP header."""
    assert len(message) <= MAX_MESSAGE_BYTES, f"a message of {len(message)} bytes"
    room = max_packet_bytes - EXPANDED_HEADER_SIZE
    assert room > _FIRST_HEAD, f"packets of {max_packet_bytes} bytes"
    if len(message) < room:
        return (EMPTY + message,)
    fragments = [bytes((_TOTAL | _MORE,)) + len(message).to_bytes(2, "big") + message[: room - _FIRST_HEAD]]
    at = room - _FIRST_HEAD
    while at < len(message):
        after = at + room - 1
        fragments.append(bytes((_MORE if after < len(message) else 0,)) + message[at:after])
        at = after
    return tuple(fragments)


def take_fragment(assembly: Assembly, data: bytes) -> tuple[Assembly, bytes | None]:
    """What has come now, and the message if it is whole. Raises DecodeError."""
    if not data:
        raise DecodeError("eap fragment: no flags")
    flags, contents = data[0], data[1:]
    if flags & ~(_TOTAL | _MORE):
        raise DecodeError(f"eap fragment: flags {flags:02x} are none that we know")
    total = assembly.total
    if flags & _TOTAL:
        if total is not None or not flags & _MORE or len(contents) < 2:
            raise DecodeError("eap fragment: a total length, but not in the first of several fragments")
        total, contents = int.from_bytes(contents[:2], "big"), contents[2:]
        if total > MAX_MESSAGE_BYTES:
            raise DecodeError(f"eap fragment: {total} bytes, at most {MAX_MESSAGE_BYTES} are accepted")
    elif total is None:
        if flags & _MORE:
            raise DecodeError("eap fragment: more follow, but no total length")
        return NOTHING, contents
    if not contents:
        raise DecodeError("eap fragment: nothing in one of several")
    received = assembly.received + contents
    if len(received) > total or (len(received) == total) == bool(flags & _MORE):
        raise DecodeError(
            f"eap fragment: {len(received)} of {total} bytes, and {'more' if flags & _MORE else 'no more'}"
        )
    return (Assembly(total, received), None) if flags & _MORE else (NOTHING, received)
