"""What our messages say, in words for people and facts for programs, with what can be checked of each.

In: messages of the codecs, and the time at which they were seen. Out: `Told`. What is signed is verified with the key
that it should be from: an offer with its provider's; receipts and grants with the ledger's, which the caller pins or
else the last offer named; a join request with the key that its grant names. Whether something has expired is judged at
the time that it was seen.
"""

from collections.abc import Callable
from dataclasses import field
from typing import TypeVar

from nas_tunnel.advice_of_charge import Plan, format_offer
from nas_tunnel.anqp import AirOffer, BeaconOffer, offer_hash
from nas_tunnel.cell_offer import CellOffer
from nas_tunnel.lobby import (
    Announcement,
    AskAuction,
    AskBid,
    AuctionShown,
    Bid,
    BidSaid,
    Discover,
    Join,
    Joined,
    Leave,
    Left,
    LobbyMessage,
    Outcome,
    Purchase,
    Refused,
)
from wire.allocate import Allocate
from wire.auction import read_auction
from wire.cose import read_envelope
from wire.errors import DecodeError, VerificationError
from wire.frozen import dataclass
from wire.grant import Grant, read_grant
from wire.grant_proof import parse_shown_grant
from wire.ids import PublicKey
from wire.join_request import JoinRequest, read_join_request
from wire.network import read_network
from wire.offer import Offer, parse_offer, read_offer
from wire.receipt import read_receipt
from wire.transaction import read_transaction
from wire.units import format_duration, format_money, format_rate

HOLDS, FAILS, UNCHECKED = "holds", "does not hold", "cannot be checked"

Fact = str | int | bool | list[int]
K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Told:
    """One line: `what` it is in a word, `said` in some. `wrong` if a signature or the form of it does not hold."""

    what: str
    said: str
    facts: dict[str, Fact] = field(default_factory=dict)
    wrong: bool = False


class Teller:
    """Tells messages in the order in which they were seen; `ledger` and `ledger_id` are pinned, or taken from offers.
    Every method raises DecodeError for a message whose inside has not its form.
    """

    def __init__(self, ledger: PublicKey | None = None, ledger_id: bytes | None = None) -> None:
        self._ledger = ledger
        self._ledger_id = ledger_id
        self._named: AirOffer | None = None

    def lobby(self, utc_ns: int, message: LobbyMessage) -> Told:
        match message:
            case Discover():
                return Told("discover", "who sells here?")
            case Announcement(offer, provider, ledger, ledger_id, _, utc_s, network):
                return self.offer(utc_ns, AirOffer(offer, provider, ledger, ledger_id, network, utc_s))
            case Purchase(transaction):
                return self.purchase(utc_ns, transaction)
            case Outcome():
                return self.outcome(utc_ns, message)
            case Join(grant, request):
                return self.join(grant, request)
            case Joined(grant_id, ends_s):
                facts: dict[str, Fact] = {"grant": grant_id.hex(), "ends_s": ends_s}
                return Told("joined", f"grant {short(grant_id)}", facts)
            case Leave(grant_id, _):
                return Told("leave", f"grant {short(grant_id)}", {"grant": grant_id.hex()})
            case Left(grant_id):
                return Told("left", f"grant {short(grant_id)}", {"grant": grant_id.hex()})
            case Refused(subject, reason, detail):
                said = f"{reason}: {detail}" if detail else reason
                subject_text = f" ({short(subject)})" if subject else ""
                return Told(
                    "refused",
                    said + subject_text,
                    {"subject": subject.hex(), "reason": reason, "detail": detail},
                )
            case _:
                return self._of_auction(message)

    def _of_auction(self, message: AskAuction | AuctionShown | Bid | AskBid | BidSaid) -> Told:
        match message:
            case AskAuction():
                return Told("ask auction", "is there one?")
            case AuctionShown(auction, utc_s):
                return self._auction(auction, utc_s)
            case Bid(auction_id, _):
                return Told("bid", f"for auction {short(auction_id)}, sealed", {"auction": auction_id.hex()})
            case AskBid(auction_id, bid_id):
                facts: dict[str, Fact] = {"auction": auction_id.hex(), "bid": str(bid_id)}
                return Told("ask bid", f"in auction {short(auction_id)}", facts)
            case BidSaid(receipt):
                return Told("bid said", f"a receipt of {len(receipt)} bytes", {"bytes": len(receipt)})

    def _auction(self, encoded: bytes, utc_s: int) -> Told:
        """Its provider's signature; whoever knows no ledger cannot tell which it is for."""
        ledger_id = self._ledger_id or (self._named.ledger_id if self._named is not None else None)
        if ledger_id is None:
            return Told("auction", f"{len(encoded)} bytes, its signature {UNCHECKED}", {"utc_s": utc_s})
        auction, verdict = _verified(lambda: read_auction(encoded, ledger_id), lambda: None)
        if auction is None:
            return Told("auction", f"its signature {verdict}", {"signature": verdict}, wrong=True)
        mark = auction.terms.mark
        left_s = mark.clearing_s - utc_s
        facts: dict[str, Fact] = {"auction": auction.auction_id.hex(), "clearing_s": mark.clearing_s}
        facts |= {"forecast": list(mark.forecast), "min_price_ubc": mark.min_price_ubc, "utc_s": utc_s}
        return Told("auction", f"{short(auction.auction_id)}, cleared in {left_s} s", facts)

    def offer(self, utc_ns: int, air: AirOffer) -> Told:
        self._named = air
        verdict, words, facts = _tell_offer(utc_ns, air.offer, air.provider)
        facts |= {"ledger": str(air.ledger), "ledger_id": air.ledger_id.hex()}
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
        return Told("offer", "; ".join(words), facts, wrong=FAILS in (verdict, network_verdict))

    def cell_offer(self, utc_ns: int, cell: CellOffer) -> Told:
        """Only hints of the ledger are in it, so that nothing is held against them."""
        verdict, words, facts = _tell_offer(utc_ns, cell.offer, cell.provider)
        facts |= {"ledger_key_id": cell.ledger_key_id.hex(), "ledger_id_start": cell.ledger_id_start.hex()}
        if self._ledger is not None and self._ledger_id is not None:
            facts["ledger_matches"] = matches = cell.is_of(self._ledger, self._ledger_id)
            words.append("of the pinned ledger" if matches else "of another ledger than the pinned one")
        return Told("offer", "; ".join(words), facts, wrong=verdict == FAILS)

    def purchase(self, utc_ns: int, data: bytes) -> Told:
        ledger_id = self._ledger_id or (self._named.ledger_id if self._named else None)
        signed = read_transaction(data, ledger_id or bytes(32), len(data))
        action = signed.transaction.action
        expired = signed.transaction.valid_until_s * 10**9 <= utc_ns
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
                f"{units} for {format_money(action.price_ubc)} of provider {short(action.provider.octets)}"
            ]
        else:
            words = [f"{facts['action']}, which is no purchase"]
        if ledger_id is not None:
            facts["transaction"] = signed.transaction_id.hex()
            words.append(f"transaction {short(signed.transaction_id)}")
        if expired:
            words.append("its time is over")
        return Told("purchase", "; ".join(words), facts)

    def outcome(self, utc_ns: int, message: Outcome) -> Told:
        ledger = self._ledger or (self._named.ledger if self._named else None)
        ledger_id = self._ledger_id or (self._named.ledger_id if self._named else None)
        facts: dict[str, Fact] = {"transaction": message.transaction_id.hex()}
        transaction = f"transaction {short(message.transaction_id)}"
        if ledger is None or ledger_id is None:
            facts["signature"] = UNCHECKED
            said = f"{transaction}; the signature {UNCHECKED}, as no ledger is known"
            return Told("answer", said, facts)
        facts["ledger"] = "pinned" if self._ledger else "named by the offer"
        try:
            receipt = read_receipt(message.receipt, ledger, ledger_id)
            grant = read_grant(message.grant, ledger, ledger_id) if message.grant else None
        except VerificationError as error:
            facts |= {"signature": FAILS, "error": str(error)}
            said = f"{transaction}; the signature {FAILS}: {error}"
            return Told("answer", said, facts, wrong=True)
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
            facts |= _grant_facts(grant) | {"grant_expired": grant.ends_s * 10**9 <= utc_ns}
            words.append(f"grant {short(grant.grant_id)} for {short(grant.consumer.octets)}")
        return Told("answer", "; ".join(words), facts, wrong)

    def join(self, grant_bytes: bytes, request_bytes: bytes) -> Told:
        grant = parse_shown_grant(grant_bytes)
        facts = _grant_facts(grant)
        request, verdict = _verified(lambda: read_join_request(request_bytes, grant.consumer), lambda: None)
        facts["signature"] = verdict
        words = [
            f"grant {short(grant.grant_id)} of {short(grant.consumer.octets)}",
            f"the consumer's signature {verdict}",
        ]
        if isinstance(request, JoinRequest):
            facts["named_station"] = str(request.station)
            words.append(f"for station {request.station}")
        return Told("join", "; ".join(words), facts, wrong=verdict == FAILS)


