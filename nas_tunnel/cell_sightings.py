"""What a cell and its UEs say of offers and purchases: in EAP, in configuration options, in what is broadcast.

In: what nas_tunnel/cell_link.py heard. Out: what is told of it, as of Wi-Fi. A purchase inside EAP is sealed for its
two ends, and so a capture shows the offer, how far the exchange came and its verdict, but no transaction and no grant;
one in configuration options of LTE is in clear, and shown whole. Fragments, pieces and segments are put together.
Nothing is raised: NAS and system information that are not ours, or are ciphered, are passed over.
Bounds: MAX_EXCHANGES of EAP, MAX_PURCHASES in pieces, MAX_LISTENERS of broadcasts, MAX_BROADCASTS told apart.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from nas_tunnel import lte_sib, nr_sib
from nas_tunnel.cb_data import read_message as read_broadcast
from nas_tunnel.cell_link import CellHeard, CellName, Form, Heard, UeHeard, UeName
from nas_tunnel.cell_offer import NAME_START, read_beacon_name, read_cell_offer
from nas_tunnel.eap import EapCode, EapPacket, read_eap
from nas_tunnel.eap_fragments import NOTHING, Assembly, take_fragment
from nas_tunnel.eap_purchase import Answer, Closed, Declined, Hold, Message, Order, Proof, Shop, read_message
from nas_tunnel.eps_nas import ESM_CONTAINER, PCO, AttachRequest, PdnConnectivityReject, read_emm, read_esm
from nas_tunnel.eps_nas import EXTENDED_PCO as EPS_EXTENDED_PCO
from nas_tunnel.lobby import read_lobby
from nas_tunnel.nas_5gs import (
    EAP_MESSAGE,
    SESSION_MANAGEMENT,
    AuthenticationResult,
    DownlinkTransport,
    UplinkTransport,
    read_5gmm,
)
from nas_tunnel.nas_5gsm import EXTENDED_PCO, read_5gsm
from nas_tunnel.nas_elements import find
from nas_tunnel.pco import FIRST_OPERATOR_UNIT, Direction, read_operator_unit, read_options
from nas_tunnel.pco_purchase import Ask, Container, Have, Part, Piece, read_container, tag_of
from nas_tunnel.segments import Listener
from nas_tunnel.segments import hear as hear_segment
from nas_tunnel.signalling import CarriedWarning
from nas_tunnel.telling import UNCHECKED, Fact, Teller, Told, remember, tell_beacon, tell_garbled
from nas_tunnel.warning_sib import WarningSegment
from wire.errors import DecodeError
from wire.warning_id import is_public_warning

MAX_EXCHANGES, MAX_PURCHASES, MAX_LISTENERS, MAX_BROADCASTS = 256, 64, 16, 1_024

_5GS_HEADER_SIZE, _EPS_HEADER_SIZE = 7, 6
_5GMM, _EMM, _ESM, _PLAIN = b"\x7e", b"\x07", b"\x02", b"\0"

ExchangeKey = tuple[str, int | None]


@dataclass(slots=True)
class _Exchange:
    """An exchange of ours: of each end the packet that it sent last, and what has come of its message."""

    last: dict[EapCode, bytes] = field(default_factory=dict)
    inbox: dict[EapCode, Assembly] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Whole:
    """A purchase or an answer that comes in pieces, as far as it has come."""

    total: int
    octets: bytes = b""


class CellWitness:
    """Looks at what was heard, in order."""

    def __init__(self, teller: Teller) -> None:
        self._teller = teller
        self._exchanges: dict[ExchangeKey, _Exchange] = {}
        self._wholes: dict[tuple[type[Container], bytes], _Whole] = {}
        self._listeners: dict[tuple[CellName, Form, int], Listener] = {}
        self._broadcasts: dict[tuple[CellName, bytes], None] = {}

    def see(self, utc_ns: int, heard: Heard) -> Iterator[Told]:
        """What is ours in it."""
        match heard:
            case UeHeard(subject, Form.EAP, octets):
                return self._see_eap(utc_ns, subject, octets)
            case UeHeard(subject, Form.NAS_EPS, octets):
                return self._see_eps(utc_ns, octets)
            case UeHeard(subject, _, octets):
                return self._see_5gs(utc_ns, subject, octets)
            case CellHeard(_, _, CarriedWarning() as warning):
                return self._see_warning(utc_ns, warning)
            case CellHeard(subject, form, bytes() as octets):
                return self._see_system_information(utc_ns, subject, form, octets)
            case _:
                return iter(())

    # ---- NAS

    def _see_5gs(self, utc_ns: int, subject: UeName, octets: bytes) -> Iterator[Told]:
        try:
            message = read_5gmm(_opened_5gs(octets))
        except DecodeError:  # anybody's NAS
            return
        if isinstance(message, UplinkTransport | DownlinkTransport):
            if message.kind == SESSION_MANAGEMENT:
                is_up = isinstance(message, UplinkTransport)
                yield from self._see_5gsm(utc_ns, message.payload, is_up=is_up)
            return
        if isinstance(message, AuthenticationResult):
            packet: bytes | None = message.eap
        else:
            packet = find(message.elements, EAP_MESSAGE)
        if packet is not None:
            yield from self._see_eap(utc_ns, subject, packet)

    def _see_5gsm(self, utc_ns: int, payload: bytes, *, is_up: bool) -> Iterator[Told]:
        try:
            options = find(read_5gsm(payload).elements, EXTENDED_PCO)
        except DecodeError:
            return
        yield from self._see_options(utc_ns, options, Direction.UPLINK if is_up else Direction.DOWNLINK)

    def _see_eps(self, utc_ns: int, octets: bytes) -> Iterator[Told]:
        try:
            esm = _session_message(_opened_eps(octets))
            message = read_esm(esm)
        except DecodeError:  # anybody's NAS
            return
        options = find(message.elements, PCO) or find(message.elements, EPS_EXTENDED_PCO)
        is_down = isinstance(message, PdnConnectivityReject)
        yield from self._see_options(utc_ns, options, Direction.DOWNLINK if is_down else Direction.UPLINK)

    # ---- Configuration options

    def _see_options(self, utc_ns: int, options: bytes | None, direction: Direction) -> Iterator[Told]:
        """Operators' units of any network that hold a container of ours; others are not ours to judge."""
        try:
            units = read_options(options or b"", direction)
        except DecodeError:
            return
        for unit in units:
            if unit.identifier < FIRST_OPERATOR_UNIT:
                continue
            try:
                operator = read_operator_unit(unit)
                container = read_container(operator.contents)
            except DecodeError:
                continue
            told = self._tell_container(utc_ns, container)
            yield replace(told, facts={**told.facts, "plmn": str(operator.plmn), "tag": container.tag.hex()})

    def _tell_container(self, utc_ns: int, container: Container) -> Told:
        purchase = f"purchase {container.tag.hex()}"
        match container:
            case Ask(_, at):
                return Told("question", f"for the answer to {purchase}, from byte {at} on", {"at": at})
            case Have(_, at):
                return Told("progress", f"{at} bytes of {purchase} have arrived, no answer yet", {"at": at})
            case _:
                return self._tell_piece(utc_ns, container)

    def _tell_piece(self, utc_ns: int, piece: Piece | Part) -> Told:
        is_purchase = isinstance(piece, Piece)
        whole = self._with_piece(piece)
        name = f"purchase {piece.tag.hex()}"
        if len(whole) < piece.total:
            of = name if is_purchase else f"the answer to {name}"
            facts: dict[str, Fact] = {
                "at": piece.at,
                "bytes": len(piece.contents),
                "of_bytes": piece.total,
                "here_bytes": len(whole),
            }
            return Told("piece", f"{len(piece.contents)} bytes at {piece.at} of {piece.total} of {of}", facts)
        if is_purchase and tag_of(whole) != piece.tag:
            return tell_garbled(name, DecodeError("whole, and not what its tag says"))
        try:
            if is_purchase:
                return self._teller.purchase(utc_ns, whole)
            return self._teller.lobby(utc_ns, read_lobby(whole))
        except DecodeError as error:
            return tell_garbled(name, error)

    def _with_piece(self, piece: Piece | Part) -> bytes:
        """What there is of it now. Forgotten once it is whole, so that it may come again."""
        key = type(piece), piece.tag
        so_far = self._wholes.get(key)
        if so_far is None or so_far.total != piece.total:
            so_far = _Whole(piece.total)
        octets = so_far.octets
        if piece.at <= len(octets) < piece.at + len(piece.contents):
            octets = octets[: piece.at] + piece.contents
        if len(octets) == piece.total:
            self._wholes.pop(key, None)
        else:
            remember(self._wholes, key, _Whole(piece.total, octets), MAX_PURCHASES)
        return octets

    # ---- EAP

    def _see_eap(self, utc_ns: int, subject: UeName, octets: bytes) -> Iterator[Told]:
        try:
            packet = read_eap(octets)
        except DecodeError:
            return
        key = subject.ran_node, subject.ran_ue_id
        exchange = self._exchanges.get(key)
        if packet.code in (EapCode.SUCCESS, EapCode.FAILURE):
            if self._exchanges.pop(key, None) is not None:
                yield _tell_end(packet.code)
        elif packet.is_ours:
            exchange = exchange or _Exchange()
            if exchange.last.get(packet.code) != octets:
                exchange.last[packet.code] = octets
                remember(self._exchanges, key, exchange, MAX_EXCHANGES)
                yield from self._see_fragment(utc_ns, exchange, packet)
        elif packet.is_nak and exchange is not None:
            yield Told("declined", "the other end wants another method than ours")

    def _see_fragment(self, utc_ns: int, exchange: _Exchange, packet: EapPacket) -> Iterator[Told]:
        try:
            assembly, message = take_fragment(exchange.inbox.get(packet.code, NOTHING), packet.data)
        except DecodeError:  # or its beginning is not in the capture
            exchange.inbox.pop(packet.code, None)
            yield Told("piece", "a fragment that continues nothing in this capture")
            return
        exchange.inbox[packet.code] = assembly
        if not message:  # the first of several, or leave to go on
            return
        try:
            yield self._tell_message(utc_ns, read_message(message))
        except DecodeError as error:
            yield tell_garbled("eap", error)

    def _tell_message(self, utc_ns: int, message: Message) -> Told:
        match message:
            case Shop(air):
                return self._teller.offer(utc_ns, air)
            case Order():
                return Told("order", "what is bought is sealed, for this box only", {"sealed": True})
            case Hold():
                return Told("progress", "the ledger has not answered yet")
            case Answer():
                facts: dict[str, Fact] = {"sealed": True, "signature": UNCHECKED}
                return Told("answer", "what the ledger said is sealed, for the buyer only", facts)
            case Proof():
                return Told("proof", "of the buyer's key, sealed for this box only", {"sealed": True})
            case Closed(reason, detail):
                said = f"{reason}: {detail}" if detail else reason
                return Told("closed", said, {"reason": reason, "detail": detail})
            case Declined(reason):
                return Told("declined", reason, {"reason": reason})

    # ---- Broadcasts

    def _see_system_information(
        self, utc_ns: int, subject: CellName, form: Form, octets: bytes
    ) -> Iterator[Told]:
        is_lte = form is Form.LTE_SYSTEM_INFORMATION
        try:
            sibs = (lte_sib.read_lte_system_information if is_lte else nr_sib.read_nr_system_information)(
                octets
            )
        except DecodeError:  # any cell's
            return
        for sib in sibs:
            match sib:
                case lte_sib.Sib9(name):
                    yield from self._see_names(subject, (name,))
                case nr_sib.Sib10(names):
                    yield from self._see_names(subject, names)
                case (
                    lte_sib.Sib11(segment)
                    | lte_sib.Sib12(segment)
                    | nr_sib.Sib7(segment)
                    | nr_sib.Sib8(segment)
                ):
                    yield from self._see_segment(utc_ns, subject, form, segment)

    def _see_names(self, subject: CellName, names: tuple[bytes | None, ...]) -> Iterator[Told]:
        for name in names:
            if name is None or not name.startswith(NAME_START) or not self._is_new(subject, name):
                continue
            try:
                beacon = read_beacon_name(name)
            except DecodeError as error:
                yield tell_garbled("name", error)
            else:
                if beacon is not None:
                    yield tell_beacon(beacon)

    def _see_segment(
        self, utc_ns: int, subject: CellName, form: Form, segment: WarningSegment
    ) -> Iterator[Told]:
        if is_public_warning(segment.message_identifier):
            return
        key = subject, form, segment.message_identifier
        listener = self._listeners.get(key) or Listener(segment.message_identifier)
        listener, content = hear_segment(listener, segment)
        remember(self._listeners, key, listener, MAX_LISTENERS)
        if content is not None and self._is_new(subject, content):
            yield from self._see_content(utc_ns, content)

    def _see_warning(self, utc_ns: int, warning: CarriedWarning) -> Iterator[Told]:
        """What the core wants broadcast, each time that it says so."""
        if is_public_warning(warning.message_identifier):
            return
        try:
            content = read_broadcast(warning.contents, warning.serial_number)
        except DecodeError:  # any other cell broadcast
            return
        yield from self._see_content(utc_ns, content)

    def _see_content(self, utc_ns: int, content: bytes) -> Iterator[Told]:
        """A whole broadcast, whose serial number is made from it: that hardly happens to others."""
        try:
            yield self._teller.cell_offer(utc_ns, read_cell_offer(content))
        except DecodeError as error:
            yield tell_garbled("broadcast", error)

    def _is_new(self, subject: CellName, content: bytes) -> bool:
        """What goes round and round is told once."""
        key = subject, content
        if key in self._broadcasts:
            return False
        remember(self._broadcasts, key, None, MAX_BROADCASTS)
        return True


