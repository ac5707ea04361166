"""The action `allocate`: units of a provider's offer, on the spot, ahead of time, or as won in an auction.

Asks the rules in the order of ledger/rejection.py; then takes the money, counts the units as outstanding and
says what was sold, as a Sale: who gets how much from when to when. A grant is made from that whenever
somebody asks (ledger/granting.py).

In a cleared auction the bid was signed before the clearing: its price is the most that the bidder pays, its
`allocations` the least that each of its consumers gets; in a session auction `allocations` and `slots` are just what he
gets. What lasts slots ends on their grid, whenever it is claimed: the block of that time sells it again. The dictionary
of the offer decides within that, and the clearing price is all that is ever charged, so there is no refund that could
fail (docs/decisions/0003).
Reference: Bandcoin 5.1.2, 5.1.3, 5.4.
"""

from dataclasses import dataclass, replace

from ledger.capacity import (
    MAX_PERIODS_AHEAD,
    most_outstanding,
    most_outstanding_ahead,
    sell_ahead,
    sell_spot,
)
from ledger.entries import (
    ReservationOffer,
    Share,
    StandingOffer,
    reservation_key,
    share_key,
    span_of,
)
from ledger.money import check_funds, pay
from ledger.pricing import MAX_DISCOUNTED_UNITS, price_series, price_units
from ledger.rejection import Reason, Rejected
from ledger.state import Draft, View, read_account, read_offer, read_reservation, read_share
from wire.allocate import Allocate
from wire.band import Band
from wire.ids import PublicKey
from wire.qos import MAX_RATE_BPS, Qos
from wire.units import PPM, U32_MAX, U63_MAX


@dataclass(frozen=True, slots=True)
class Sale:
    """What an executed `allocate` sold. `allocations` per consumer; where they differ, `shares` has each
    consumer's.
    """

    buyer: PublicKey
    provider: PublicKey
    epoch: int
    starts_s: int
    duration_s: int
    band: Band
    qos: Qos
    charged_ubc: int
    allocations: int
    shares: tuple[int, ...] = ()


def allocate(draft: Draft, issuer: PublicKey, action: Allocate, now_s: int) -> Sale | Rejected:
    offer = read_offer(draft, action.provider)
    if offer is None:
        return _no_offer(draft, action.provider)
    consumers = action.consumers or [issuer.octets]
    rejected = _check_match(offer, action, consumers)
    if rejected is not None:
        return rejected
    if offer.cleared:
        return _allocate_share(draft, issuer, action, offer, consumers, now_s)
    if action.period is not None and action.period_to is not None:
        periods = range(action.period, action.period_to + 1)
        return _allocate_ahead(draft, issuer, action, offer, len(consumers), periods, now_s)
    return _allocate_spot(draft, issuer, action, offer, len(consumers), now_s)


def _no_offer(view: View, provider: PublicKey) -> Rejected:
    if read_account(view, provider) is None:
        return Rejected(Reason.UNKNOWN_PROVIDER, f"no account {provider}")
    return Rejected(Reason.NO_OFFER, f"{provider} never posted an offer")


def _check_match(offer: StandingOffer, action: Allocate, consumers: list[bytes]) -> Rejected | None:
    if action.auction and action.auction != offer.auction:
        settled = offer.auction.hex() or "none"
        return Rejected(
            Reason.AUCTION_DIFFERS, f"the bid is for {action.auction.hex()}, the offer settles {settled}"
        )
    if not action.auction and action.epoch != offer.epoch:
        return Rejected(Reason.EPOCH_MOVED, f"the offer is now epoch {offer.epoch}, not {action.epoch}")
    if offer.max_allocations == 0:
        return Rejected(Reason.SELLING_IS_OFF, "max_allocations of the offer is 0")
    if action.band != offer.band:
        return Rejected(Reason.BAND_DIFFERS, f"the offer is for {offer.band}")
    if len(set(consumers)) != len(consumers):
        return Rejected(
            Reason.DUPLICATE_CONSUMER, f"{len(consumers) - len(set(consumers))} consumers are named twice"
        )
    return None


