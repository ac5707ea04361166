"""What a capture tells: offers, purchases, answers and lobby messages, each with what can be checked of it.

In: the frames of a capture in order (nas_tunnel/link.py). Out: sightings, each a line for people and facts for
programs. What is signed is verified with the key that it should be from: an offer with its provider's; receipts and
grants with the ledger's, which the caller pins or else the last offer named; a join request with the key that its grant
names. Whether something has expired is judged at the frame's own time. Fragments of a GAS response are put together;
memory is bounded, whatever was on the air.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from nas_tunnel.advice_of_charge import Plan, format_offer, read_advice_of_charge
from nas_tunnel.anqp import (
    ADVICE_OF_CHARGE,
    NO_OFFER,
    VENDOR,
    AirOffer,
    BeaconOffer,
    find_beacon_element,
    is_answer_id,
    offer_hash,
    read_air_offer,
    read_answers,
    read_elements,
    read_query,
)
from nas_tunnel.gas_frame import GasComebackRequest, GasComebackResponse, GasRequest, GasResponse
from nas_tunnel.link import Datagram, Elements, hear
from nas_tunnel.lobby import (
    Announcement,
    Discover,
    Join,
    Joined,
    Leave,
    Left,
    LobbyMessage,
    Outcome,
    Purchase,
    Refused,
    read_lobby,
)
from wire.allocate import Allocate
from wire.cose import read_envelope
from wire.errors import DecodeError, VerificationError
from wire.grant import Grant, parse_grant, read_grant
from wire.ids import MacAddress, PublicKey
from wire.join_request import JoinRequest, read_join_request
from wire.network import read_network
from wire.offer import Offer, parse_offer, read_offer
from wire.receipt import read_receipt
from wire.transaction import read_transaction
from wire.units import format_duration, format_money, format_rate

MAX_DIALOGS = 64
"""GAS responses in pieces at a time; the oldest is given up."""
MAX_RESPONSE_BYTES = 65_535
"""A response is as long as its length field can say; no station asks for more (IEEE 802.11-2020 clause 9.6.7.13)."""
MAX_BEACONS = 1_024
"""Basic service sets whose beacons are told apart; the oldest is forgotten, and seen anew."""
HOLDS, FAILS, UNCHECKED = "holds", "does not hold", "cannot be checked"

Fact = str | int | bool | list[int]
Dialog = tuple[MacAddress, MacAddress, int]
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame of a capture; `number` counts from 1, as Wireshark does."""

    number: int
    utc_ns: int
    link_type: int
    octets: bytes


@dataclass(frozen=True, slots=True)
class Sighting:
    """`what` was seen of `station` (an access point's address for its beacon). `wrong` if a signature or the form of
    it does not hold.
    """

    frame: int
    utc_ns: int
    station: MacAddress
    what: str
    said: str
    facts: dict[str, Fact] = field(default_factory=dict)
    wrong: bool = False


