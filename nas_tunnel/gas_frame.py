"""GAS on the air: the public action frames that carry ANQP, as a monitor interface gives them.

    radiotap | 802.11 header | category 4 (public) or 9 (protected dual) | action | dialog token | fields of the action

The box hears purchases here, beside a hostapd that answers the same frame. It reads every management frame on its
channel, so what is no GAS request is refused within a microsecond or two; GAS_REQUEST_FILTER lets the kernel do it
before anybody wakes. Responses are hostapd's work: they are read for captures, and fragments are put together by who
needs them. Nothing here writes a frame, as drivers do (lab/gas_writer.py does, for tests and the lab). An encrypted
frame is not ours to read.
Reference: IEEE 802.11-2020 clauses 9.3.3.13 (action frame), 9.6.7.12 to 9.6.7.15 (GAS), 9.4.2.92 (advertisement
protocol); radiotap.org. Numbers are little endian.
Promise: every reader returns a value or raises DecodeError, whatever the bytes, in time linear in their number.
"""

from enum import IntEnum

from wire.errors import DecodeError
from wire.frozen import dataclass
from wire.ids import MacAddress

MAX_QUERY_BYTES = 2_304
"""A management frame's body is not longer (IEEE 802.11-2020 clause 9.3.3.1), so a query is not either."""

_ACTION_FRAME = 0xD0
"""First octet of the frame control: management (0), subtype action (13)."""
_PROTECTED, _ORDER = 0x40, 0x80
_HEADER_SIZE, _HT_CONTROL_SIZE = 24, 4
_CATEGORIES = (4, 9)
_ADVERTISEMENT_PROTOCOL, _ANQP = 108, 0
_MORE_FRAGMENTS = 0x80


class GasAction(IntEnum):
    """Public action field values (IEEE 802.11-2020 table 9-364)."""

    INITIAL_REQUEST = 10
    INITIAL_RESPONSE = 11
    COMEBACK_REQUEST = 12
    COMEBACK_RESPONSE = 13


GAS_REQUEST_FILTER: tuple[tuple[int, int, int, int], ...] = (
    (0x30, 0, 0, 3),  # A = radiotap length, high octet
    (0x64, 0, 0, 8),  # A <<= 8
    (0x02, 0, 0, 0),  # M[0] = A
    (0x30, 0, 0, 2),  # A = low octet
    (0x61, 0, 0, 0),  # X = M[0]
    (0x4C, 0, 0, 0),  # A |= X
    (0x07, 0, 0, 0),  # X = A
    (0x50, 0, 0, 0),  # A = first octet of the frame
    (0x15, 0, 5, _ACTION_FRAME),
    (0x50, 0, 0, _HEADER_SIZE),  # A = category
    (0x15, 1, 0, _CATEGORIES[0]),
    (0x15, 0, 2, _CATEGORIES[1]),
    (0x50, 0, 0, _HEADER_SIZE + 1),  # A = action
    (0x15, 1, 0, GasAction.INITIAL_REQUEST.value),
    (0x06, 0, 0, 0),  # refuse
    (0x06, 0, 0, 0xFFFF),  # accept
)
"""A classic BPF program (code, jt, jf, k) for SO_ATTACH_FILTER: passes GAS initial requests, radiotap in front, but for
those with an HT control field, which no station sends before it has associated."""


@dataclass(frozen=True, slots=True)
class GasRequest:
    """A station asks `bssid` a question of ANQP (nas_tunnel/anqp.py)."""

    station: MacAddress
    bssid: MacAddress
    dialog_token: int
    query: bytes


@dataclass(frozen=True, slots=True)
class GasResponse:
    """The answer, or with `comeback_delay_tu` (1,024 us each) and no answer: come back for it."""

    station: MacAddress
    bssid: MacAddress
    dialog_token: int
    status: int
    comeback_delay_tu: int
    response: bytes


@dataclass(frozen=True, slots=True)
class GasComebackRequest:
    """The next fragment, please."""

    station: MacAddress
    bssid: MacAddress
    dialog_token: int


@dataclass(frozen=True, slots=True)
class GasComebackResponse:
    """Fragment 0 to 127 of an answer, and whether `more` follow."""

    station: MacAddress
    bssid: MacAddress
    dialog_token: int
    status: int
    fragment: int
    more: bool
    comeback_delay_tu: int
    response: bytes


GasMessage = GasRequest | GasResponse | GasComebackRequest | GasComebackResponse