def _allocate_spot(
    draft: Draft, issuer: PublicKey, action: Allocate, offer: StandingOffer, consumers: int, now_s: int
) -> Sale | Rejected:
    units = action.allocations * consumers
    if offer.volume_multiplier_ppm != PPM and units > MAX_DISCOUNTED_UNITS:
        return _too_many_units(units)
    until_s = now_s + offer.allocation_duration_s
    rejected = check_rate(offer.qos, action.allocations) or _check_spot_room(
        draft, action, offer, units, now_s, until_s
    )
    if rejected is not None:
        return rejected
    total_ubc = price_units(offer.price_ubc, units, offer.volume_multiplier_ppm)
    rejected = _check_price(action, total_ubc) or check_funds(draft, issuer, total_ubc)
    if rejected is not None:
        return rejected
    pay(draft, issuer, action.provider, total_ubc)
    return _sell_spot(draft, issuer, action, offer, units, now_s, until_s, total_ubc, ())


def _allocate_ahead(
    draft: Draft,
    issuer: PublicKey,
    action: Allocate,
    offer: StandingOffer,
    consumers: int,
    periods: range,
    now_s: int,
) -> Sale | Rejected:
    current, units = draft.genesis.period_at(now_s), action.allocations * consumers
    if periods.start <= current:
        return Rejected(
            Reason.PERIOD_NOT_AHEAD, f"period {periods.start} is not after the current one, {current}"
        )
    if periods[-1] > current + MAX_PERIODS_AHEAD:
        return Rejected(
            Reason.PERIOD_TOO_FAR, f"period {periods[-1]} is over {MAX_PERIODS_AHEAD} after {current}"
        )
    on_offer: list[ReservationOffer] = []
    for period in periods:
        reservation = read_reservation(draft, action.provider, period)
        if reservation is None:
            return Rejected(Reason.NOT_ON_OFFER, f"period {period} is not on offer")
        on_offer.append(reservation)
    if offer.volume_multiplier_ppm != PPM and units * len(periods) > MAX_DISCOUNTED_UNITS:
        return _too_many_units(units * len(periods))
    rejected = check_rate(offer.qos, action.allocations)
    if rejected is not None:
        return rejected
    least = min(reservation.capacity for reservation in on_offer)
    taken = most_outstanding_ahead(draft, action.provider.key_id, span_of(offer.band), now_s, periods)
    left = min(least, offer.max_allocations - taken)
    if units > left:
        return _sold_out(units, left)
    total_ubc = price_series(
        [reservation.price_ubc for reservation in on_offer],
        periods.start - current,
        units,
        offer.volume_multiplier_ppm,
        offer.reservation_multiplier_ppm,
    )
    rejected = _check_price(action, total_ubc) or check_funds(draft, issuer, total_ubc)
    if rejected is not None:
        return rejected
    pay(draft, issuer, action.provider, total_ubc)
    for period, reservation in zip(periods, on_offer, strict=True):
        rest = ReservationOffer(reservation.price_ubc, reservation.capacity - units)
        draft.put(reservation_key(action.provider, period), rest if rest.capacity else None)
    sell_ahead(draft, action.provider.key_id, span_of(offer.band), units, periods)
    period_s = draft.genesis.period_s
    starts_s, duration_s = periods.start * period_s, len(periods) * period_s
    return _sale(issuer, action, offer, starts_s, duration_s, total_ubc, ())


def _allocate_share(
    draft: Draft,
    issuer: PublicKey,
    action: Allocate,
    offer: StandingOffer,
    consumers: list[bytes],
    now_s: int,
) -> Sale | Rejected:
    shares: list[Share] = []
    for consumer in consumers:
        share = read_share(draft, action.provider, consumer)
        if share is None or action.period is not None:
            return Rejected(Reason.NOT_A_WINNER, f"{consumer.hex()} has no share of this auction on the spot")
        shares.append(share)
    if len({share.slots for share in shares}) > 1:
        return Rejected(Reason.NOT_A_WINNER, "shares that end at different times are claimed one by one")
    slots = shares[0].slots
    until_s = (
        offer.settled_s + slots * offer.allocation_duration_s
        if slots
        else now_s + offer.allocation_duration_s
    )
    if until_s <= now_s:
        return Rejected(Reason.NOT_A_WINNER, f"the slots that were won were over at {until_s}, it is {now_s}")
    if any(share.allocated for share in shares):
        return Rejected(Reason.ALREADY_ALLOCATED, "a share of this auction has been claimed before")
    least, most = min(share.allocations for share in shares), max(share.allocations for share in shares)
    rejected = _check_size(action, least, most, slots)
    if rejected is not None:
        return rejected
    units, total_ubc = sum(share.allocations for share in shares), sum(share.price_ubc for share in shares)
    rejected = check_rate(offer.qos, most) or _check_spot_room(draft, action, offer, units, now_s, until_s)
    if rejected is not None:
        return rejected
    if total_ubc > action.price_ubc:
        return Rejected(
            Reason.PRICE_DIFFERS, f"cleared at {total_ubc} ubc, the bid goes up to {action.price_ubc} ubc"
        )
    rejected = check_funds(draft, issuer, total_ubc)
    if rejected is not None:
        return rejected
    pay(draft, issuer, action.provider, total_ubc)
    for consumer, share in zip(consumers, shares, strict=True):
        draft.put(share_key(action.provider, consumer), replace(share, allocated=True))
    won = tuple(share.allocations for share in shares)
    return _sell_spot(draft, issuer, action, offer, units, now_s, until_s, total_ubc, won)


