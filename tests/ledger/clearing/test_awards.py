"""Who wins: nobody pays more than he bid, no unit too many, no order that matters, and the truth is the best bid."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations, permutations, product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.clearing.awards import (
    MAX_SESSIONS,
    OpenBid,
    clear_bids,
    contenders,
    most_sessions,
    prices_that_win,
)
from market.ubid.auction import price_to_win
from market.ubid.bids import Bid, Terms
from market.ubid.forecast import Forecast
from tests.ledger_world import BAND, PROVIDER, QOS
from wire.allocate import Allocate
from wire.auction_terms import AuctionKind, AuctionMark, AuctionTerms
from wire.cose import Envelope
from wire.ids import PublicKey
from wire.transaction import SignedTransaction, Transaction

ROOT = Path(__file__).resolve().parents[3]
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


# ---- Sessions


def sold(*forecast: int, minimum_ubc: int = 0) -> AuctionTerms:
    mark = AuctionMark(AuctionKind.SESSION, 9, minimum_ubc, forecast)
    return AuctionTerms(PROVIDER.public, mark, BAND, 250, 10, QOS)


def session(number: int, units: int, slots: int, price_ubc: int, at_ns: int = 0) -> OpenBid:
    one = bid(number, price_ubc, at_ns)
    asked = one.transaction.transaction
    assert isinstance(asked.action, Allocate)
    action = replace(asked.action, allocations=units, slots=slots)
    transaction = replace(one.transaction, transaction=replace(asked, action=action))
    return replace(one, transaction=transaction)


def sessions(*asked: tuple[int, int, int]) -> list[OpenBid]:
    """(units, slots, price) each."""
    return [session(number, *one) for number, one in enumerate(asked, 1)]


def gets(auction: AuctionTerms, some: Sequence[OpenBid]) -> dict[int, int]:
    """Who wins, and what each pays."""
    return {one.bid.at_ns: one.price_ubc for one in clear_bids(auction, some)}


def fits(auction: AuctionTerms, some: Sequence[OpenBid]) -> bool:
    held = [sum(one.bundle[slot] for one in some if len(one.bundle) > slot) for slot in range(60)]
    return all(units <= free for units, free in zip(held, auction.mark.forecast, strict=False))


def most_worth(auction: AuctionTerms, some: Sequence[OpenBid]) -> int:
    """By trying every set of bids."""
    sets = (chosen for size in range(len(some) + 1) for chosen in combinations(some, size))
    return max(sum(one.price_ubc for one in chosen) for chosen in sets if fits(auction, chosen))


def wins_above(auction: AuctionTerms, some: Sequence[OpenBid]) -> dict[int, int]:
    """What each who lost would have had to exceed."""
    found = prices_that_win(auction, some, clear_bids(auction, some))
    return {one.at_ns: found[name] for one in some if (name := one.transaction.transaction_id) in found}


def least_ubc(auction: AuctionTerms, one: OpenBid) -> int:
    return max(1, auction.mark.min_price_ubc * sum(one.bundle))


def random_auction(seed: int) -> tuple[AuctionTerms, list[OpenBid]]:
    """Up to six bids that a door lets in; prices are few, so there are ties."""
    chance = random.Random(seed)
    forecast = [chance.randint(1, 6) for _ in range(chance.randint(1, 4))]
    if seed % 3:
        forecast.sort()
    auction = sold(*forecast, minimum_ubc=chance.choice((0, 0, 1, 3)))
    asked = []
    for number in range(1, chance.randint(0, 6) + 1):
        slots = chance.randint(1, len(forecast))
        units = chance.randint(1, min(forecast[:slots]))
        least = max(1, auction.mark.min_price_ubc * units * slots)
        asked.append(session(number, units, slots, least + chance.randint(0, 12)))
    return auction, asked


def test_sessions_come_to_what_trying_every_set_comes_to() -> None:
    """Five hundred small auctions: the winners are a set of most worth that fits, and each pays what the others lose by
    him, or the minimum.
    """
    ties = 0
    for seed in range(500):
        auction, asked = random_auction(seed)
        awards, most = clear_bids(auction, asked), most_worth(auction, asked)
        won = [one.bid for one in awards]
        assert fits(auction, won)
        assert sum(one.price_ubc for one in won) == most
        for award in awards:
            others = [one for one in asked if one is not award.bid]
            cost = most_worth(auction, others) - (most - award.bid.price_ubc)
            assert award.price_ubc == max(cost, auction.mark.min_price_ubc * sum(award.bid.bundle))
            assert (award.units,) * award.slots == award.bid.bundle
            ties += cost == award.bid.price_ubc
    assert ties > 20


def test_what_a_winner_pays_is_the_least_bid_that_wins() -> None:
    for seed in range(100):
        auction, asked = random_auction(seed)
        for award in clear_bids(auction, asked):
            others = [one for one in asked if one is not award.bid]
            for price_ubc in range(least_ubc(auction, award.bid), award.bid.price_ubc + 2):
                wins = award.bid.at_ns in gets(auction, [*others, replace(award.bid, price_ubc=price_ubc)])
                assert wins or price_ubc <= award.price_ubc
                assert not wins or price_ubc >= award.price_ubc


def test_who_lost_is_told_what_would_have_won() -> None:
    """One more wins, whatever the ties; one less does not; and it is what the market says of each alone."""
    lost = 0
    for seed in range(300):
        auction, asked = random_auction(seed)
        won, told = gets(auction, asked), wins_above(auction, asked)
        assert told.keys() == {one.at_ns for one in asked} - won.keys()
        slots = Terms(Forecast(auction.mark.forecast), 9 * 10**9, auction.mark.min_price_ubc)
        for loser in (one for one in asked if one.at_ns not in won):
            others, above = [one for one in asked if one is not loser], told[loser.at_ns]
            bids = [Bid(bytes([one.at_ns]), one.at_ns, one.bundle, one.price_ubc) for one in asked]
            (own,) = (one for one in bids if one.arrival_ns == loser.at_ns)
            assert above == price_to_win(slots, bids, own)
            assert above >= loser.price_ubc
            for price_ubc, wins in ((above + 1, True), (above - 1, False)):
                again = replace(loser, price_ubc=price_ubc)
                assert (loser.at_ns in gets(auction, [*others, again])) is wins
            lost += 1
    assert lost > 200


def test_the_sessions_of_the_lab() -> None:
    """Ada, Ben, Cem; then Ben and Cem again, when Ada holds three units of two slots."""
    first = sessions((3, 3, 90_000), (2, 1, 50_000), (3, 1, 40_000))
    auction = sold(6, 6, 6, 6, minimum_ubc=1_000)
    assert gets(auction, first) == {1: 40_000, 2: 40_000}
    assert wins_above(auction, first) == {3: 50_000}
    second = sessions((2, 1, 50_000), (3, 1, 51_000))
    auction = sold(3, 3, 6, 6, minimum_ubc=1_000)
    assert gets(auction, second) == {2: 50_000}
    assert wins_above(auction, second) == {1: 51_000}


@pytest.mark.parametrize(
    ("forecast", "asked", "expected"),
    [
        ((2,), [], {}),
        ((2,), [(2, 1, 9)], {1: 2}),
        ((2,), [(2, 1, 5), (2, 1, 5)], {1: 5}),
        ((2,), [(1, 1, 5), (2, 1, 9), (1, 1, 5)], {1: 4, 3: 4}),
        ((1, 2), [(1, 2, 9), (1, 1, 7)], {1: 7}),
        ((3, 1), [(1, 2, 9), (1, 2, 7), (2, 1, 2)], {1: 7, 3: 2}),
    ],
)
def test_sessions(
    forecast: tuple[int, ...], asked: list[tuple[int, int, int]], expected: dict[int, int]
) -> None:
    assert gets(sold(*forecast, minimum_ubc=1), sessions(*asked)) == expected


def test_the_order_of_sessions_is_nothing_and_ties_go_by_arrival() -> None:
    for seed in range(0, 200, 8):
        auction, asked = random_auction(seed)
        expected = clear_bids(auction, asked)
        for order in permutations(asked) if len(asked) < 6 else [asked[::-1]]:
            assert clear_bids(auction, order) == expected
    both = [session(1, 2, 1, 5, at_ns=7), session(2, 2, 1, 5, at_ns=6)]
    assert gets(sold(2), both) == {6: 5}


def test_every_session_may_set_a_price() -> None:
    asked = sessions((1, 1, 5), (2, 1, 9))
    assert contenders(sold(2), asked) == asked


@pytest.mark.parametrize(
    ("forecast", "most"),
    [((0,), MAX_SESSIONS), ((6, 250), MAX_SESSIONS), ((30,), 644), ((200, 250), 98), ((250,), 78)],
)
def test_how_many_sessions_an_auction_takes(forecast: tuple[int, ...], most: int) -> None:
    assert most_sessions(forecast) == most


def test_of_too_many_sessions_those_that_are_worth_most_are_compared() -> None:
    """Whoever comes first with little keeps nobody out; of those worth the same, the first ones have the places."""
    auction, most = sold(250, minimum_ubc=1), most_sessions((250,))
    early = [session(number, 1, 1, 5) for number in range(1, 200)]
    worth = [session(200 + number, 1 + number % 3, 1, 1_000 + number) for number in range(most)]
    paid = gets(auction, [*early, *worth])
    assert paid.keys() == {one.at_ns for one in worth}
    assert set(paid.values()) == {5}, "as much as the best one that was one too many"
    assert wins_above(auction, [*early, *worth]) == {}
    assert gets(auction, early).keys() == {one.at_ns for one in early[:most]}
    broken = [session(number, 251, 1, 10**9) for number in range(500, 600)]
    assert gets(auction, [*broken, *worth, *early]) == paid, "what breaks a rule takes no place"


def test_whoever_takes_all_places_pays_for_each_what_the_best_one_outside_was_worth() -> None:
    auction, most = sold(250, minimum_ubc=1), most_sessions((250,))
    seized = [session(number, 1, 1, 1_001) for number in range(1, most + 1)]
    kept_out = [session(900 + number, 3, 1, 1_000) for number in range(20)]
    assert gets(auction, seized) == {one.at_ns: 1 for one in seized}
    assert gets(auction, [*seized, *kept_out]) == {one.at_ns: 1_000 for one in seized}


def test_the_price_is_the_least_bid_that_wins_with_too_many_sessions_too() -> None:
    """Of 78 places 75 are taken by those to whom a unit is worth a fortune; up to six others want the last three."""
    rich, tried = [session(100 + number, 1, 1, 10**6) for number in range(75)], 0
    for seed in range(40):
        drawn, some = random_auction(seed)
        auction = sold(250, *(29 * units for units in drawn.mark.forecast[1:]))
        asked = [session(one.at_ns, 29 * one.bundle[0], len(one.bundle), one.price_ubc) for one in some]
        if len(asked) <= 3:
            continue
        for award in clear_bids(auction, [*rich, *asked])[: len(asked)]:
            if award.bid in rich:
                continue
            others = [*rich, *(one for one in asked if one is not award.bid)]
            for price_ubc in {1, *range(max(1, award.price_ubc - 2), award.price_ubc + 3)}:
                wins = award.bid.at_ns in gets(auction, [*others, replace(award.bid, price_ubc=price_ubc)])
                assert wins or price_ubc <= award.price_ubc
                assert not wins or price_ubc >= award.price_ubc
                tried += award.price_ubc > 1
    assert tried > 50


def test_what_no_door_lets_in_wins_nothing_and_breaks_nothing() -> None:
    """As an auditor finds it in a log that lies."""
    odd = [(1, 0, 9), (3, 1, 9), (1, 3, 9), (1, 1, 0), (1, 1, 2**62)]
    assert gets(sold(2, 2), [*sessions(*odd), session(9, 1, 1, 4)]) == {9: 0}


_WITHOUT_NUMPY = """
import sys
sys.modules["numpy"] = sys.modules["scipy"] = None
from tests.ledger.clearing.test_awards import most_crowded
from ledger.clearing.awards import clear_bids, prices_that_win
import ledger.clearing.audit, ledger.clearing.house
for free in (1, 6, 30, 250):
    for kind in ("same", "many"):
        auction, asked = most_crowded(free, kind)
        awards = clear_bids(auction, asked)
        told = list(prices_that_win(auction, asked, awards).values())
        print(free, len(asked), len(awards), len(told), told[:3])
"""


def most_crowded(free: int, kind: str) -> tuple[AuctionTerms, list[OpenBid]]:
    """As many bids as are taken, for one unit all alike, or of many sizes and lengths."""
    forecast, chance = [free + slot for slot in range(min(4, 251 - free))], random.Random(free)
    auction, asked = sold(*forecast), list[OpenBid]()
    for number in range(1, most_sessions(forecast) + 1):
        units = 1 if kind == "same" else chance.randint(1, max(1, free // 3))
        slots = 1 if kind == "same" else chance.randint(1, len(forecast))
        asked.append(session(number, units, slots, 500 if kind == "same" else chance.randint(1, 10**6)))
    return auction, asked


def test_neither_numpy_nor_a_solver_is_needed() -> None:
    """At the most bids, whatever is free: by an interpreter that has none of them."""
    ran = subprocess.run(
        [sys.executable, "-c", _WITHOUT_NUMPY], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    lines = ran.stdout.splitlines()
    assert len(lines) == 8
    assert lines[4].startswith("30 644 30 614 [500, 500, 500]")
