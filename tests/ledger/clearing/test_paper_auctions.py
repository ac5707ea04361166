"""The faults of the printed auctions, B4 to B6 of the error register: what the text does, and what an auction does.

In each the printed form stands beside ours, and what is wrong with it is shown by the same numbers.
"""

from __future__ import annotations

from dataclasses import replace

from ledger.contract import Applied
from tests.clearing_world import BIDDERS, HOUSE, PROPSHARE, VICKREY, ClearingWorld
from tests.ledger_world import ALICE, BOB, PROVIDER, World, buy, offer
from wire.auction_receipt import Status
from wire.auction_terms import AuctionKind
from wire.keys import PrivateKey
from wire.money_actions import Transfer
from wire.post_offer import AuctionShare, PostOffer
from wire.ruling import sign_ruling


def paid(kind: AuctionKind, prices: list[int], units: int) -> list[int]:
    """What each bidder paid when the auction was over."""
    world = ClearingWorld()
    listing = world.open(kind=kind, units=units)
    for key, price in zip(BIDDERS, prices, strict=False):
        world.bid(listing, key, price)
    world.clear(listing)
    return [10_000 - world.world.balance(key) for key, _ in zip(BIDDERS, prices, strict=False)]


def test_b4_every_winner_of_several_units_pays_the_highest_losing_bid() -> None:
    def printed(prices: list[int], units: int) -> list[int]:
        """'The offer will have the winning bid price, but a refund is requested with the amount of the winning bid -
        second highest bid', for 'the winning bidder(s)'.
        """
        ranked = sorted(prices, reverse=True)
        refund = ranked[0] - ranked[1]
        return [ranked[0] - refund if price in ranked[:units] else 0 for price in prices]

    assert printed([10, 9, 1], 2) == [9, 9, 0], (
        "the second winner pays his own bid: a lower one would have been better"
    )
    assert paid(VICKREY, [10, 9, 1], 2) == [1, 1, 0]
    assert paid(VICKREY, [10, 2, 1], 2) == [1, 1, 0], "and so it is the same for him whatever he bids above 1"


def test_b4_one_bidder_and_a_tie_have_a_price() -> None:
    assert paid(VICKREY, [10], 1) == [0]
    assert paid(VICKREY, [10, 10], 1) == [10, 0]


def test_b5_no_unit_is_lost_to_rounding() -> None:
    def printed(prices: list[int], units: int) -> list[int]:
        return [price * units // sum(prices) for price in prices]

    for prices, units, lost in (([10, 10, 10], 2, 2), ([50, 30, 20], 7, 1), ([5, 5], 3, 1)):
        assert units - sum(printed(prices, units)) == lost
        world = ClearingWorld()
        listing = world.open(kind=PROPSHARE, units=units)
        for key, price in zip(BIDDERS, prices, strict=False):
            world.bid(listing, key, price)
        assert sum(award.units for award in world.clear(listing).awards) == units


def test_b6_a_refund_that_fails_fails_the_purchase_with_it() -> None:
    """Printed: offer, allocate and refund one after the other, and the provider's money gone between the last two."""
    printed = World()
    printed.must(offer(max_allocations=1, consumers={ALICE.public: AuctionShare(1, 100)}), PROVIDER)
    printed.must(buy(100), ALICE)
    printed.must(Transfer(BOB.public, 100), PROVIDER)
    assert printed.do(Transfer(ALICE.public, 60), PROVIDER) is not None, "the refund finds nothing"
    assert printed.balance(ALICE) == 10_000 - 100, "and the winner has paid his bid"

    world = ClearingWorld()
    listing = world.open(world.auction())
    for key, price in ((ALICE, 100), (BOB, 40)):
        world.bid(listing, key, price)
    world.clear(listing)
    assert world.world.balance(ALICE) == 10_000 - 40
    assert len(world.batches) == 1, "all of it is one batch: there is nothing in between"


def test_b6_an_offer_in_between_voids_the_printed_bids_and_not_ours() -> None:
    """Printed: a bid names the epoch that the auction's offer would have."""
    printed = World()
    printed_bid = printed.sign(buy(100, epoch=1), ALICE)
    printed.must(offer(price_ubc=7), PROVIDER)
    printed.must(offer(max_allocations=1, consumers={ALICE.public: AuctionShare(1, 60)}), PROVIDER)
    assert not isinstance(printed.run(printed_bid), Applied)

    world = ClearingWorld()
    listing = world.open()
    name = world.bid(listing, ALICE, 100)
    world.world.must(offer(price_ubc=7), PROVIDER)
    world.clear(listing)
    assert world.status(listing, name)[0] is Status.EXECUTED


def test_b6_a_provider_that_reads_bids_takes_the_surplus_and_cannot_read_ours() -> None:
    """Printed: 'by allowing providers insight into the pending bids'. A straw man bids just below the highest."""
    straw_man = BIDDERS[3]
    assert paid(VICKREY, [100, 20, 0, 99], 1)[0] == 99, (
        "what it is worth to the provider to know the highest bid"
    )

    def guess(entries: list[bytes]) -> int:
        """All that can be had from the house's log: no bid can be told from another."""
        return len({len(entry) for entry in entries[1:]})

    world = ClearingWorld()
    listing = world.open()
    for key, price in ((ALICE, 100), (BOB, 20)):
        world.bid(listing, key, price)
    assert guess(world.entries) == 1
    world.clear(listing)
    late = world.take(listing, world.make_bid(listing, straw_man, 99))
    assert not isinstance(late, type(straw_man.public)), "and once it can be read it is too late"
    assert world.world.balance(ALICE) == 10_000 - 20


def test_a_straw_man_without_money_raises_no_price() -> None:
    world = ClearingWorld()
    listing = world.open()
    for key, price in ((ALICE, 9_000), (BIDDERS[3], 8_999)):
        world.bid(listing, key, price)
    empty: PrivateKey = BIDDERS[3]
    world.world.must(Transfer(PROVIDER.public, 9_999), empty)
    world.clear(listing)
    assert world.world.balance(ALICE) == 10_000


def test_what_the_provider_may_not_change_between_auction_and_offer() -> None:
    """The ledger itself computes the auction's id from the offer: a bid fits no other."""
    world = ClearingWorld()
    listing = world.open()
    world.bid(listing, ALICE, 100)
    world.clear(listing)
    settled = world.batches[0].transactions[0].transaction.action
    bid = listing.by_account[ALICE.public].opened
    assert bid is not None
    assert isinstance(settled, PostOffer)
    other = replace(settled, allocation_duration_s=9)
    auction_id = other.auction_id(PROVIDER.public)
    ruling = sign_ruling(HOUSE, world.ledger_id, auction_id, listing.head, other.price_ubc, other.consumers)
    other = replace(other, ruling=ruling)  # as if its house helped
    fresh = World()
    fresh.wait(60)
    fresh.must(other, PROVIDER)
    outcome = fresh.run(bid.transaction)
    assert not isinstance(outcome, Applied)
    assert outcome.reason.text == "auction_differs"
