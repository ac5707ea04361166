"""The action `offer`: a provider replaces what it sells, under the next epoch.

Only the issuer's own offer is ever written. Reservations merge into what is on offer for later periods
(capacity 0 deletes); what was sold stays sold and is counted against the new offer (ledger/capacity.py). A
non-empty `consumers` dictionary makes it the settlement of an auction; of a session auction each share lasts so many
slots from the clearing time on, and no slot has more units than its forecast says (docs/decisions/0040).
Reference: Bandcoin 5.1.2, 5.1.3, 5.4.
"""

from ledger.capacity import MAX_PERIODS_AHEAD, has_room_for_band
from ledger.entries import (
    ReservationOffer,
    Share,
    ShareList,
    StandingOffer,
    account_end_key,
    offer_key,
    reservation_key,
    share_key,
    share_list_key,
    span_of,
)
from ledger.rejection import Reason, Rejected
from ledger.state import Draft, read_offer, read_share_list
from wire.auction_terms import AuctionKind
from wire.errors import VerificationError
from wire.ids import PublicKey
from wire.post_offer import PostOffer
from wire.ruling import verify_ruling

FIRST_EPOCH = 1


def post_offer(draft: Draft, issuer: PublicKey, action: PostOffer, now_s: int) -> Rejected | None:
    rejected = _check(draft, issuer, action, now_s)
    if rejected is not None:
        return rejected
    previous = read_offer(draft, issuer)
    draft.put(
        offer_key(issuer.key_id),
        StandingOffer(
            epoch=FIRST_EPOCH if previous is None else previous.epoch + 1,
            price_ubc=action.price_ubc,
            band=action.band,
            max_allocations=action.max_allocations,
            allocation_duration_s=action.allocation_duration_s,
            qos=action.qos,
            volume_multiplier_ppm=action.volume_discount_multiplier_ppm,
            reservation_multiplier_ppm=action.reservation_discount_multiplier_ppm,
            cleared=bool(action.consumers),
            auction=action.auction_id(issuer),
            settled_s=_settled_s(previous) if action.auction is None else action.auction.clearing_s,
        ),
    )
    for period, reservation in sorted(action.reservations.items()):
        on_offer = (
            ReservationOffer(reservation.price_ubc, reservation.capacity) if reservation.capacity else None
        )
        draft.put(reservation_key(issuer, period), on_offer)
    _replace_shares(draft, issuer, action)
    return None


def _check(draft: Draft, issuer: PublicKey, action: PostOffer, now_s: int) -> Rejected | None:
    genesis = draft.genesis
    if genesis.licensees is not None and issuer not in genesis.licensees:
        return Rejected(Reason.NOT_LICENSED, f"{issuer} is not among the providers that this ledger licenses")
    if _has_ended(draft, issuer):
        return Rejected(Reason.ACCOUNT_ENDED, f"{issuer} has ended its account, for good")
    longest_s = MAX_PERIODS_AHEAD * genesis.period_s
    slots = max((share.slots for share in action.consumers.values()), default=0)
    duration_s = action.allocation_duration_s * max(1, slots)
    if duration_s > longest_s:
        return Rejected(Reason.DURATION_TOO_LONG, f"{duration_s} s, at most {longest_s} s")
    if not has_room_for_band(draft, issuer.key_id, span_of(action.band)):
        return Rejected(Reason.TOO_MANY_BANDS, "wait until what was sold in another band is over")
    units = sum(share.allocations for share in action.consumers.values())
    if units > action.max_allocations:
        return Rejected(
            Reason.SHARES_EXCEED_OFFER, f"{units} units in consumers, {action.max_allocations} on offer"
        )
    rejected = _check_forecast(action) or _check_auction(draft, issuer, action, now_s)
    if rejected is not None:
        return rejected
    current = genesis.period_at(now_s)
    for period in sorted(action.reservations):
        if period <= current:
            return Rejected(
                Reason.PERIOD_NOT_AHEAD, f"period {period} is not after the current one, {current}"
            )
        if period > current + MAX_PERIODS_AHEAD:
            return Rejected(
                Reason.PERIOD_TOO_FAR, f"period {period} is over {MAX_PERIODS_AHEAD} after {current}"
            )
    return None