def _tell_end(code: EapCode) -> Told:
    is_success = code is EapCode.SUCCESS
    said = (
        "EAP-Success; whether both have one key only they know"
        if is_success
        else "EAP-Failure: no grant, or no proof of its key"
    )
    return Told("success" if is_success else "failure", said, {"success": is_success})


def _opened_5gs(octets: bytes) -> bytes:
    """A message without its security header. Where the null cipher is in use the header says ciphered, and a message
    follows all the same; where another is, what follows is none.
    """
    has_header = octets[:1] == _5GMM and octets[1:2] > _PLAIN
    inner = octets[_5GS_HEADER_SIZE:]
    return inner if has_header and inner[:2] == _5GMM + _PLAIN else octets


def _opened_eps(octets: bytes) -> bytes:
    """The same in LTE, where the header's type shares an octet with the discriminator."""
    has_header = octets[:1] > _EMM and octets[0] & 0x0F == _EMM[0]
    inner = octets[_EPS_HEADER_SIZE:]
    return inner if has_header and inner[:1] in (_EMM, _ESM) else octets


def _session_message(octets: bytes) -> bytes:
    """The message of session management that an EPS message is or has. Raises DecodeError."""
    if octets[:1] == _ESM:
        return octets
    message = read_emm(octets)
    if isinstance(message, AttachRequest):
        return message.esm
    return find(message.elements, ESM_CONTAINER) or b""
