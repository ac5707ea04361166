"""Which offer to buy: what the user wishes for, held against what was announced. Pure.

An offer sells units; as many are bought as reach the wished floor in both directions. Among the offers that meet the
wish the cheapest per bit of guaranteed transfer wins: price / ((floor down + floor up) x duration), divided by the
share of sessions that its seller is expected to serve (market/reliability.py), compared exactly; of equal ones the
loudest. Bad signatures and expired offers never become candidates. Volume discounts are not part of an announced offer
(wire/offer.py): several units are bought at the plain price, and where the ledger computes another it says so and
nothing is charged.
"""

from dataclasses import dataclass, replace
from fractions import Fraction

from market.reliability import UNKNOWN, Score
from nas_tunnel.lobby import Announcement
from wire.errors import DecodeError
from wire.ids import MacAddress, PublicKey
from wire.keys import load_public_key
from wire.network import Network, read_network
from wire.offer import Offer, read_offer
from wire.qos import Qos
from wire.registration import read_registration
from wire.units import PPM, U32_MAX, U63_MAX, format_duration, format_money, format_rate

MAX_REGISTRATION_AGE_S = 7 * 86_400
"""How old the ledger's word on an operator may be. Boxes fetch a fresh one each day, so that a ledger may be away for
six; the oldest transaction that a ledger takes is as old.
"""


@dataclass(frozen=True, slots=True)
class Wish:
    """At least these guaranteed rates, for at least this long, for at most this total. None: whatever it costs.
    `max_use_ubc`: what use beyond what is included may cost afterwards; who does not say so agrees to nothing.
    `seller`: this provider's offer at this basic service set and no other.
    """

    floor_down_bps: int
    floor_up_bps: int
    max_price_ubc: int | None = None
    min_duration_s: int = 1
    max_use_ubc: int = 0
    seller: tuple[PublicKey, MacAddress] | None = None


ANYTHING = Wish(0, 0, max_use_ubc=U63_MAX)
"""Every offer meets it: for who lists them, and for who has paid already."""


@dataclass(frozen=True, slots=True)
class PinnedLedger:
    """The ledger that the user trusts: its public key and the 32 octets that name it."""

    key: PublicKey
    ledger_id: bytes


@dataclass(frozen=True, slots=True)
class Candidate:
    """A verified offer that can be bought, and the address that it came from: in the lobby, or a BSSID on the air.

    `network` is how to join by Wi-Fi, verified too, or None where a Join in the lobby is the way in.
    """

    announcement: Announcement
    offer: Offer
    address: str
    units: int
    network: Network | None = None
    signal_dbm: int = 0
    score: Score = UNKNOWN
    """What is known of the seller (device/reputation.py)."""

    @property
    def price_ubc(self) -> int:
        return self.offer.price_ubc * self.units

    @property
    def most_ubc(self) -> int:
        """The price and the most that use beyond what is included can cost afterwards."""
        usage = self.qos.usage
        return self.price_ubc + (0 if usage is None else usage.most_ubc)

    @property
    def qos(self) -> Qos:
        """What all units give together."""
        return self.offer.qos.times(self.units)

    @property
    def cost(self) -> tuple[bool, Fraction, int, int, PublicKey, MacAddress]:
        """Sorts cheapest per guaranteed bit that is served first, use that is paid afterwards at the most that it can
        cost, offers without a guarantee last, and leaves no tie to chance.
        """
        guaranteed_bits = (self.qos.floor_down_bps + self.qos.floor_up_bps) * self.offer.allocation_duration_s
        per_bit = Fraction(self.most_ubc * PPM, (guaranteed_bits or 1) * max(self.score.ppm, 1))
        return (
            not guaranteed_bits,
            per_bit,
            self.most_ubc,
            -self.signal_dbm,
            self.announcement.provider,
            self.offer.bssid,
        )


@dataclass(frozen=True, slots=True)
class Unsuitable:
    """An announcement that is not bought from. `dropped` marks what no honest access point sends: it is counted."""

    reason: str
    detail: str
    dropped: bool = False


def weigh(
    announcement: Announcement,
    address: str,
    wish: Wish,
    pinned: PinnedLedger | None,
    utc_s: int,
    signal_dbm: int = 0,
) -> Candidate | Unsuitable:
    """Verifies the offer and the network, and holds the offer against the wish."""
    try:
        offer = read_offer(announcement.offer, announcement.provider)
    except DecodeError as error:
        return Unsuitable("bad_offer", str(error), dropped=True)
    if offer.expires_s <= utc_s:
        ahead_s = utc_s - announcement.utc_s
        detail = (
            f"expired {utc_s - offer.expires_s} s ago by this clock, {ahead_s} s ahead of the access point's"
        )
        return Unsuitable("offer_expired", detail, dropped=True)
    if pinned is not None and (announcement.ledger, announcement.ledger_id) != (pinned.key, pinned.ledger_id):
        return Unsuitable("foreign_ledger", f"sells through ledger {announcement.ledger}, not {pinned.key}")
    network = _read_network(announcement, offer, utc_s)
    if isinstance(network, Unsuitable):
        return network
    candidate = _meet(announcement, offer, address, wish)
    if isinstance(candidate, Unsuitable):
        return candidate
    return replace(candidate, network=network, signal_dbm=signal_dbm)


