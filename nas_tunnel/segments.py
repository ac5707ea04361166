"""A broadcast cut into segments that come round and round, and the listener that puts it together again.

The cell sends one segment per period of its system information: the first, the second, ... the last, the first. When
the offer changes, the next segment sent is the first of the new one. A listener joins anywhere, misses some, hears
garbage, and gives each message once, when it is whole and is what its serial number says: of messages
that come in turn it knows MAX_PARTIALS again. Which offer is the newer, the offer says.
Pure: `hear(listener, segment)` gives the next listener and a message or None. There is no clock in it: a serial number
is made from what it numbers, so that an old segment of the same number is as good as a new one.
Bounds: MAX_PARTIALS messages in the making and as many delivered, each of at most MAX_MESSAGE_BYTES.
Reference: 3GPP TS 36.331, clause 5.2.2.19, and TS 38.331, clause 5.2.2.4.9 (assembly of warning segments).
"""

from collections.abc import Iterable, Mapping
from dataclasses import field, replace

from nas_tunnel.carriage import Carriage, Form
from nas_tunnel.cb_data import (
    EIGHT_BIT_DATA,
    GSM_7_BIT,
    MAX_MESSAGE_BYTES,
    read_message,
    serial_number,
    write_octets_message,
    write_text_message,
)
from nas_tunnel.warning_sib import WarningSegment
from wire.errors import DecodeError
from wire.frozen import dataclass
from wire.warning_id import AIRGRANT, own_identifier

MAX_PARTIALS = 4
"""A changed offer makes two, and two more are for garbage, of which a wiser choice is made below."""

# ---- The cell


@dataclass(frozen=True, slots=True)
class Broadcast:
    """What goes round in a cell until the next one takes its place."""

    message_identifier: int
    serial_number: int
    data_coding_scheme: int
    pieces: tuple[bytes, ...]

    def segment(self, occasion: int) -> WarningSegment:
        """What the `occasion`th period carries, counted from 0 since this broadcast began."""
        number = occasion % len(self.pieces)
        return WarningSegment(
            self.message_identifier,
            self.serial_number,
            is_last=number == len(self.pieces) - 1,
            number=number,
            octets=self.pieces[number],
            data_coding_scheme=self.data_coding_scheme if number == 0 else None,
        )


def plan_broadcast(content: bytes, carriage: Carriage, message_identifier: int = AIRGRANT) -> Broadcast:
    """As few segments as the carriage allows. Raises ConfigError for an identifier that is not an operator's
    own, and asserts that the content fits.
    """
    assert carriage.form is not Form.NAME, f"{carriage.name} takes names"
    is_text = carriage.form is Form.TEXT
    message = write_text_message(content) if is_text else write_octets_message(content)
    size = carriage.segment_bytes
    pieces = tuple(message[at : at + size] for at in range(0, len(message), size))
    assert len(pieces) <= carriage.segments, f"{len(pieces)} segments on {carriage.name}"
    scheme = GSM_7_BIT if is_text else EIGHT_BIT_DATA
    return Broadcast(own_identifier(message_identifier), serial_number(content), scheme, pieces)


# ---- The listener


@dataclass(frozen=True, slots=True)
class Partial:
    """What was heard of one message. `last` is the number of its last segment, once that was heard."""

    serial_number: int
    pieces: Mapping[int, bytes] = field(default_factory=dict)
    last: int | None = None

    @property
    def is_whole(self) -> bool:
        return self.last is not None and len(self.pieces) == self.last + 1

    @property
    def size_bytes(self) -> int:
        return sum(map(len, self.pieces.values()))

    def message(self) -> bytes:
        return b"".join(self.pieces[number] for number in sorted(self.pieces))


@dataclass(frozen=True, slots=True)
class Listener:
    """Listens to one message identifier; partials in the order in which they were last heard, what was delivered in
    that of delivery, one of a serial number. `refused` counts messages that were thrown away: too long, or whole and
    not what their serial number says.
    """

    message_identifier: int = AIRGRANT
    partials: tuple[Partial, ...] = ()
    delivered: tuple[Partial, ...] = ()
    refused: int = 0


def hear(listener: Listener, segment: WarningSegment) -> tuple[Listener, bytes | None]:
    """The next listener, and a message's content if this segment made it whole."""
    if segment.message_identifier != listener.message_identifier:
        return listener, None
    before = _numbered(listener.partials, segment.serial_number)
    known = _numbered(listener.delivered, segment.serial_number)
    if before is None and known is not None and not _contradicts(known, segment):
        return listener, None
    others = tuple(at for at in listener.partials if at is not before)
    return _hear_new(replace(listener, partials=others), before or Partial(segment.serial_number), segment)


def _numbered(partials: Iterable[Partial], serial_number: int) -> Partial | None:
    return next((partial for partial in partials if partial.serial_number == serial_number), None)


def _hear_new(listener: Listener, partial: Partial, segment: WarningSegment) -> tuple[Listener, bytes | None]:
    """`partial` is not among those of the listener."""
    partial = _with_segment(partial, segment)
    if not partial.is_whole and partial.size_bytes <= MAX_MESSAGE_BYTES:
        return replace(listener, partials=(*_room_for_one(listener.partials), partial)), None
    try:
        content = read_message(partial.message(), partial.serial_number)
    except DecodeError:
        return replace(listener, refused=listener.refused + 1), None
    return _deliver(listener, partial, content)


def _deliver(listener: Listener, partial: Partial, content: bytes) -> tuple[Listener, bytes | None]:
    """Once: garbage under its number may have had it put together again. The newest of a number takes its place."""
    known = _numbered(listener.delivered, partial.serial_number)
    if known is not None and known.message() == partial.message():
        return listener, None
    others = tuple(at for at in listener.delivered if at is not known)
    return replace(listener, delivered=(*others[1 - MAX_PARTIALS :], partial)), content


def _with_segment(partial: Partial, segment: WarningSegment) -> Partial:
    """With one piece more; from the beginning if it contradicts what was heard, as the newest is right."""
    if _contradicts(partial, segment):
        partial = Partial(partial.serial_number)
    last = segment.number if segment.is_last else partial.last
    return Partial(partial.serial_number, {**partial.pieces, segment.number: segment.octets}, last)


def _contradicts(partial: Partial, segment: WarningSegment) -> bool:
    """Whether it cannot be of the same message. Two messages may have one serial number, of 16,384 two offers."""
    if partial.pieces.get(segment.number, segment.octets) != segment.octets:
        return True
    if segment.is_last:
        return partial.last not in {None, segment.number} or max(partial.pieces, default=0) > segment.number
    return partial.last is not None and segment.number >= partial.last


def _room_for_one(partials: tuple[Partial, ...]) -> tuple[Partial, ...]:
    """Of too many the one with the fewest pieces goes, and of those the one not heard for longest: garbage comes as
    single segments, and an offer that is nearly whole survives any amount of it.
    """
    if len(partials) < MAX_PARTIALS:
        return partials
    poorest = min(partials, key=lambda partial: len(partial.pieces))
    return tuple(partial for partial in partials if partial is not poorest)
