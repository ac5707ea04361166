"""Who wins: nobody pays more than he bid, no unit too many, no order that matters, and the truth is the best bid."""

from __future__ import annotations

from itertools import permutations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.clearing.awards import OpenBid, clear_bids, contenders
from tests.ledger_world import BAND, PROVIDER, QOS
from wire.allocate import Allocate
from wire.auction_terms import AuctionKind, AuctionMark, AuctionTerms
from wire.cose import Envelope
from wire.ids import PublicKey
from wire.transaction import SignedTransaction, Transaction

KINDS = [AuctionKind.VICKREY, AuctionKind.PROPSHARE]


def terms(kind: AuctionKind, units: int, minimum_ubc: int = 0) -> AuctionTerms:
    return AuctionTerms(PROVIDER.public, AuctionMark(kind, 9, minimum_ubc), BAND, units, 10, QOS)


def bid(number: int, price_ubc: int, at_ns: int = 0) -> OpenBid:
    """Of bidder `number`; the signature has no part in who wins."""
    action = Allocate(PROVIDER.public, price_ubc, BAND, 0, auction=bytes(32))
    transaction = Transaction(action, number.to_bytes(8, "big"), 99)
    signed = SignedTransaction(
        Envelope(b"", b"", b"", b"", b""), transaction, number.to_bytes(32, "big"), b""
    )
    return OpenBid(PublicKey(b"\2" + number.to_bytes(32, "big")), price_ubc, at_ns or number, signed)


def bids(*prices: int) -> list[OpenBid]:
    return [bid(number, price) for number, price in enumerate(prices, 1)]


def won(kind: AuctionKind, prices: list[int], units: int, minimum_ubc: int = 0) -> list[tuple[int, int]]:
    """(units, what is paid) of each bidder."""
    awards = clear_bids(terms(kind, units, minimum_ubc), bids(*prices))
    found = {award.bid.at_ns: (award.units, award.price_ubc) for award in awards}
    return [found.get(number, (0, 0)) for number in range(1, len(prices) + 1)]


@pytest.mark.parametrize(
    ("prices", "units", "minimum_ubc", "expected"),
    [
        ([7, 10, 9], 1, 0, [(0, 0), (1, 9), (0, 0)]),
        ([10, 9, 1], 2, 0, [(1, 1), (1, 1), (0, 0)]),
        ([10], 1, 4, [(1, 4)]),
        ([10, 10], 1, 0, [(1, 10), (0, 0)]),
        ([10, 3], 1, 4, [(1, 4), (0, 0)]),
        ([3], 1, 4, [(0, 0)]),
        ([], 1, 4, []),
    ],
)
def test_vickrey(prices: list[int], units: int, minimum_ubc: int, expected: list[tuple[int, int]]) -> None:
    assert won(AuctionKind.VICKREY, prices, units, minimum_ubc) == expected


@pytest.mark.parametrize(
    ("prices", "units", "expected"),
    [
        ([50, 30, 20], 10, [(5, 50), (3, 30), (2, 20)]),
        ([10, 10, 10], 2, [(1, 10), (1, 10), (0, 0)]),
        ([50, 30, 20], 7, [(4, 50), (2, 30), (1, 20)]),
        ([5, 5], 3, [(2, 5), (1, 5)]),
        ([0, 5], 3, [(0, 0), (3, 5)]),
    ],
)
def test_proportional_share(prices: list[int], units: int, expected: list[tuple[int, int]]) -> None:
    assert won(AuctionKind.PROPSHARE, prices, units) == expected


@given(
    st.sampled_from(KINDS), st.lists(st.integers(0, 50), max_size=9), st.integers(1, 6), st.integers(0, 20)
)
def test_nobody_pays_more_than_he_bid_and_no_unit_is_sold_twice(
    kind: AuctionKind, prices: list[int], units: int, minimum_ubc: int
) -> None:
    awards = clear_bids(terms(kind, units, minimum_ubc), bids(*prices))
    assert sum(award.units for award in awards) <= units
    for award in awards:
        assert minimum_ubc <= award.price_ubc <= award.bid.price_ubc
        assert award.units >= 1


@given(st.sampled_from(KINDS), st.lists(st.integers(0, 4), max_size=5), st.integers(1, 3))
def test_the_order_of_the_bids_is_nothing(kind: AuctionKind, prices: list[int], units: int) -> None:
    expected = clear_bids(terms(kind, units), bids(*prices))
    for order in permutations(bids(*prices)):
        assert clear_bids(terms(kind, units), order) == expected


def test_to_bid_the_truth_is_a_best_response_in_every_small_vickrey_auction() -> None:
    """Three others, each price of 0 to 3, minimum of 0 to 2, one to three units, each value of 0 to 4, first or last in
    time: no lie of 0 to 5 gains more than the truth.
    """
    tried = 0
    for others in product(range(4), repeat=3):
        for units, minimum_ubc, at_ns in product((1, 2, 3), (0, 1, 2), (0, 9)):
            gains = {price: _gain_of(others, units, minimum_ubc, price, at_ns) for price in range(6)}
            for value in range(5):
                best = max(value * wins - paid for wins, paid in gains.values())
                wins, paid = gains[value]
                assert value * wins - paid == best
                tried += 1
    assert tried == 4**3 * 18 * 5


def _gain_of(
    others: tuple[int, ...], units: int, minimum_ubc: int, price: int, at_ns: int
) -> tuple[int, int]:
    """(units won, what is paid) with this price."""
    mine = bid(77, price, at_ns or -1)
    awards = clear_bids(terms(AuctionKind.VICKREY, units, minimum_ubc), [*bids(*others), mine])
    return next(((one.units, one.price_ubc) for one in awards if one.bid is mine), (0, 0))


@given(
    st.sampled_from(KINDS), st.lists(st.integers(0, 30), max_size=9), st.integers(1, 4), st.integers(0, 15)
)
def test_the_result_depends_on_the_contenders_alone(
    kind: AuctionKind, prices: list[int], units: int, minimum_ubc: int
) -> None:
    """So what others say need not be verified."""
    auction, some = terms(kind, units, minimum_ubc), bids(*prices)
    matter = contenders(auction, some)
    assert clear_bids(auction, matter) == clear_bids(auction, some)
    assert {award.bid for award in clear_bids(auction, some)} <= set(matter)
    if kind is AuctionKind.VICKREY:
        assert len(matter) == min(len(some), units + 1)
