"""What the box and the end of NAS say to each other on the local socket of [cell.signalling].

    length 2, [ type, ue, item, ... ]      one CBOR array in each frame, big endian in front

    end of NAS -> box    Begin, EapHeard, Gone, Subscriber, OptionsHeard
    box -> end of NAS    SendEap, Admitted, NotAdmitted, Placed, SendOptions, Told

The end of NAS is an AMF with an EAP server of ours behind it (5GS), or an MME (EPS): it carries, and decides nothing of
what is sold. `ue` is its own name for a UE, good for as long as its connection: in EAP for one registration, for
options whatever octets it tells attach attempts apart by. A session key crosses this socket, so only the box's owner
and group may open it.
Largest legal size 2,048 octets. Promise: `read_frame` returns a value or raises DecodeError, whatever the bytes.
"""

import re
from enum import IntEnum
from typing import NamedTuple, assert_never

from nas_tunnel.eap import MAX_EAP_BYTES, MIN_EAP_BYTES
from nas_tunnel.items import ItemReader
from nas_tunnel.lobby import MAX_DETAIL_CHARACTERS, MAX_LOBBY_BYTES, MAX_REASON_CHARACTERS
from nas_tunnel.pco import MAX_OPERATOR_BYTES
from wire.cbor import Value, write_cbor
from wire.errors import DecodeError
from wire.ids import GRANT_ID_SIZE, PublicKey

LENGTH_SIZE = 2
MAX_FRAME_BYTES = 2_048
MAX_UE_BYTES = 32
MAX_IDENTITY_BYTES = 253
"""Of a network access identifier (RFC 7542 clause 2.3)."""
MIN_PACKET_BYTES = 128
"""Smaller EAP packets carry next to nothing of ours; NAS has 1,500."""
MAX_SUPI_CHARACTERS = 20
"""`imsi-` and 15 digits (TS 29.571 clause 5.3.2): the core's lists and its store name subscribers so."""
SESSION_KEY_SIZE = 64


class FrameType(IntEnum):
    """The first item."""

    BEGIN = 1
    EAP_HEARD = 2
    GONE = 3
    SUBSCRIBER = 4
    OPTIONS_HEARD = 5
    SEND_EAP = 17
    ADMITTED = 18
    NOT_ADMITTED = 19
    SEND_OPTIONS = 20
    TOLD = 21
    PLACED = 22


class Begin(NamedTuple):
    """A UE registers, and is to be authenticated by a purchase. `identifier` is that of the last EAP Request sent to
    it, or a random octet; `identity` what it gave as EAP-Identity, empty if nobody asked.
    """

    ue: bytes
    identifier: int
    identity: bytes = b""
    max_packet_bytes: int = MAX_EAP_BYTES


class EapHeard(NamedTuple):
    """An EAP Response of the UE."""

    ue: bytes
    packet: bytes


class Gone(NamedTuple):
    """The UE is not there any more, or goes another way: nothing more is done for it, also after `Admitted`. What was
    bought is its buyer's all the same.
    """

    ue: bytes


class Subscriber(NamedTuple):
    """Whose key it was that `Admitted` named: the subscriber whose session is to be served on the grant."""

    ue: bytes
    supi: str


class OptionsHeard(NamedTuple):
    """What stood in our operator unit of a UE's configuration options, behind MCC and MNC."""

    ue: bytes
    container: bytes


class SendEap(NamedTuple):
    """An EAP Request for the UE. Whoever hears no answer sends the same octets again."""

    ue: bytes
    packet: bytes


class Admitted(NamedTuple):
    """The UE has the key `consumer`, which the grant names, and both ends have the same session keys. `packet` is
    EAP-Success. Nothing else that the UE calls itself is proved.
    """

    ue: bytes
    packet: bytes
    msk: bytes
    emsk: bytes
    consumer: PublicKey
    grant_id: bytes
    ends_s: int


class NotAdmitted(NamedTuple):
    """It did not come to it; `packet` is EAP-Failure. After `not_the_consumer` the proof was wrong; after everything
    else nobody did wrong, and the UE may come again.
    """

    ue: bytes
    packet: bytes
    reason: str
    detail: str


class Placed(NamedTuple):
    """To `Subscriber`: its document names this slice from now on (`snssai` as in NAS, 1 or 4 octets), in which a slot
    is kept for it. Empty: it was not moved. Whoever lets it register after this has it in the right slice at once.
    """

    ue: bytes
    snssai: bytes


class SendOptions(NamedTuple):
    """A container for the options of the message that goes to the UE next."""

    ue: bytes
    container: bytes


class Told(NamedTuple):
    """A message of the lobby (nas_tunnel/lobby.py), Joined or Refused: what became of the session of an admitted UE."""

    ue: bytes
    message: bytes


Heard = Begin | EapHeard | Gone | Subscriber | OptionsHeard
Said = SendEap | Admitted | NotAdmitted | Placed | SendOptions | Told
Frame = Heard | Said