def _check_size(action: Allocate, least: int, most: int, slots: int) -> Rejected | None:
    """Whether shares of `least` to `most` units are what the bid wants: with slots exactly that, as it is for a bundle
    and its usage terms are for each unit; else that or more.
    """
    if least < action.allocations:
        return Rejected(
            Reason.SHARE_TOO_SMALL, f"a share of {least} units, the bid wants {action.allocations}"
        )
    if slots < action.slots:
        return Rejected(Reason.SHARE_TOO_SMALL, f"a share of {slots} slots, the bid wants {action.slots}")
    if slots and (most, slots) != (action.allocations, action.slots):
        return Rejected(
            Reason.SHARE_TOO_LARGE,
            f"a share of {most} units and {slots} slots, the bid is for {action.allocations} and {action.slots}",
        )
    return None


def _sell_spot(
    draft: Draft,
    issuer: PublicKey,
    action: Allocate,
    offer: StandingOffer,
    units: int,
    now_s: int,
    until_s: int,
    total_ubc: int,
    shares: tuple[int, ...],
) -> Sale:
    sell_spot(draft, action.provider.key_id, span_of(offer.band), units, until_s)
    return _sale(issuer, action, offer, now_s, until_s - now_s, total_ubc, shares)


def _sale(
    issuer: PublicKey,
    action: Allocate,
    offer: StandingOffer,
    starts_s: int,
    duration_s: int,
    total_ubc: int,
    shares: tuple[int, ...],
) -> Sale:
    return Sale(
        issuer,
        action.provider,
        offer.epoch,
        starts_s,
        duration_s,
        offer.band,
        offer.qos,
        total_ubc,
        action.allocations,
        shares,
    )


def check_rate(qos: Qos, allocations: int) -> Rejected | None:
    """A consumer's units together must stay a rate, a data cap and usage terms that a grant can say."""
    highest_bps = max(qos.ceil_down_bps, qos.ceil_up_bps) * allocations
    most = 0 if qos.usage is None else max(qos.usage.included_bytes, qos.usage.most_ubc)
    if (
        highest_bps > MAX_RATE_BPS
        or max(qos.data_cap_bytes, most) * allocations > U63_MAX
        or allocations > U32_MAX
    ):
        return Rejected(
            Reason.RATE_TOO_HIGH, f"{allocations} units are {highest_bps} bit/s, at most {MAX_RATE_BPS}"
        )
    return None


def _check_spot_room(
    draft: Draft, action: Allocate, offer: StandingOffer, units: int, now_s: int, until_s: int
) -> Rejected | None:
    taken = most_outstanding(draft, action.provider.key_id, span_of(offer.band), now_s, until_s)
    left = offer.max_allocations - taken
    return _sold_out(units, left) if units > left else None


def _check_price(action: Allocate, total_ubc: int) -> Rejected | None:
    if action.price_ubc != total_ubc:
        return Rejected(Reason.PRICE_DIFFERS, f"costs {total_ubc} ubc, not {action.price_ubc} ubc")
    return None


def _too_many_units(units: int) -> Rejected:
    return Rejected(
        Reason.TOO_MANY_UNITS, f"{units} units at a volume discount, at most {MAX_DISCOUNTED_UNITS}"
    )


def _sold_out(units: int, left: int) -> Rejected:
    return Rejected(Reason.SOLD_OUT, f"{units} units wanted, {max(0, left)} left")