def _tell_offer(utc_ns: int, encoded: bytes, provider: PublicKey) -> tuple[str, list[str], dict[str, Fact]]:
    """Whether the signature holds; words and facts. Raises DecodeError."""
    offer, verdict = _verified(
        lambda: read_offer(encoded, provider), lambda: parse_offer(read_envelope(encoded))
    )
    expired = offer.expires_s * 10**9 <= utc_ns
    facts: dict[str, Fact] = {
        "offer_hash": offer_hash(encoded).hex(),
        "provider": str(provider),
        "signature": verdict,
        "expired": expired,
        **_offer_facts(offer),
    }
    words = [format_offer(offer), f"provider {short(provider.octets)}", f"the signature {verdict}"]
    if expired:
        words.append(f"expired {(utc_ns // 10**9 - offer.expires_s)} s ago")
    return verdict, words, facts


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


def tell_advice(plan: Plan) -> Told:
    """What the XML of a plan says, as far as it is written as usual."""
    words = plan.information.partition("<Description>")[2].partition("</Description>")[0]
    return Told("advice", words or plan.information, {"language": plan.language, "currency": plan.currency})


def tell_beacon(beacon: BeaconOffer) -> Told:
    """A hint in clear, of an access point or a cell."""
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
    return Told("beacon", said, facts)


def tell_garbled(carriage: str, error: DecodeError) -> Told:
    """A message that is ours, and has not its form."""
    return Told("garbled", f"{carriage}: {error}", {"error": str(error)}, wrong=True)


def short(octets: bytes) -> str:
    """The beginning of an id or a key, for a line; the facts have all of it."""
    return octets[:4].hex() + "…"


def remember(memory: dict[K, V], key: K, value: V, maximum: int) -> None:
    """Under a bound: the oldest goes."""
    memory.pop(key, None)
    if len(memory) >= maximum:
        del memory[next(iter(memory))]
    memory[key] = value