def write_frame(frame: Frame) -> bytes:
    """With its length in front."""
    content = write_cbor(_write_items(frame))
    assert len(content) <= MAX_FRAME_BYTES, f"a frame of {len(content)} bytes"
    return len(content).to_bytes(LENGTH_SIZE, "big") + content


def _write_items(frame: Frame) -> list[Value]:
    match frame:
        case Begin(ue, identifier, identity, max_packet_bytes):
            return [FrameType.BEGIN.value, ue, identifier, identity, max_packet_bytes]
        case EapHeard(ue, packet):
            return [FrameType.EAP_HEARD.value, ue, packet]
        case Gone(ue):
            return [FrameType.GONE.value, ue]
        case Subscriber(ue, supi):
            return [FrameType.SUBSCRIBER.value, ue, supi]
        case OptionsHeard(ue, container):
            return [FrameType.OPTIONS_HEARD.value, ue, container]
        case SendEap(ue, packet):
            return [FrameType.SEND_EAP.value, ue, packet]
        case Admitted(ue, packet, msk, emsk, consumer, grant_id, ends_s):
            return [FrameType.ADMITTED.value, ue, packet, msk, emsk, consumer.octets, grant_id, ends_s]
        case NotAdmitted(ue, packet, reason, detail):
            words = [reason[:MAX_REASON_CHARACTERS], detail[:MAX_DETAIL_CHARACTERS]]
            return [FrameType.NOT_ADMITTED.value, ue, packet, *words]
        case Placed(ue, snssai):
            return [FrameType.PLACED.value, ue, snssai]
        case SendOptions(ue, container):
            return [FrameType.SEND_OPTIONS.value, ue, container]
        case Told(ue, message):
            return [FrameType.TOLD.value, ue, message]
        case _:
            assert_never(frame)


def read_frame(data: bytes) -> Frame:
    """Without its length. Raises DecodeError."""
    if len(data) > MAX_FRAME_BYTES:
        raise DecodeError(f"signalling: a frame of {len(data)} bytes, at most {MAX_FRAME_BYTES}")
    items = ItemReader(data, "signalling")
    kind = items.integer("type", 255)
    ue = items.octets("ue", 1, MAX_UE_BYTES)
    frame = _read_heard(items, kind, ue) or _read_said(items, kind, ue)
    if frame is None:
        raise items.error(f"type {kind} is unknown")
    items.finish()
    return frame


def _read_heard(items: ItemReader, kind: int, ue: bytes) -> Heard | None:
    match kind:
        case FrameType.BEGIN:
            identifier = items.integer("identifier", 255)
            identity = items.octets("identity", 0, MAX_IDENTITY_BYTES)
            size = items.integer("max_packet_bytes", MAX_EAP_BYTES)
            if size < MIN_PACKET_BYTES:
                raise items.error(f"packets of {size} bytes are too small, at least {MIN_PACKET_BYTES}")
            return Begin(ue, identifier, identity, size)
        case FrameType.EAP_HEARD:
            return EapHeard(ue, _packet(items))
        case FrameType.GONE:
            return Gone(ue)
        case FrameType.SUBSCRIBER:
            supi = items.text("supi", 1, MAX_SUPI_CHARACTERS)
            if re.fullmatch(r"imsi-[0-9]{5,15}", supi) is None:
                raise items.error("supi is not imsi- and 5 to 15 digits")
            return Subscriber(ue, supi)
        case FrameType.OPTIONS_HEARD:
            return OptionsHeard(ue, items.octets("container", 1, MAX_OPERATOR_BYTES))
        case _:
            return None


def _read_said(items: ItemReader, kind: int, ue: bytes) -> Said | None:
    match kind:
        case FrameType.SEND_EAP:
            return SendEap(ue, _packet(items))
        case FrameType.ADMITTED:
            packet = _packet(items)
            keys = [items.octets(name, SESSION_KEY_SIZE, SESSION_KEY_SIZE) for name in ("msk", "emsk")]
            consumer = items.public_key("consumer")
            grant_id = items.octets("grant_id", GRANT_ID_SIZE, GRANT_ID_SIZE)
            return Admitted(ue, packet, keys[0], keys[1], consumer, grant_id, items.integer("ends_s"))
        case FrameType.NOT_ADMITTED:
            packet = _packet(items)
            reason = items.text("reason", 1, MAX_REASON_CHARACTERS)
            return NotAdmitted(ue, packet, reason, items.text("detail", 0, MAX_DETAIL_CHARACTERS))
        case FrameType.SEND_OPTIONS:
            return SendOptions(ue, items.octets("container", 1, MAX_OPERATOR_BYTES))
        case FrameType.PLACED:
            snssai = items.octets("snssai", 0, 4)
            if len(snssai) not in (0, 1, 4):
                raise items.error(f"an S-NSSAI of {len(snssai)} octets")
            return Placed(ue, snssai)
        case FrameType.TOLD:
            return Told(ue, items.octets("message", 1, MAX_LOBBY_BYTES))
        case _:
            return None


def _packet(items: ItemReader) -> bytes:
    return items.octets("packet", MIN_EAP_BYTES, MAX_EAP_BYTES)
