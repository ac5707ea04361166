"""What a capture tells: offers, purchases, answers and lobby messages, each with what can be checked of it.

In: the frames of a capture in order. Out: sightings, each a line for people and facts for programs. What is below our
messages is heard by nas_tunnel/link.py on Wi-Fi and by nas_tunnel/cell_link.py between a base station and its core;
what they say is told by nas_tunnel/telling.py, and of a cell by nas_tunnel/cell_sightings.py. Fragments of a GAS
response are put together; memory is bounded, whatever was on the air.
"""

from collections.abc import Iterator, Mapping
from dataclasses import field

from nas_tunnel.advice_of_charge import read_advice_of_charge
from nas_tunnel.anqp import (
    ADVICE_OF_CHARGE,
    NO_OFFER,
    VENDOR,
    BeaconOffer,
    find_beacon_element,
    is_answer_id,
    read_air_offer,
    read_answers,
    read_elements,
    read_query,
)
from nas_tunnel.cell_link import CELL_LINK_TYPES, USER_LINKS, CellEar, CellName, Form, UeName
from nas_tunnel.cell_sightings import CellWitness
from nas_tunnel.gas_frame import GasComebackRequest, GasComebackResponse, GasRequest, GasResponse
from nas_tunnel.link import LINK_TYPES as WIFI_LINK_TYPES
from nas_tunnel.link import Datagram, Elements, hear
from nas_tunnel.lobby import read_lobby
from nas_tunnel.telling import Fact, Teller, Told, remember, tell_advice, tell_beacon, tell_garbled
from wire.errors import DecodeError
from wire.frozen import dataclass
from wire.ids import MacAddress, PublicKey

LINK_TYPES = {**WIFI_LINK_TYPES, **CELL_LINK_TYPES}
MAX_DIALOGS = 64
"""GAS responses in pieces at a time; the oldest is given up."""
MAX_RESPONSE_BYTES = 65_535
"""A response is as long as its length field can say; no station asks for more (IEEE 802.11-2020 clause 9.6.7.13)."""
MAX_BEACONS = 1_024
"""Basic service sets whose beacons are told apart; the oldest is forgotten, and seen anew."""

Dialog = tuple[MacAddress, MacAddress, int]
Subject = MacAddress | UeName | CellName
"""Of whom something was seen: a station, or an access point for its beacon; a UE; a cell for what it broadcasts."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame of a capture; `number` counts from 1, as Wireshark does."""

    number: int
    utc_ns: int
    link_type: int
    octets: bytes


@dataclass(frozen=True, slots=True)
class Sighting:
    """`what` was seen of `subject`. `wrong` if a signature or the form of it does not hold."""

    frame: int
    utc_ns: int
    subject: Subject
    what: str
    said: str
    facts: dict[str, Fact] = field(default_factory=dict)
    wrong: bool = False


@dataclass(frozen=True, slots=True)
class _Pieces:
    """The response so far, up to the fragment of this number."""

    fragment: int
    octets: bytes