@dataclass(frozen=True, slots=True)
class _Seen:
    """A sighting without its frame."""

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
    """Looks at frames in order; `ledger` and `ledger_id` are pinned, or taken from the offers that are seen."""

    def __init__(self, ledger: PublicKey | None = None, ledger_id: bytes | None = None) -> None:
        self._ledger = ledger
        self._ledger_id = ledger_id
        self._named: AirOffer | None = None
        self._pieces: dict[Dialog, _Pieces] = {}
        self._beacons: dict[MacAddress, BeaconOffer] = {}

    def see(self, frame: Frame) -> list[Sighting]:
        """What is ours in the next frame; never raises."""
        heard = hear(frame.link_type, frame.octets)
        if heard is None or isinstance(heard, GasComebackRequest):
            return []
        station = heard.bssid if isinstance(heard, Elements) else heard.station
        return [
            Sighting(frame.number, frame.utc_ns, station, one.what, one.said, one.facts, one.wrong)
            for one in self._look(frame, heard)
        ]

    def _look(
        self, frame: Frame, heard: Elements | Datagram | GasRequest | GasResponse | GasComebackResponse
    ) -> Iterator[_Seen]:
        match heard:
            case Elements():
                return self._see_elements(heard)
            case Datagram():
                return self._guarded("lobby", self._see_datagram(frame, heard))
            case GasRequest():
                return self._guarded("query", self._see_query(frame, heard))
            case _:
                return self._guarded("response", self._see_response(frame, self._put_together(heard)))

    def _guarded(self, what: str, sightings: Iterator[_Seen]) -> Iterator[_Seen]:
        """Ends with what is wrong where a message of ours has not its form."""
        try:
            yield from sightings
        except DecodeError as error:
            yield _Seen("garbled", f"{what}: {error}", {"error": str(error)}, wrong=True)

    # ---- Carriages

    def _see_elements(self, heard: Elements) -> Iterator[_Seen]:
        try:
            beacon = find_beacon_element(heard.octets)
        except DecodeError:  # any access point's elements, and the end of a frame cut short
            return
        if beacon is None or self._beacons.get(heard.bssid) == beacon:
            return
        _remember(self._beacons, heard.bssid, beacon, MAX_BEACONS)
        said = (
            f"offer {beacon.offer_hash.hex()}: {format_money(beacon.price_ubc)} for "
            f"{format_duration(beacon.duration_s)}, {format_rate(beacon.floor_down_kbps * 1_000)} down; "
            "a hint, not signed"
        )
        facts: dict[str, Fact] = {
            "offer_hash": beacon.offer_hash.hex(),
            "price_ubc": beacon.price_ubc,
            "duration_s": beacon.duration_s,
            "floor_down_bps": beacon.floor_down_kbps * 1_000,
        }
        yield _Seen("beacon", said, facts)

    def _see_query(self, frame: Frame, heard: GasRequest) -> Iterator[_Seen]:
        query = read_query(heard.query)
        if query.purchase is not None:
            yield self._purchase(frame, query.purchase)
            return
        ids = [info_id for info_id in query.ids if info_id == VENDOR or is_answer_id(info_id)]
        if ids:
            asked = ", ".join(
                "the offer" if info_id == VENDOR else f"answers in {info_id}" for info_id in ids
            )
            yield _Seen("question", f"for {asked}", {"elements": ids})

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
            _remember(self._pieces, dialog, _Pieces(heard.fragment, whole), MAX_DIALOGS)
            return b""
        self._pieces.pop(dialog, None)
        return b"" if heard.more or len(whole) > MAX_RESPONSE_BYTES else whole

    def _see_response(self, frame: Frame, response: bytes) -> Iterator[_Seen]:
        try:
            elements = read_elements(response)
        except DecodeError:  # anybody's ANQP
            return
        for info_id, payload in elements.items():
            if info_id == VENDOR and payload == NO_OFFER:
                yield _Seen("closed", "nothing is on sale")
            elif info_id == VENDOR:
                yield self._offer(frame, read_air_offer(payload))
            elif info_id == ADVICE_OF_CHARGE:
                for plan in (plan for charge in read_advice_of_charge(payload) for plan in charge.plans):
                    yield _advice(plan)
            elif is_answer_id(info_id) and payload:
                for message in read_answers(payload):
                    yield self._lobby(frame, message)

    def _see_datagram(self, frame: Frame, heard: Datagram) -> Iterator[_Seen]:
        yield self._lobby(frame, read_lobby(heard.payload))

    # ---- Messages

    def _lobby(self, frame: Frame, message: LobbyMessage) -> _Seen:
        match message:
            case Discover():
                return _Seen("discover", "who sells here?")
            case Announcement(offer, provider, ledger, ledger_id, _, utc_s, network):
                return self._offer(frame, AirOffer(offer, provider, ledger, ledger_id, network, utc_s))
            case Purchase(transaction):
                return self._purchase(frame, transaction)
            case Outcome():
                return self._outcome(frame, message)
            case Join(grant, request):
                return self._join(grant, request)
            case Joined(grant_id, ends_s):
                facts: dict[str, Fact] = {"grant": grant_id.hex(), "ends_s": ends_s}
                return _Seen("joined", f"grant {_short(grant_id)}", facts)
            case Leave(grant_id, _):
                return _Seen("leave", f"grant {_short(grant_id)}", {"grant": grant_id.hex()})
            case Left(grant_id):
                return _Seen("left", f"grant {_short(grant_id)}", {"grant": grant_id.hex()})
            case Refused(subject, reason, detail):
                said = f"{reason}: {detail}" if detail else reason
                subject_text = f" ({_short(subject)})" if subject else ""
                return _Seen(
                    "refused",
                    said + subject_text,
                    {"subject": subject.hex(), "reason": reason, "detail": detail},
                )

    def _offer(self, frame: Frame, air: AirOffer) -> _Seen:
        self._named = air
        offer, verdict = _verified(
            lambda: read_offer(air.offer, air.provider), lambda: parse_offer(read_envelope(air.offer))
        )
        expired = offer.expires_s * 10**9 <= frame.utc_ns
        facts: dict[str, Fact] = {
            "offer_hash": offer_hash(air.offer).hex(),
            "provider": str(air.provider),
            "ledger": str(air.ledger),
            "ledger_id": air.ledger_id.hex(),
            "signature": verdict,
            "expired": expired,
            **_offer_facts(offer),
        }
        words = [format_offer(offer), f"provider {_short(air.provider.octets)}", f"the signature {verdict}"]
        if expired:
            words.append(f"expired {(frame.utc_ns // 10**9 - offer.expires_s)} s ago")
        network_verdict = HOLDS
        if air.network:
            network, network_verdict = _verified(
                lambda: read_network(air.network, air.provider), lambda: None
            )
            facts["network_signature"] = network_verdict
            if network is not None:
                facts |= {"ssid": network.ssid.decode(errors="replace"), "operator": str(network.operator)}
                words.append(f"join {facts['ssid']!r}")
            else:
                words.append(f"the signature of the network {network_verdict}")
        return _Seen("offer", "; ".join(words), facts, wrong=FAILS in (verdict, network_verdict))

    def _purchase(self, frame: Frame, data: bytes) -> _Seen:
        ledger_id = self._ledger_id or (self._named.ledger_id if self._named else None)
        signed = read_transaction(data, ledger_id or bytes(32), len(data))
        action = signed.transaction.action
        expired = signed.transaction.valid_until_s * 10**9 <= frame.utc_ns
        facts: dict[str, Fact] = {
            "action": type(action).__name__.lower(),
            "issuer_key_id": signed.issuer_key_id.hex(),
            "valid_until_s": signed.transaction.valid_until_s,
            "expired": expired,
        }
        words = []
        if isinstance(action, Allocate):
            facts |= {
                "provider": str(action.provider),
                "price_ubc": action.price_ubc,
                "units": action.allocations,
                "epoch": action.epoch,
            }
            units = f"{action.allocations} unit{'s' if action.allocations > 1 else ''}"
            words = [
                f"{units} for {format_money(action.price_ubc)} of provider {_short(action.provider.octets)}"
            ]
        else:
            words = [f"{facts['action']}, which is no purchase"]
        if ledger_id is not None:
            facts["transaction"] = signed.transaction_id.hex()
            words.append(f"transaction {_short(signed.transaction_id)}")
        if expired:
            words.append("its time is over")
        return _Seen("purchase", "; ".join(words), facts)

    def _outcome(self, frame: Frame, message: Outcome) -> _Seen:
        ledger = self._ledger or (self._named.ledger if self._named else None)
        ledger_id = self._ledger_id or (self._named.ledger_id if self._named else None)
        facts: dict[str, Fact] = {"transaction": message.transaction_id.hex()}
        transaction = f"transaction {_short(message.transaction_id)}"
        if ledger is None or ledger_id is None:
            facts["signature"] = UNCHECKED
            said = f"{transaction}; the signature {UNCHECKED}, as no ledger is known"
            return _Seen("answer", said, facts)
        facts["ledger"] = "pinned" if self._ledger else "named by the offer"
        try:
            receipt = read_receipt(message.receipt, ledger, ledger_id)
            grant = read_grant(message.grant, ledger, ledger_id) if message.grant else None
        except VerificationError as error:
            facts |= {"signature": FAILS, "error": str(error)}
            said = f"{transaction}; the signature {FAILS}: {error}"
            return _Seen("answer", said, facts, wrong=True)
        facts |= {
            "signature": HOLDS,
            "executed": receipt.executed,
            "height": receipt.height,
            "reason": receipt.reason,
        }
        facts["detail"] = receipt.detail
        words = [
            f"executed in block {receipt.height}"
            if receipt.executed
            else f"{receipt.reason}: {receipt.detail}"
        ]
        words += [transaction, f"the ledger's signature {HOLDS}"]
        wrong = receipt.subject != message.transaction_id
        if wrong:
            words.append("but the receipt is for another transaction")
        if grant is not None:
            facts |= _grant_facts(grant) | {"grant_expired": grant.ends_s * 10**9 <= frame.utc_ns}
            words.append(f"grant {_short(grant.grant_id)} for {_short(grant.consumer.octets)}")
        return _Seen("answer", "; ".join(words), facts, wrong)

    def _join(self, grant_bytes: bytes, request_bytes: bytes) -> _Seen:
        grant = parse_grant(read_envelope(grant_bytes))
        facts = _grant_facts(grant)
        request, verdict = _verified(lambda: read_join_request(request_bytes, grant.consumer), lambda: None)
        facts["signature"] = verdict
        words = [
            f"grant {_short(grant.grant_id)} of {_short(grant.consumer.octets)}",
            f"the consumer's signature {verdict}",
        ]
        if isinstance(request, JoinRequest):
            facts["named_station"] = str(request.station)
            words.append(f"for station {request.station}")
        return _Seen("join", "; ".join(words), facts, wrong=verdict == FAILS)


