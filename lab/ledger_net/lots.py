"""What is auctioned on the shared ledger, who bids what, and what it has to come to by the paper's two rules.

Pure, and not by the code that clears: amounts are chosen so that each rule is a line here. Money in micro-bandcoin.
Reference: Bandcoin 5.4.2 (Vickrey), 5.4.3 (proportional share).
"""

from dataclasses import dataclass

VICKREY, PROPSHARE = "vickrey", "propshare"
KEEPERS = ("dave", "alice", "bob")
THRESHOLD = 2
CLEARS_IN_S = 13
"""Two auctions are opened and a dozen bids made within it, on two cores that all share; longer on a slow machine."""


@dataclass(frozen=True, slots=True)
class Lot:
    """One provider's auction at one operator's house; `bids_ubc` has one amount for each bidder, no two alike.

    Bids are sealed to any two of `keepers`, or open if there are none.
    """

    provider: str
    house: str
    kind: str
    units: int
    minimum_ubc: int
    bids_ubc: tuple[int, ...]
    clears_in_s: int = CLEARS_IN_S
    keepers: tuple[str, ...] = KEEPERS


@dataclass(frozen=True, slots=True)
class Due:
    """What a bidder gets, and what he pays for all of it; no units if he lost."""

    units: int
    price_ubc: int


LOTS = (
    Lot("roof", "alice", VICKREY, 3, 100, (900, 500, 800, 700, 300, 600, 400, 200)),
    Lot("tower", "bob", PROPSHARE, 10, 100, (100, 200, 300, 400)),
)


def dues(lot: Lot) -> tuple[Due, ...]:
    """For each bid, in their order."""
    if lot.kind == PROPSHARE:
        total_ubc = sum(lot.bids_ubc)
        assert all(lot.units * amount % total_ubc == 0 for amount in lot.bids_ubc), "no remainders here"
        return tuple(Due(lot.units * amount // total_ubc, amount) for amount in lot.bids_ubc)
    ranked = sorted(lot.bids_ubc, reverse=True)
    losing_ubc = ranked[lot.units] if len(ranked) > lot.units else lot.minimum_ubc
    price_ubc = max(lot.minimum_ubc, losing_ubc)
    wins = set(ranked[: lot.units])
    return tuple(Due(1, price_ubc) if amount in wins else Due(0, 0) for amount in lot.bids_ubc)