class Witness:
    """Looks at frames in order; `ledger` and `ledger_id` are pinned, or taken from the offers that are seen.
    `user_links` says what the link types have that are for private use.
    """

    def __init__(
        self,
        ledger: PublicKey | None = None,
        ledger_id: bytes | None = None,
        user_links: Mapping[int, Form] = USER_LINKS,
    ) -> None:
        self._teller = Teller(ledger, ledger_id)
        self._ear = CellEar(user_links)
        self._cells = CellWitness(self._teller)
        self._pieces: dict[Dialog, _Pieces] = {}
        self._beacons: dict[MacAddress, BeaconOffer] = {}

    def see(self, frame: Frame) -> list[Sighting]:
        """What is ours in the next frame; never raises."""
        return [
            Sighting(frame.number, frame.utc_ns, subject, told.what, told.said, told.facts, told.wrong)
            for subject, told in self._see(frame)
        ]

    def _see(self, frame: Frame) -> Iterator[tuple[Subject, Told]]:
        for said in self._ear.hear(frame.link_type, frame.octets):
            for told in self._cells.see(frame.utc_ns, said):
                yield said.subject, told
        heard = hear(frame.link_type, frame.octets)
        if heard is not None and not isinstance(heard, GasComebackRequest):
            station = heard.bssid if isinstance(heard, Elements) else heard.station
            for told in self._look(frame, heard):
                yield station, told

    def _look(
        self, frame: Frame, heard: Elements | Datagram | GasRequest | GasResponse | GasComebackResponse
    ) -> Iterator[Told]:
        match heard:
            case Elements():
                return self._see_elements(heard)
            case Datagram():
                return self._guarded("lobby", self._see_datagram(frame, heard))
            case GasRequest():
                return self._guarded("query", self._see_query(frame, heard))
            case _:
                return self._guarded("response", self._see_response(frame, self._put_together(heard)))

    def _guarded(self, what: str, sightings: Iterator[Told]) -> Iterator[Told]:
        """Ends with what is wrong where a message of ours has not its form."""
        try:
            yield from sightings
        except DecodeError as error:
            yield tell_garbled(what, error)

    # ---- Carriages

    def _see_elements(self, heard: Elements) -> Iterator[Told]:
        try:
            beacon = find_beacon_element(heard.octets)
        except DecodeError:  # any access point's elements, and the end of a frame cut short
            return
        if beacon is None or self._beacons.get(heard.bssid) == beacon:
            return
        remember(self._beacons, heard.bssid, beacon, MAX_BEACONS)
        yield tell_beacon(beacon)

    def _see_query(self, frame: Frame, heard: GasRequest) -> Iterator[Told]:
        query = read_query(heard.query)
        if query.purchase is not None:
            yield self._teller.purchase(frame.utc_ns, query.purchase)
            return
        ids = [info_id for info_id in query.ids if info_id == VENDOR or is_answer_id(info_id)]
        if ids:
            asked = ", ".join(
                "the offer" if info_id == VENDOR else f"answers in {info_id}" for info_id in ids
            )
            yield Told("question", f"for {asked}", {"elements": ids})

    def _put_together(self, heard: GasResponse | GasComebackResponse) -> bytes:
        """The response once its last piece is there; until then nothing. A piece that is not the next one was sent
        again, or others are not in the capture.
        """
        if isinstance(heard, GasResponse):
            return heard.response
        dialog = heard.station, heard.bssid, heard.dialog_token
        so_far = _Pieces(-1, b"") if heard.fragment == 0 else self._pieces.get(dialog)
        if so_far is None or heard.fragment != so_far.fragment + 1:
            return b""
        whole = so_far.octets + heard.response
        if heard.more and len(whole) < MAX_RESPONSE_BYTES:
            remember(self._pieces, dialog, _Pieces(heard.fragment, whole), MAX_DIALOGS)
            return b""
        self._pieces.pop(dialog, None)
        return b"" if heard.more or len(whole) > MAX_RESPONSE_BYTES else whole

    def _see_response(self, frame: Frame, response: bytes) -> Iterator[Told]:
        try:
            elements = read_elements(response)
        except DecodeError:  # anybody's ANQP
            return
        for info_id, payload in elements.items():
            if info_id == VENDOR and payload == NO_OFFER:
                yield Told("closed", "nothing is on sale")
            elif info_id == VENDOR:
                yield self._teller.offer(frame.utc_ns, read_air_offer(payload))
            elif info_id == ADVICE_OF_CHARGE:
                for plan in (plan for charge in read_advice_of_charge(payload) for plan in charge.plans):
                    yield tell_advice(plan)
            elif is_answer_id(info_id) and payload:
                for message in read_answers(payload):
                    yield self._teller.lobby(frame.utc_ns, message)

    def _see_datagram(self, frame: Frame, heard: Datagram) -> Iterator[Told]:
        yield self._teller.lobby(frame.utc_ns, read_lobby(heard.payload))