def read_gas_request(frame: bytes) -> GasRequest:
    """A GAS initial request for ANQP from a radiotap frame. Raises DecodeError for whatever else was on the air."""
    start = _skip_radiotap(frame)
    body = start + _HEADER_SIZE
    if frame[start : start + 1] != b"\xd0" or frame[body + 1 : body + 2] != b"\x0a":
        raise DecodeError("gas: not a GAS initial request")
    message = read_gas(frame, start)
    if not isinstance(message, GasRequest):
        raise DecodeError("gas: not a GAS initial request")
    return message


def read_gas(frame: bytes, start: int = 0) -> GasMessage:
    """Any GAS frame for ANQP whose 802.11 header begins at `start`. Raises DecodeError.

    Whatever follows the last field is passed over: a frame check sequence, or elements that we have no use for.
    """
    body = _skip_header(frame, start)
    if len(frame) < body + 3 or frame[body] not in _CATEGORIES:
        raise DecodeError("gas: not a public action frame")
    kind, dialog_token = frame[body + 1], frame[body + 2]
    if not GasAction.INITIAL_REQUEST <= kind <= GasAction.COMEBACK_RESPONSE:
        raise DecodeError(f"gas: public action {kind} is no GAS")
    to, sender = MacAddress(frame[start + 4 : start + 10]), MacAddress(frame[start + 10 : start + 16])
    if to.is_group or sender.is_group:
        raise DecodeError(f"gas: from {sender} to {to}: a group address has no dialog")
    fields = _Fields(frame, body + 3)
    match kind:
        case GasAction.INITIAL_REQUEST:
            fields.advertisement_protocol()
            return GasRequest(sender, to, dialog_token, fields.sized("query"))
        case GasAction.INITIAL_RESPONSE:
            status, delay_tu = fields.integer("status", 2), fields.integer("comeback delay", 2)
            fields.advertisement_protocol()
            return GasResponse(to, sender, dialog_token, status, delay_tu, fields.sized("response"))
        case GasAction.COMEBACK_REQUEST:
            return GasComebackRequest(sender, to, dialog_token)
        case _:
            status, fragment = fields.integer("status", 2), fields.integer("fragment", 1)
            delay_tu = fields.integer("comeback delay", 2)
            fields.advertisement_protocol()
            number, more = fragment & ~_MORE_FRAGMENTS, bool(fragment & _MORE_FRAGMENTS)
            response = fields.sized("response")
            return GasComebackResponse(to, sender, dialog_token, status, number, more, delay_tu, response)


def _skip_radiotap(frame: bytes) -> int:
    """Where the 802.11 header begins."""
    if len(frame) < 8 or frame[0]:
        raise DecodeError("gas: no radiotap header of version 0")
    return frame[2] | frame[3] << 8


def _skip_header(frame: bytes, start: int) -> int:
    """Where the body of an unencrypted action frame begins."""
    if len(frame) < start + _HEADER_SIZE or frame[start] != _ACTION_FRAME:
        raise DecodeError("gas: not an action frame")
    flags = frame[start + 1]
    if flags & _PROTECTED:
        raise DecodeError("gas: the frame is encrypted")
    return start + _HEADER_SIZE + (_HT_CONTROL_SIZE if flags & _ORDER else 0)


class _Fields:
    """Takes fields of an action from the front. Every method raises DecodeError only."""

    def __init__(self, frame: bytes, at: int) -> None:
        self._frame = frame
        self._at = at

    def octets(self, name: str, size: int) -> bytes:
        start, self._at = self._at, self._at + size
        if self._at > len(self._frame):
            raise DecodeError(
                f"gas: {name} of {size} bytes at byte {start} does not fit into {len(self._frame)}"
            )
        return self._frame[start : self._at]

    def integer(self, name: str, size: int) -> int:
        return int.from_bytes(self.octets(name, size), "little")

    def sized(self, name: str) -> bytes:
        size = self.integer(f"length of the {name}", 2)
        if size > MAX_QUERY_BYTES:
            raise DecodeError(f"gas: a {name} of {size} bytes, at most {MAX_QUERY_BYTES} are accepted")
        return self.octets(name, size)

    def advertisement_protocol(self) -> None:
        element, size = self.octets("advertisement protocol", 2)
        content = self.octets("advertisement protocol", size)
        if element != _ADVERTISEMENT_PROTOCOL or size < 2 or content[1] != _ANQP:
            raise DecodeError(f"gas: element {element} ({content[:8].hex()}) is not the protocol ANQP")