def _read_network(announcement: Announcement, offer: Offer, utc_s: int) -> Network | Unsuitable | None:
    if not announcement.network:
        return None
    try:
        network = read_network(announcement.network, announcement.provider)
    except DecodeError as error:
        return Unsuitable("bad_network", str(error), dropped=True)
    if network.bssid != offer.bssid:
        detail = f"the offer is for {offer.bssid}, the network for {network.bssid}"
        return Unsuitable("bad_network", detail, dropped=True)
    if network.expires_s <= utc_s:
        detail = f"the word on how to join expired {utc_s - network.expires_s} s ago"
        return Unsuitable("network_expired", detail, dropped=True)
    return _doubt_operator(announcement, network, utc_s) or network


def _doubt_operator(announcement: Announcement, network: Network, utc_s: int) -> Unsuitable | None:
    """Why not to pay for a network whose server is this operator's, if the announced ledger does not know it. That
    ledger is the pinned one, if any is; and the provider itself is named by the grant.
    """
    try:
        load_public_key(network.operator)
    except DecodeError as error:
        return Unsuitable("bad_network", f"operator: {error}", dropped=True)
    if network.operator == announcement.provider:
        return None
    if not network.registration:
        return Unsuitable("operator_unregistered", f"nothing shows that the ledger knows {network.operator}")
    try:
        word = read_registration(network.registration, announcement.ledger, announcement.ledger_id)
    except DecodeError as error:
        return Unsuitable("operator_unregistered", str(error), dropped=True)
    if word.account != network.operator:
        detail = f"the ledger's word is on {word.account}, the operator is {network.operator}"
        return Unsuitable("operator_unregistered", detail, dropped=True)
    if utc_s - word.utc_s > MAX_REGISTRATION_AGE_S:
        age = format_duration(utc_s - word.utc_s)
        return Unsuitable("operator_unregistered", f"the ledger's word on the operator is {age} old")
    return None


def weigh_on_the_air(
    announcement: Announcement,
    bssid: MacAddress,
    signal_dbm: int,
    wish: Wish,
    pinned: PinnedLedger | None,
    utc_s: int,
) -> Candidate | Unsuitable:
    """The same for what `bssid` answered by ANQP. GAS is not authenticated: the signed bytes have to name the basic
    service set that they came from, and a way in.
    """
    seen = weigh(announcement, str(bssid), wish, pinned, utc_s, signal_dbm)
    if isinstance(seen, Unsuitable):
        return seen
    if seen.offer.bssid != bssid:
        return Unsuitable("foreign_bssid", f"{bssid} shows the offer of {seen.offer.bssid}", dropped=True)
    if seen.network is None:
        return Unsuitable("no_network", "it does not say how to join by Wi-Fi")
    return seen


def cheapest(candidates: tuple[Candidate, ...]) -> Candidate:
    """The one to buy, whatever the order in which they were heard."""
    return min(candidates, key=lambda candidate: candidate.cost)


def count_units(floor_bps: int, wished_bps: int) -> int | None:
    """The fewest units that reach the wish; None where no number does."""
    if wished_bps == 0:
        return 1
    return -(-wished_bps // floor_bps) if floor_bps else None


def _meet(announcement: Announcement, offer: Offer, address: str, wish: Wish) -> Candidate | Unsuitable:
    if wish.seller not in (None, (announcement.provider, offer.bssid)):
        return Unsuitable("other_seller", f"{offer.bssid} is not the one that was chosen")
    down = count_units(offer.qos.floor_down_bps, wish.floor_down_bps)
    up = count_units(offer.qos.floor_up_bps, wish.floor_up_bps)
    if down is None or up is None:
        return Unsuitable("no_guarantee", f"guarantees nothing {'down' if down is None else 'up'}")
    units = max(down, up)
    if units > U32_MAX or offer.price_ubc * units > U63_MAX:
        return Unsuitable("too_slow", f"{units} units would be needed")
    try:
        offer.qos.times(units)
    except DecodeError as error:
        return Unsuitable("too_slow", f"{units} units would be needed: {error}")
    candidate = Candidate(announcement, offer, address, units)
    use_ubc = candidate.most_ubc - candidate.price_ubc
    if use_ubc > wish.max_use_ubc:
        agreed = format_money(wish.max_use_ubc)
        return Unsuitable(
            "use_costs", f"use may cost {format_money(use_ubc)} more afterwards, and {agreed} is agreed to"
        )
    if wish.max_price_ubc is not None and candidate.most_ubc > wish.max_price_ubc:
        asked, limit = format_money(candidate.most_ubc), format_money(wish.max_price_ubc)
        rates = (
            f"{format_rate(candidate.qos.floor_down_bps)} down, {format_rate(candidate.qos.floor_up_bps)} up"
        )
        return Unsuitable("too_dear", f"{asked} for {rates}, and the limit is {limit}")
    if offer.allocation_duration_s < wish.min_duration_s:
        return Unsuitable("too_short", f"lasts {format_duration(offer.allocation_duration_s)}")
    return candidate