def _offer_facts(offer: Offer) -> dict[str, Fact]:
    qos = offer.qos
    return {
        "epoch": offer.epoch,
        "price_ubc": offer.price_ubc,
        "duration_s": offer.allocation_duration_s,
        "floor_down_bps": qos.floor_down_bps,
        "ceil_down_bps": qos.ceil_down_bps,
        "floor_up_bps": qos.floor_up_bps,
        "ceil_up_bps": qos.ceil_up_bps,
        "data_cap_bytes": qos.data_cap_bytes,
        "bssid": str(offer.bssid),
        "expires_s": offer.expires_s,
    }


def _grant_facts(grant: Grant) -> dict[str, Fact]:
    return {
        "grant": grant.grant_id.hex(),
        "consumer": str(grant.consumer),
        "starts_s": grant.starts_s,
        "ends_s": grant.ends_s,
    }


def _verified(verify: Callable[[], V], otherwise: Callable[[], V]) -> tuple[V, str]:
    """(what was read, whether its signature holds). Raises DecodeError where the form is wrong, not the signature."""
    try:
        return verify(), HOLDS
    except VerificationError:
        return otherwise(), FAILS


def _advice(plan: Plan) -> _Seen:
    """What the XML of a plan says, as far as it is written as usual."""
    words = plan.information.partition("<Description>")[2].partition("</Description>")[0]
    return _Seen("advice", words or plan.information, {"language": plan.language, "currency": plan.currency})


def _short(octets: bytes) -> str:
    """The beginning of an id or a key, for a line; the facts have all of it."""
    return octets[:4].hex() + "…"


K = TypeVar("K")


def _remember(memory: dict[K, V], key: K, value: V, maximum: int) -> None:
    """Under a bound: the oldest goes."""
    memory.pop(key, None)
    if len(memory) >= maximum:
        del memory[next(iter(memory))]
    memory[key] = value