def _has_ended(draft: Draft, issuer: PublicKey) -> bool:
    """Who has ended has nothing on offer; whoever has needs not be looked up."""
    offer = read_offer(draft, issuer)
    on_offer = offer is not None and offer.max_allocations > 0
    return not on_offer and draft.get(account_end_key(issuer)) is not None


def _check_forecast(action: PostOffer) -> Rejected | None:
    """What is sold in each slot of a session auction is in its forecast, which every bidder saw."""
    forecast = () if action.auction is None else action.auction.forecast
    ending = [0] * (len(forecast) + 1)
    for share in action.consumers.values():
        ending[min(share.slots, len(forecast))] += share.allocations
    for slot, free in enumerate(forecast, 1):
        units = sum(ending[slot:])
        if units > free:
            return Rejected(
                Reason.SHARES_EXCEED_OFFER, f"{units} units in slot {slot}, its forecast is {free}"
            )
    return None


def _check_auction(draft: Draft, issuer: PublicKey, action: PostOffer, now_s: int) -> Rejected | None:
    """An auction is settled once and not before its time: its bids stay signed, and then all can read them."""
    if action.auction is None:
        return None
    clearing_s, settled_s = action.auction.clearing_s, _settled_s(read_offer(draft, issuer))
    if clearing_s > now_s:
        return Rejected(Reason.AUCTION_OPEN, f"the auction is cleared at {clearing_s}, it is {now_s}")
    if clearing_s <= settled_s:
        return Rejected(
            Reason.AUCTION_SETTLED, f"of this provider one of {settled_s} is settled, this is of {clearing_s}"
        )
    return _check_ruling(draft, issuer, action)


def _check_ruling(draft: Draft, issuer: PublicKey, action: PostOffer) -> Rejected | None:
    """Who wins and what is paid is the house's word, whose key is in the id that the bids name; and no price of it is
    below the minimum, nor do winners of a Vickrey auction pay different prices, nor has a session more slots than the
    forecast, or any other share slots at all.
    """
    mark, shares = action.auction, action.consumers.values()
    assert mark is not None, "asked of offers that settle an auction"
    if action.ruling is None:
        return Rejected(Reason.NOT_CLEARED, "no clearing house signed what the auction came to")
    ledger_id, auction_id = draft.genesis.ledger_id, action.auction_id(issuer)
    try:
        verify_ruling(action.ruling, ledger_id, auction_id, action.price_ubc, action.consumers)
    except VerificationError as error:
        return Rejected(Reason.NOT_CLEARED, f"the clearing house found something else: {error}")
    session, last = mark.kind is AuctionKind.SESSION, len(mark.forecast)
    for share in shares:
        if not (1 if session else 0) <= share.slots <= last:
            return Rejected(Reason.NOT_CLEARED, f"a share of {share.slots} slots, the auction has {last}")
        least = mark.least_ubc(share.allocations, share.slots)
        if share.price_ubc < least:
            return Rejected(
                Reason.NOT_CLEARED, f"a share costs {share.price_ubc} ubc, less than the minimum, {least} ubc"
            )
    if mark.kind is AuctionKind.VICKREY and len({(one.allocations, one.price_ubc) for one in shares}) != 1:
        return Rejected(Reason.NOT_CLEARED, "winners of a Vickrey auction have different shares")
    return None


def _settled_s(offer: StandingOffer | None) -> int:
    return 0 if offer is None else offer.settled_s


def _replace_shares(draft: Draft, issuer: PublicKey, action: PostOffer) -> None:
    for consumer in read_share_list(draft, issuer).consumers:
        draft.put(share_key(issuer, consumer), None)
    for key, share in action.consumers.items():
        entry = Share(False, share.allocations, share.price_ubc, share.slots)
        draft.put(share_key(issuer, key.octets), entry)
    keys = b"".join(key.octets for key in sorted(action.consumers))
    draft.put(share_list_key(issuer), ShareList(keys) if keys else None)
