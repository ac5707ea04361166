"""Who plays, who bids what in which auction, and what it has to come to: by trying every set of bids. Pure.

    ada, ben, cem, eve     devices with money, which bid by `airgrant bid`
    finn                   pays nothing, and pushes as hard as he can

Every device pushes and is pushed at all the time, whether it has paid or not. The reckoning here shares nothing with
the code that clears: with a handful of bids every set can be tried. Money in micro-bandcoin (ubc), rates in IP bits
per second, time in slots of the auctions' grid.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

from wire.band import Band
from wire.post_offer import PostOffer
from wire.qos import Qos

UNIT = Qos(floor_down_bps=1_000_000, ceil_down_bps=2_000_000, floor_up_bps=500_000, ceil_up_bps=1_000_000)
BAND = Band(from_frequency_khz=5_170_000, to_frequency_khz=5_250_000, bandwidth_khz=80_000)
RESERVE_UBC = 1_000
"""The least price of one unit in one slot."""
UNITS = 6
"""What the box has to sell while nobody is there."""
SLOTS = 4
"""How far ahead it sells."""
OPEN_S = 10
"""Bids are taken from so long before a clearing on, until two seconds before it."""
DEPOSITS_UBC = {"ada": 200_000, "ben": 200_000, "cem": 200_000, "eve": 100_000}
BIDDERS = tuple(DEPOSITS_UBC)
FREELOADER = "finn"
STATIONS = (*BIDDERS, FREELOADER)
OWNER_UBC = 130_000
"""What the box's owner has in the end."""


@dataclass(frozen=True, slots=True)
class CastBid:
    """So many units in each of so many slots, from the clearing on, for at most `worth_ubc`."""

    bidder: str
    units: int
    slots: int
    worth_ubc: int

    @property
    def reserve_ubc(self) -> int:
        return RESERVE_UBC * self.units * self.slots


ROUNDS: tuple[tuple[CastBid, ...], ...] = (
    (CastBid("ada", 3, 3, 90_000), CastBid("ben", 2, 1, 50_000), CastBid("cem", 3, 1, 40_000)),
    (CastBid("ben", 2, 1, 50_000), CastBid("cem", 3, 1, 51_000), CastBid("eve", 3, 1, 200_000)),
    (CastBid("ben", 4, 1, 90_000),),
)
"""The three auctions. Cem believes what he was told: a thousand more than what would have won, and he wins. Eve has not
got what she bids. What Ben wants last is not there.
"""
FORECASTS = ((6, 6, 6, 6), (3, 3, 6, 6), (3, 6, 6, 6))
MORE_UBC = 1_000
"""What Cem adds to what he was told."""


@dataclass(frozen=True, slots=True)
class Due:
    """What a bid has to come to: won and `pays_ubc`, or lost where more than `wins_above_ubc` would have won; or `out`:
    it takes no part.
    """

    bid: CastBid
    won: bool = False
    pays_ubc: int = 0
    wins_above_ubc: int | None = None
    out: str = ""


def reckon(forecast: Sequence[int], bids: Sequence[CastBid], has_ubc: dict[str, int]) -> tuple[Due, ...]:
    """One for each bid, in their order; earlier bids are preferred where sets are worth the same."""
    outs = {bid: _why_out(bid, forecast, has_ubc[bid.bidder]) for bid in bids}
    part = [bid for bid in bids if not outs[bid]]
    best = _best(forecast, part)
    return tuple(
        Due(bid, out=outs[bid])
        if outs[bid]
        else Due(bid, won=True, pays_ubc=least_to_win(forecast, part, bid))
        if bid in best
        else Due(bid, wins_above_ubc=least_to_win(forecast, part, bid))
        for bid in bids
    )


def least_to_win(forecast: Sequence[int], bids: Sequence[CastBid], bid: CastBid) -> int:
    """What this bid has to exceed, or be equal to where ties go its way: what the others lose by it."""
    others = [one for one in bids if one != bid]
    without = worth(_best(forecast, others))
    beside = worth(_best(_left(forecast, [bid]), others))
    return max(without - beside, bid.reserve_ubc)


def worth(bids: Iterable[CastBid]) -> int:
    """Of all together, in ubc."""
    return sum(bid.worth_ubc for bid in bids)


def _why_out(bid: CastBid, forecast: Sequence[int], has_ubc: int) -> str:
    if bid.slots > len(forecast) or bid.units > min(forecast[: bid.slots]):
        return "nothing_left"
    if bid.worth_ubc < bid.reserve_ubc:
        return "below_minimum"
    return "insufficient_funds" if bid.worth_ubc > has_ubc else ""


def _best(forecast: Sequence[int], bids: Sequence[CastBid]) -> tuple[CastBid, ...]:
    """The set that fits and is worth most: every set is tried, larger sets and earlier bids first."""
    sets = [one for size in range(len(bids), -1, -1) for one in combinations(bids, size)]
    fitting = [one for one in sets if min(_left(forecast, one)) >= 0]
    return max(fitting, key=worth)


def _left(forecast: Sequence[int], bids: Iterable[CastBid]) -> list[int]:
    left = list(forecast)
    for bid in bids:
        for slot in range(min(bid.slots, len(left))):
            left[slot] -= bid.units
    return left


def standing_offer(slot_s: int) -> PostOffer:
    """The form of the auctions: a unit, a slot, and the reserve price; nothing is sold outside of them."""
    return PostOffer(RESERVE_UBC, BAND, 0, slot_s, UNIT)
