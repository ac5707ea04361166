"""A whole auction in memory: who bids, who lies, who has no money, who goes away; and what the ledger shows at the end.

Every submission checks that money is neither made nor lost, and that a refusal changes no byte
(tests/clearing_world.py).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.clearing.audit import audit_log
from ledger.clearing.book import Listing, Phase
from ledger.clearing.door import MAX_AUCTIONS_OF_ONE, MAX_CHANGES, Refusal
from ledger.clearing.events import OfferRejected, OfferTaken, read_event
from ledger.clearing.house import (
    PATIENCE_S,
    AskKeepers,
    AskLedger,
    AskProvider,
    Close,
    House,
    Submit,
    Wait,
)
from ledger.clearing.provider import Wrong
from ledger.submission import Batch, Executed, Refused
from tests.clearing_world import (
    BIDDERS,
    CLEARING_S,
    HOUSE,
    KEEPERS,
    PROPSHARE,
    SLOT_S,
    VICKREY,
    ClearingWorld,
    away,
    boxed,
    honest,
)
from tests.ledger_world import ALICE, BOB, CAROL, OTHER_BAND, PROVIDER, QOS, buy, offer
from wire.auction import SETTLE_S, write_auction
from wire.auction_bid import conceal_bid, make_bid
from wire.auction_receipt import AuctionReceipt, Status
from wire.auction_terms import GUARD_S, AuctionKind
from wire.errors import DecodeError, VerificationError
from wire.ids import PublicKey
from wire.keys import PrivateKey
from wire.money_actions import Transfer
from wire.post_offer import AuctionShare, PostOffer
from wire.sealed_bid import read_sealed_bid, seal_bid, write_sealed_bid
from wire.transaction import Transaction, read_transaction, sign_transaction
from wire.units import format_instant

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of the group of P-256."""
EXECUTED, OUTBID = (Status.EXECUTED, ""), (Status.CANCELLED, "outbid")


def run(
    prices: list[int], units: int = 1, minimum_ubc: int = 0, kind: AuctionKind = VICKREY, **changes: object
) -> tuple[ClearingWorld, list[tuple[Status, str]], list[int]]:
    """(world, status of each bid, what each bidder paid)"""
    world = ClearingWorld()
    listing = world.open(world.auction(kind, units, minimum_ubc, **changes))
    names = [world.bid(listing, key, price) for key, price in zip(BIDDERS, prices, strict=False)]
    world.clear(listing)
    paid = [10_000 - world.world.balance(key) for key, _ in zip(BIDDERS, prices, strict=False)]
    return world, [world.status(listing, name) for name in names], paid


def test_the_printed_example() -> None:
    """Figure 1 of the paper: the highest bid wins at the second highest."""
    world, statuses, paid = run([70, 100, 90])
    assert statuses == [OUTBID, EXECUTED, OUTBID]
    assert paid == [0, 90, 0]
    assert world.world.balance(PROVIDER) == 90
    assert [type(one.transaction.action).__name__ for one in world.batches[0].transactions] == [
        "PostOffer", "Allocate",
    ]  # fmt: skip


def test_proportional_share() -> None:
    world, statuses, paid = run([50, 30, 20], units=7, kind=PROPSHARE)
    assert statuses == [EXECUTED] * 3
    assert paid == [50, 30, 20]
    shares = world.batches[0].transactions[0].transaction.action
    assert isinstance(shares, PostOffer)
    assert [shares.consumers[key.public].allocations for key in (ALICE, BOB, CAROL)] == [4, 2, 1]


def test_who_gets_no_unit_of_a_proportional_share_pays_nothing() -> None:
    _, statuses, paid = run([500, 400, 1], units=2, kind=PROPSHARE)
    assert statuses == [EXECUTED, EXECUTED, OUTBID]
    assert paid == [500, 400, 0]


@pytest.mark.parametrize("kind", [VICKREY, PROPSHARE])
def test_without_a_bid_nothing_happens(kind: AuctionKind) -> None:
    world = ClearingWorld()
    before = world.world.picture()
    listing = world.clear(world.open(kind=kind))
    assert (listing.receipt().status, listing.receipt().reason) == (Status.INACTIVE, "no_bids")
    assert world.world.picture() == before


# ---- The door


def test_the_same_auction_and_the_same_bid_are_taken_once() -> None:
    world = ClearingWorld()
    listing = world.open()
    again = world.house.take_auction(
        write_auction(listing.auction, PROVIDER, world.ledger_id), world.seller_of, 9
    )
    assert isinstance(again, AuctionReceipt)
    assert again == listing.taken
    bid = world.make_bid(listing, ALICE, 50)
    name = world.take(listing, bid)
    assert isinstance(name, PublicKey)
    said = world.take(listing, bid)
    assert said == listing.receipt(name)
    assert len(world.entries) == 2


def test_who_bids_again_takes_the_place_of_his_first_bid() -> None:
    world = ClearingWorld()
    listing = world.open()
    first, second = world.bid(listing, ALICE, 500), world.bid(listing, ALICE, 60)
    other = world.bid(listing, BOB, 70)
    assert world.status(listing, first) == (Status.PENDING, ""), (
        "nobody sees whose bid the later one replaced"
    )
    world.clear(listing)
    assert world.status(listing, first) == (Status.CANCELLED, "replaced")
    assert [world.status(listing, name) for name in (second, other)] == [OUTBID, EXECUTED]
    assert world.world.balance(BOB) == 10_000 - 60


@pytest.mark.parametrize(
    ("kind", "units", "limit"), [(PROPSHARE, 100, 2), (VICKREY, 3, 2), (VICKREY, 2, None), (VICKREY, 1, None)]
)
def test_no_more_bids_are_taken_than_can_win_in_one_batch(
    kind: AuctionKind, units: int, limit: int | None
) -> None:
    """Who can only lose is in no batch, and sets the price."""
    world = ClearingWorld()
    world.house = House(world.book, HOUSE, max_winners=2)
    listing = world.open(world.auction(kind, units))
    taken = [world.take(listing, world.make_bid(listing, key, 100)) for key in BIDDERS[:4]]
    refused = [one.reason for one in taken if isinstance(one, Refusal)]
    assert refused == ([] if limit is None else ["too_many_bids"] * (4 - limit))
    again = world.take(listing, world.make_bid(listing, BIDDERS[0], 90))
    assert not isinstance(again, Refusal)  # whoever is in may bid again


@pytest.mark.parametrize("kind", [VICKREY, PROPSHARE])
def test_one_purse_does_not_fill_a_house(kind: AuctionKind) -> None:
    world = ClearingWorld()
    listing = world.open(kind=kind)
    for price in range(MAX_CHANGES):
        world.bid(listing, ALICE, 10 + price)
    refusal = world.take(listing, world.make_bid(listing, ALICE, 99))
    assert isinstance(refusal, Refusal)
    assert refusal.reason == "too_many_changes"
    world.restart()
    again = world.take(world.book.listings[listing.auction_id], world.make_bid(listing, ALICE, 99))
    assert isinstance(again, Refusal)
    world.clear(world.book.listings[listing.auction_id])
    assert world.world.balance(ALICE) == 10_000 - (0 if kind is VICKREY else 10 + MAX_CHANGES - 1)


def test_an_open_bid_that_somebody_sends_again_does_not_take_the_place_of_a_later_one() -> None:
    """Open bids stand in the log for all to read; with (r, n - s) the same bid has other bytes."""
    world = ClearingWorld()
    listing = world.open(kind=PROPSHARE, units=2)
    first, second = world.make_bid(listing, ALICE, 10), world.make_bid(listing, ALICE, 90)
    for bid in (first, second):
        assert isinstance(world.take(listing, bid), PublicKey)
    twin = first[:-32] + (ORDER - int.from_bytes(first[-32:], "big")).to_bytes(32, "big")
    for again in (first, twin, second):
        said = world.take(listing, again)
        assert isinstance(said, AuctionReceipt)
        assert said == listing.receipt(ALICE.public)
    world.bid(listing, BOB, 90)
    world.clear(listing)
    assert world.world.balance(ALICE) == 10_000 - 90


def test_too_late_and_unknown() -> None:
    world = ClearingWorld()
    listing = world.open()
    bid = world.make_bid(listing, ALICE, 50)
    for late_s in (CLEARING_S - GUARD_S, CLEARING_S):
        world.world.now_s = late_s
        late = world.take(listing, bid)
        assert isinstance(late, Refusal)
        assert (late.reason, late.detail) == (
            "too_late",
            f"bids were taken until {format_instant(CLEARING_S - GUARD_S)}",
        )
    nowhere = world.house.take_bid(bytes(32), bid, world.standing_of, world.find, 0)
    assert isinstance(nowhere, Refusal)
    assert nowhere.reason == "unknown_auction"
    assert listing.receipt(ALICE.public).status is Status.UNKNOWN


def test_a_sealed_bid_that_is_refused_is_named_and_no_other() -> None:
    """A no that names nobody could be shown to everybody who bids."""
    world = ClearingWorld()
    listing = world.open(minimum_ubc=50)
    world.world.must(Transfer(PROVIDER.public, 9_960), CAROL)
    poor = world.make_bid(listing, CAROL, 70)
    lock = replace(listing.lock, house=PROVIDER.public)
    key = PrivateKey.from_secret(77)
    foreign = write_sealed_bid(seal_bid(lock, b"x", ALICE, key, bytes(16)), key, world.ledger_id)
    for encoded, reason in ((poor, "insufficient_funds"), (foreign, "unreadable")):
        said = world.take(listing, encoded)
        assert isinstance(said, Refusal)
        assert (said.reason, said.bid_id) == (reason, read_sealed_bid(encoded, world.ledger_id).bid_key)
    elsewhere = world.open(clearing_s=CLEARING_S + 9)
    with pytest.raises(VerificationError):
        world.take(elsewhere, poor)
    with pytest.raises(DecodeError):
        world.take(listing, b"junk")
    open_one = world.open(kind=PROPSHARE, clearing_s=CLEARING_S + 19, minimum_ubc=50)
    said = world.take(open_one, world.make_bid(open_one, CAROL, 70))
    assert isinstance(said, Refusal)
    assert (said.reason, said.bid_id) == ("insufficient_funds", None), "nobody's signature was read"


def test_no_refusal_names_a_bid_that_was_taken() -> None:
    """Whoever sends it again in other octets, or its own bidder another one under its name, hears of no bid."""
    world = ClearingWorld()
    listing = world.open()
    bid = world.make_bid(listing, ALICE, 50)
    assert isinstance(world.take(listing, bid), PublicKey)
    for bidder in (ALICE, BOB):
        world.serial -= 1  # the same key makes another bid
        other = world.make_bid(listing, bidder, 60)
        for at_s in (CLEARING_S - GUARD_S - 1, CLEARING_S):
            world.world.now_s = at_s
            said = world.take(listing, other)
            assert isinstance(said, Refusal)
            assert said.bid_id is None
            assert isinstance(world.take(listing, bid), AuctionReceipt)


def test_a_bidder_without_the_minimum_is_not_let_in() -> None:
    world = ClearingWorld()
    listing = world.open(minimum_ubc=20_000)
    refusal = world.take(listing, world.make_bid(listing, ALICE, 20_000))
    assert isinstance(refusal, Refusal)
    assert refusal.reason == "insufficient_funds"


def test_a_name_is_used_once() -> None:
    world = ClearingWorld()
    listing = world.open()
    world.bid(listing, ALICE, 5)
    world.serial -= 1
    refusal = world.take(listing, world.make_bid(listing, BOB, 5))
    assert isinstance(refusal, Refusal)
    assert refusal.reason == "name_taken"


# ---- Money


def test_who_cannot_pay_at_the_clearing_neither_wins_nor_raises_the_price() -> None:
    world = ClearingWorld()
    listing = world.open()
    names = [world.bid(listing, key, price) for key, price in ((ALICE, 9_000), (BOB, 50), (CAROL, 40))]
    world.world.must(Transfer(PROVIDER.public, 5_000), ALICE)
    world.clear(listing)
    assert [world.status(listing, name) for name in names] == [
        (Status.ERROR, "insufficient_funds"), EXECUTED, OUTBID,
    ]  # fmt: skip
    assert world.world.balance(BOB) == 10_000 - 40


@pytest.mark.parametrize("emptied", [1, 2])
def test_a_ladder_of_straw_men_that_is_emptied_once_the_bids_are_known_sets_nobodys_price(
    emptied: int,
) -> None:
    """The provider's friends bid above and below the best bidder; whoever is above him spends his money, and the rung
    below would be the price, if the rest were cleared again.
    """
    world = ClearingWorld()
    listing = world.open()
    ladder = BIDDERS[3 : 3 + emptied]
    names = [world.bid(listing, key, 6_000 + number) for number, key in enumerate(ladder)]
    names += [world.bid(listing, key, price) for key, price in ((ALICE, 5_000), (BOB, 4_990), (CAROL, 50))]

    def slow(question: bytes, now_s: int) -> bytes | Wrong | None:
        for key in ladder:
            if world.world.balance(key):
                world.world.must(Transfer(PROVIDER.public, 10_000), key)
        return honest(question, now_s)

    world.clear(listing, slow)
    assert {world.status(listing, name) for name in names} == {(Status.CANCELLED, "winner_unfunded")}
    assert world.world.balance(ALICE) == 10_000


REAL = ((ALICE, 5_000), (BOB, 50))
RUNGS = (6_000, 5_500, 4_990, 4_000, 2_000)


def ladder(world: ClearingWorld, listing: Listing) -> tuple[list[PrivateKey], list[PublicKey]]:
    """The provider's straw men, one for each rung; and the names of two honest bids."""
    straw_men = BIDDERS[3 : 3 + len(RUNGS)]
    for key, price in zip(straw_men, RUNGS, strict=True):
        world.bid(listing, key, price)
    return straw_men, [world.bid(listing, key, price) for key, price in REAL]


def empty(world: ClearingWorld, accounts: Sequence[PrivateKey]) -> None:
    for key in accounts:
        world.world.must(Transfer(PROVIDER.public, world.world.balance(key)), key)


def test_a_ladder_that_is_emptied_in_the_first_second_is_void_and_not_a_price() -> None:
    """The provider reads all bids as soon as the secrets are told, before the house has done anything with them."""
    world = ClearingWorld()
    listing = world.open()
    straw_men, names = ladder(world, listing)
    world.count(listing)
    world.world.now_s = CLEARING_S
    empty(world, straw_men[:2])
    world.clear(listing)
    assert {world.status(listing, name) for name in names} == {(Status.CANCELLED, "winner_unfunded")}
    assert world.world.balance(ALICE) == 10_000


def test_a_ladder_that_is_emptied_before_anybody_can_read_a_bid_is_no_ladder() -> None:
    """Blindly: who has nothing at the guard takes no part, and whoever has money buys if he is above the others."""
    world = ClearingWorld()
    listing = world.open()
    straw_men, names = ladder(world, listing)
    empty(world, straw_men)
    world.clear(listing)
    assert [world.status(listing, name) for name in names] == [EXECUTED, OUTBID]
    assert world.world.balance(ALICE) == 10_000 - 50


def test_a_house_that_was_away_at_the_guard_clears_when_it_is_back() -> None:
    world = ClearingWorld()
    listing = world.open()
    name = world.bid(listing, ALICE, 100)
    world.world.now_s = CLEARING_S + 30
    world.restart()
    world.clear(world.book.listings[listing.auction_id])
    assert world.status(listing, name) == EXECUTED


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from([VICKREY, PROPSHARE]),
    st.lists(st.tuples(st.integers(0, 12_000), st.integers(0, 10_000)), min_size=1, max_size=6),
    st.integers(1, 4),
)
def test_money_whatever_is_bid_and_spent(kind: AuctionKind, bids: list[tuple[int, int]], units: int) -> None:
    """Whoever spends how much before the clearing: nobody pays above his bid, the provider has what was paid, nobody
    can be below nothing, and no unit is sold twice.
    """
    world = ClearingWorld()
    listing = world.open(kind=kind, units=units)
    for key, (price, _) in zip(BIDDERS, bids, strict=False):
        world.bid(listing, key, price)
    sink = PrivateKey.from_secret(57)
    for key, (_, spent) in zip(BIDDERS, bids, strict=False):
        if spent:
            world.world.must(Transfer(sink.public, spent), key)
    world.clear(listing)
    paid = [10_000 - spent - world.world.balance(key) for key, (_, spent) in zip(BIDDERS, bids, strict=False)]
    assert all(0 <= amount <= price for amount, (price, _) in zip(paid, bids, strict=True))
    assert world.world.balance(PROVIDER) == sum(paid)
    assert sum(award.units for award in listing.awards) <= units
    won = [award.bid.account for award in listing.awards]
    for key, (price, spent) in zip(BIDDERS, bids, strict=False):
        assert key.public not in won or price <= 10_000 - spent


# ---- Providers that are away, late, or lie


def test_a_provider_that_is_away_gets_nothing_and_takes_nothing() -> None:
    world = ClearingWorld()
    listing = world.open()
    name = world.bid(listing, ALICE, 50)
    before = world.world.picture()
    world.clear(listing, away)
    assert world.status(listing, name) == (Status.CANCELLED, "provider_away")
    assert world.world.picture() == before
    assert world.batches == []


def test_a_provider_that_comes_back_in_time_is_heard() -> None:
    world = ClearingWorld()
    listing = world.open()
    name = world.bid(listing, ALICE, 50)
    world.clear(
        listing, lambda question, now_s: honest(question, now_s) if now_s > CLEARING_S + 300 else None
    )
    assert world.status(listing, name) == EXECUTED


def signed(answer: bytes, world: ClearingWorld, key: PrivateKey = PROVIDER, **changes: object) -> bytes:
    """The same answer, with something else in the offer, or another signature."""
    transaction = read_transaction(answer, world.ledger_id).transaction
    until_s = changes.pop("valid_until_s", transaction.valid_until_s)
    assert isinstance(transaction.action, PostOffer)
    action = replace(transaction.action, **changes)  # type: ignore[arg-type]  # fields of an offer
    lie = sign_transaction(Transaction(action, bytes(8), int(str(until_s))), key, world.ledger_id)
    return lie.envelope.encoded


Lie = Callable[[bytes, ClearingWorld], bytes]
LIES: dict[str, Lie] = {
    "another price for a winner": lambda said, world: signed(
        said, world, consumers={ALICE.public: replace(_shares(said, world)[ALICE.public], price_ubc=99)}
    ),
    "other winners": lambda said, world: signed(
        said, world, consumers={BOB.public: _shares(said, world)[ALICE.public]}
    ),
    "more units to somebody": lambda said, world: signed(
        said, world, consumers={ALICE.public: replace(_shares(said, world)[ALICE.public], allocations=2)}
    ),
    "a winner left out": lambda said, world: signed(said, world, consumers={}, auction=None),
    "another price": lambda said, world: signed(said, world, price_ubc=1),
    "more than was for sale": lambda said, world: signed(said, world, max_allocations=1_000),
    "another band": lambda said, world: signed(said, world, band=OTHER_BAND),
    "a worse qos": lambda said, world: signed(said, world, qos=replace(QOS, floor_down_bps=1)),
    "a shorter time": lambda said, world: signed(said, world, allocation_duration_s=1),
    "no auction": lambda said, world: signed(said, world, auction=None),
    "a discount": lambda said, world: signed(said, world, volume_discount_multiplier_ppm=1),
    "valid for too short": lambda said, world: signed(said, world, valid_until_s=CLEARING_S + 1),
    "signed by somebody else": lambda said, world: signed(said, world, key=BOB),
    "no offer at all": lambda _, world: world.world.sign(Transfer(ALICE.public, 1), PROVIDER).envelope.encoded,
    "no bytes that mean anything": lambda said, _: said[:-1],
}  # fmt: skip


def _shares(said: bytes, world: ClearingWorld) -> dict[PublicKey, AuctionShare]:
    action = read_transaction(said, world.ledger_id).transaction.action
    assert isinstance(action, PostOffer)
    return dict(action.consumers)


@pytest.mark.parametrize("lie", LIES)
def test_a_provider_that_lies_gets_nothing_and_takes_nothing(lie: str) -> None:
    world = ClearingWorld()
    listing = world.open()
    name, other = world.bid(listing, ALICE, 100), world.bid(listing, BOB, 40)
    before = world.world.picture()

    def lying(question: bytes, now_s: int) -> bytes | Wrong | None:
        said = honest(question, now_s)
        assert isinstance(said, bytes)
        return LIES[lie](said, world)

    world.clear(listing, lying)
    assert world.status(listing, name) == (Status.CANCELLED, "provider_away")
    assert world.status(listing, other)[0] is Status.CANCELLED
    assert world.batches == []
    assert world.world.picture() == before


def test_a_provider_that_sold_the_air_elsewhere_is_waited_for_and_then_nobody_pays() -> None:
    """It posts an ordinary offer while bids come in, and sells all of the band for longer than the house can wait."""
    world = ClearingWorld()
    listing = world.open()
    name = world.bid(listing, ALICE, 100)
    world.world.must(offer(max_allocations=10, allocation_duration_s=5_000), PROVIDER)
    world.world.must(buy(1_000, allocations=10), BOB)
    before = world.world.balance(ALICE)
    world.clear(listing)
    assert world.status(listing, name) == (Status.CANCELLED, "sold_out")
    assert world.world.balance(ALICE) == before


def test_what_a_batch_that_failed_leaves_in_the_log_moves_no_money_of_the_providers() -> None:
    """Two bids for two units, and the provider lets one of them go before: the log is public, the batch fails."""
    world = ClearingWorld()
    listing = world.open(units=2)
    for key, price in ((ALICE, 9_000), (BOB, 50)):
        world.bid(listing, key, price)
    world.world.must(offer(max_allocations=2, allocation_duration_s=1_000), PROVIDER)
    world.world.must(buy(100), CAROL)
    before = world.world.balance(PROVIDER)
    world.clear(listing)
    assert listing.receipt().reason == "sold_out"
    told = [event.answer for event in map(read_event, world.entries) if isinstance(event, OfferTaken)]
    assert told
    for answer in told:
        signed_offer = read_transaction(answer, world.ledger_id)
        assert isinstance(signed_offer.transaction.action, PostOffer)
        world.submit(Batch((signed_offer,)))
    assert world.world.balance(PROVIDER) == before


def test_bids_survive_what_the_provider_posts_before_the_clearing() -> None:
    world = ClearingWorld()
    listing = world.open()
    name = world.bid(listing, ALICE, 100)
    for _ in range(3):
        world.world.must(offer(price_ubc=7), PROVIDER)
    world.clear(listing)
    assert world.status(listing, name) == EXECUTED


def test_losing_bids_are_worth_nothing_to_the_provider_once_they_can_be_read() -> None:
    """It posts the auction's offer a second time, for the loser and at his bid, and brings his signed bid along."""
    world = ClearingWorld()
    listing = world.open()
    world.bid(listing, ALICE, 100)
    world.bid(listing, BOB, 80)
    world.clear(listing)
    settled = world.batches[0].transactions[0].transaction.action
    loser = listing.by_account[BOB.public].opened
    assert loser is not None
    assert isinstance(settled, PostOffer)
    share = next(iter(settled.consumers.values()))
    again = replace(settled, consumers={BOB.public: share})
    outcome = world.submit(Batch((world.world.sign(again, PROVIDER), loser.transaction)))
    assert isinstance(outcome, Refused)
    assert outcome.reason == "auction_settled"
    alone = world.submit(Batch((loser.transaction,)))
    assert isinstance(alone, Refused)
    assert alone.reason == "not_a_winner"
    assert world.world.balance(BOB) == 10_000


def test_a_provider_cannot_settle_at_other_prices_or_for_others_than_the_house_found() -> None:
    """Once the bids can be read it charges the winner all that he bid, or gives the unit to a friend."""
    world = ClearingWorld()
    listing = world.open()
    names = [world.bid(listing, key, price) for key, price in ((ALICE, 9_000), (BOB, 50))]

    def greedy(question: bytes, now_s: int) -> bytes | Wrong | None:
        said = honest(question, now_s)
        assert isinstance(said, bytes)
        found = read_transaction(said, world.ledger_id).transaction.action
        assert isinstance(found, PostOffer)
        for winner, price in ((ALICE, 9_000), (BOB, 0)):
            bid = listing.by_account[winner.public].opened
            assert bid is not None
            own = replace(found, consumers={winner.public: AuctionShare(1, price)})
            for lie in (own, replace(own, ruling=None)):
                outcome = world.submit(Batch((world.world.sign(lie, PROVIDER), bid.transaction)))
                assert isinstance(outcome, Refused)
                assert outcome.reason == "not_cleared"
        return said

    world.clear(listing, greedy)
    assert [world.status(listing, name) for name in names] == [EXECUTED, OUTBID]
    assert world.world.balance(ALICE) == 10_000 - 50


def test_an_offer_that_the_provider_brings_to_the_ledger_itself_is_not_submitted_again() -> None:
    world = ClearingWorld()
    listing = world.open()
    name = world.bid(listing, ALICE, 100)

    def fast(question: bytes, now_s: int) -> bytes | Wrong | None:
        said = honest(question, now_s)
        assert isinstance(said, bytes)
        signed_offer = read_transaction(said, world.ledger_id)
        assert isinstance(world.submit(Batch((signed_offer,))), Executed)
        return said

    world.clear(listing, fast)
    assert world.status(listing, name) == EXECUTED
    assert len(world.batches[-1].transactions) == 1


# ---- Keepers, restarts, order


def test_without_enough_keepers_nothing_is_opened_and_nobody_pays() -> None:
    world = ClearingWorld()
    listing = world.open()
    name = world.bid(listing, ALICE, 100)
    world.clear(listing, keepers=(1,))
    assert world.status(listing, name) == (Status.CANCELLED, "keepers_away")
    assert listing.by_account[ALICE.public].opened is None


@pytest.mark.parametrize("keepers", [(0, 1), (0, 2), (1, 2), (0, 1, 2)])
def test_whichever_keepers_answer_the_result_is_the_same(keepers: tuple[int, ...]) -> None:
    world = ClearingWorld()
    listing = world.open()
    for key, price in ((ALICE, 100), (BOB, 80)):
        world.bid(listing, key, price)
    world.clear(listing, keepers=keepers)
    assert world.world.balance(ALICE) == 10_000 - 80


def test_secrets_that_are_none_do_not_count() -> None:
    world = ClearingWorld()
    listing = world.open()
    world.world.now_s = CLEARING_S
    secret = KEEPERS[0].key.private_numbers().private_value.to_bytes(32, "big")
    refusal = world.house.take_secrets(
        world.count(listing), {0: secret, 1: bytes(32), 7: secret, -1: secret}, world.now_ns
    )
    assert refusal == Refusal("keepers_away", "0 of 2 secrets were told")


def test_a_bid_that_is_badly_sealed_harms_only_itself() -> None:
    world = ClearingWorld()
    listing = world.open()
    good = world.bid(listing, BOB, 50)
    other = replace(listing.auction, threshold=3)
    listing.auction, kept = other, listing.auction
    bad = world.make_bid(listing, ALICE, 100)
    listing.auction = kept
    name = world.take(listing, bad)
    assert isinstance(name, PublicKey)
    world.clear(listing)
    assert world.status(listing, name) == (Status.ERROR, "badly_sealed")
    assert world.status(listing, good) == EXECUTED


def sealed_forgery(world: ClearingWorld, listing: Listing, bidder: PrivateKey, price_ubc: int) -> bytes:
    """A well sealed bid with a purchase that its account did not sign."""
    bid = make_bid(listing.auction, price_ubc, bidder, world.ledger_id, bytes(8))
    forged = bid[:-64] + make_bid(listing.auction, 1, CAROL, world.ledger_id, bytes(8))[-64:]
    world.serial += 1
    bid_key = PrivateKey.from_secret(1_000 + world.serial)
    return conceal_bid(listing.auction, forged, bidder, bid_key, world.ledger_id, bytes(16))


@pytest.mark.parametrize(
    ("forged_ubc", "status", "paid_ubc"),
    [
        (200, (Status.ERROR, "unreadable"), 40),
        (90, (Status.ERROR, "unreadable"), 40),
        (20, (Status.CANCELLED, "outbid"), 40),
    ],
)
def test_a_bid_that_nobody_signed_wins_nothing_and_sets_no_price(
    forged_ubc: int, status: tuple[Status, str], paid_ubc: int
) -> None:
    """It could never be made to pay, so it may not cost others anything. What loses anyway is not looked at closely."""
    world = ClearingWorld()
    listing = world.open()
    name = world.take(listing, sealed_forgery(world, listing, BIDDERS[3], forged_ubc))
    assert isinstance(name, PublicKey)
    for key, price in ((ALICE, 100), (BOB, 40)):
        world.bid(listing, key, price)
    world.clear(listing)
    assert world.status(listing, name) == status
    assert world.world.balance(ALICE) == 10_000 - paid_ubc


def test_a_sealed_bid_below_the_minimum_is_cancelled() -> None:
    _, statuses, paid = run([3, 9], minimum_ubc=5)
    assert statuses == [(Status.CANCELLED, "below_minimum"), EXECUTED]
    assert paid == [0, 5]


def test_a_house_that_starts_again_at_any_moment_comes_to_the_same_end() -> None:
    reference = ClearingWorld()
    _scenario(reference, restart_after=-1)
    entries = len(reference.entries)
    for restart_after in range(entries):
        world = ClearingWorld()
        _scenario(world, restart_after)
        assert world.entries == reference.entries or len(world.entries) == entries
        assert world.world.balance(BOB) == reference.world.balance(BOB) == 10_000 - 70
        assert world.world.balance(PROVIDER) == 70


def _scenario(world: ClearingWorld, restart_after: int) -> None:
    restarted: list[int] = []

    def note_and_restart() -> None:
        if len(world.entries) == restart_after + 1 and not restarted:
            restarted.append(1)
            world.restart()

    listing = world.open()
    note_and_restart()
    for key, price in ((ALICE, 70), (BOB, 100)):
        world.bid(world.book.listings[listing.auction_id], key, price)
        note_and_restart()
    world.world.now_s = CLEARING_S - GUARD_S
    while (now := world.book.listings[listing.auction_id]).phase is not Phase.CLOSED:
        if not world.do(world.house.next_step(now, world.world.now_s)):
            world.world.now_s = CLEARING_S
        note_and_restart()


def test_an_answer_of_the_ledger_that_is_lost_is_not_needed() -> None:
    """The batch landed and the house fell over before it could write that down."""
    world = ClearingWorld()
    listing = world.open()
    name = world.bid(listing, ALICE, 100)
    world.count(listing)
    world.world.now_s = CLEARING_S
    step = world.house.next_step(listing, world.world.now_s)
    while not isinstance(step, Submit):
        world.do(step)
        step = world.house.next_step(listing, world.world.now_s)
    assert isinstance(world.submit(step.batch), Executed)
    world.restart()
    world.clear(world.book.listings[listing.auction_id])
    assert world.status(listing, name) == EXECUTED
    assert len(world.batches) == 1


def submitted(world: ClearingWorld, listing: Listing) -> Submit:
    """The step before the batch is handed over."""
    world.count(listing)
    world.world.now_s = CLEARING_S
    step = world.house.next_step(listing, world.world.now_s)
    while not isinstance(step, Submit):
        world.do(step)
        step = world.house.next_step(listing, world.world.now_s)
    return step


@pytest.mark.parametrize("later_s", [1, 30, 3_600])
def test_a_house_that_was_down_when_its_batch_landed_calls_no_executed_bid_cancelled(later_s: int) -> None:
    world = ClearingWorld()
    listing = world.open()
    names = [world.bid(listing, key, price) for key, price in ((ALICE, 100), (BOB, 60))]
    assert isinstance(world.submit(submitted(world, listing).batch), Executed)
    world.world.now_s = CLEARING_S + SETTLE_S + later_s
    world.restart()
    world.clear(world.book.listings[listing.auction_id])
    assert [world.status(listing, name) for name in names] == [EXECUTED, OUTBID]


@pytest.mark.parametrize("lands", [True, False])
@pytest.mark.parametrize("session", [True, False])
def test_no_auction_is_given_up_while_its_batch_may_still_land(*, session: bool, lands: bool) -> None:
    """Our clock is an hour past the last second, and the ledger's last block is of that second: the next one may be."""
    world = ClearingWorld()
    listing = world.open(world.session(6) if session else world.auction())
    bidders = ((ALICE, 100), (BOB, 60))
    names = [world.bid(listing, key, price, 4 if session else 1, int(session)) for key, price in bidders]
    world.count(listing)
    world.world.now_s = CLEARING_S
    while listing.phase is not Phase.OFFERED:
        step = world.house.next_step(listing, CLEARING_S)
        assert world.answer(listing) if step is None else world.do(step)
    last_s, clock_s = listing.auction.settle_by_s, CLEARING_S + SETTLE_S + 3_600
    ledger_s = last_s
    world.house = House(
        world.book, HOUSE, world.landed.__contains__, is_past=lambda time_s: ledger_s >= time_s
    )
    assert isinstance(world.house.next_step(listing, clock_s), Submit)
    batch = world.house.batch(listing)
    late = Refused(batch.transactions[0].transaction_id, "expired", "by our clock", 1, clock_s)
    world.note(world.house.take_outcome(listing, batch, late, clock_s * 10**9))
    assert not isinstance(world.house.next_step(listing, clock_s), Close)
    assert world.status(listing, names[0]) == (Status.PENDING, "expired")
    if lands:
        world.world.now_s = last_s
        assert isinstance(world.submit(batch), Executed)
    ledger_s += 1
    step = world.house.next_step(listing, clock_s)
    assert isinstance(step, Close)
    world.note(world.house.close(step, clock_s * 10**9))
    void = (Status.CANCELLED, "expired")
    assert [world.status(listing, name) for name in names] == ([EXECUTED, OUTBID] if lands else [void, void])
    assert world.house.next_step(listing, clock_s) is None
    assert [one.wrong for one in audit_log(world.entries, world.ledger_id).auctions] == [""]


def test_what_nobody_but_the_house_can_have_brought_is_given_up_by_the_clock() -> None:
    """Before the provider has the ruling nothing can land."""
    world = ClearingWorld()
    listing = world.open()
    world.bid(listing, ALICE, 100)
    world.house = House(world.book, HOUSE, is_past=lambda _time_s: False)
    world.count(listing)
    assert isinstance(world.house.next_step(listing, listing.auction.settle_by_s), AskKeepers)
    assert isinstance(world.house.next_step(listing, listing.auction.settle_by_s + 1), Close)


def test_a_batch_that_landed_before_is_settled_whatever_is_said_to_the_second_one() -> None:
    world = ClearingWorld()
    listing = world.open()
    name = world.bid(listing, ALICE, 100)
    step = submitted(world, listing)
    assert isinstance(world.submit(step.batch), Executed)
    again = Refused(step.batch.transactions[0].transaction_id, "replayed", "ran in block 1", 1, CLEARING_S)
    world.note(world.house.take_outcome(listing, step.batch, again, world.now_ns))
    assert world.status(listing, name) == EXECUTED


@pytest.mark.parametrize("brought", [1, 2])
def test_bids_that_a_silent_provider_brings_to_the_ledger_itself_are_executed(brought: int) -> None:
    world = ClearingWorld()
    listing = world.open(units=2)
    names = [world.bid(listing, key, price) for key, price in ((ALICE, 100), (BOB, 60), (CAROL, 40))]

    def silent(question: bytes, now_s: int) -> bytes | Wrong | None:
        said = honest(question, now_s)
        if not world.batches:
            assert isinstance(said, bytes)
            bids = [award.bid.transaction for award in listing.awards[:brought]]
            assert isinstance(world.submit(Batch((read_transaction(said, world.ledger_id), *bids))), Executed)
        return None

    world.clear(listing, silent)
    statuses = [world.status(listing, name)[0] for name in names]
    assert statuses == [
        Status.EXECUTED,
        Status.EXECUTED if brought == 2 else Status.CANCELLED,
        Status.CANCELLED,
    ]


def test_one_provider_does_not_fill_a_house() -> None:
    world = ClearingWorld()
    for number in range(MAX_AUCTIONS_OF_ONE):
        world.open(clearing_s=CLEARING_S + number)
    one_more = write_auction(world.auction(clearing_s=CLEARING_S + 99), PROVIDER, world.ledger_id)
    refusal = world.house.take_auction(one_more, world.seller_of, world.now_ns)
    assert isinstance(refusal, Refusal)
    assert refusal.reason == "too_many_auctions"


def test_the_steps_of_an_auction() -> None:
    world = ClearingWorld()
    listing = world.open()
    world.bid(listing, ALICE, 100)
    assert list(world.house.steps(CLEARING_S - GUARD_S - 1)) == []
    (early,) = world.house.steps(CLEARING_S - GUARD_S)
    kinds = [type(early)]
    world.world.now_s = CLEARING_S - GUARD_S
    world.do(early)
    assert list(world.house.steps(CLEARING_S - 1)) == []
    world.world.now_s = CLEARING_S
    while listing.phase is not Phase.CLOSED:
        (step,) = world.house.steps(CLEARING_S)
        kinds.append(type(step))
        world.do(step)
    assert kinds == [AskLedger, AskKeepers, AskProvider, Submit]


def test_a_providers_auctions_are_settled_in_the_order_of_their_times() -> None:
    world = ClearingWorld()
    late, early = world.open(clearing_s=CLEARING_S + 1), world.open(clearing_s=CLEARING_S)
    for key in (ALICE, BOB):
        world.bid(early, key, 50)
        world.bid(late, key, 50)
    world.count(late)
    world.count(early)
    world.world.now_s = CLEARING_S + 5
    for listing in (late, early):
        assert world.do(world.house.next_step(listing, CLEARING_S + 5))
    first, second = world.house.steps(CLEARING_S + 5)
    assert (first.listing, type(first), second.listing, type(second)) == (early, AskProvider, late, Wait)
    world.clear(early)
    assert [type(step) for step in world.house.steps(CLEARING_S + 5)] == [AskProvider]


def test_a_waiting_auction_says_why_it_waits_to_its_provider_and_its_bidders() -> None:
    world = ClearingWorld()
    listing = world.open(units=2)
    first, second = world.bid(listing, ALICE, 50), world.bid(listing, ALICE, 60)
    listing.rejected = "funds_unknown", "asked again"
    assert world.status(listing, first) == world.status(listing, second) == (Status.PENDING, "funds_unknown")
    listing.rejected = "", ""
    world.count(listing)
    world.world.now_s = CLEARING_S
    for _ in range(2):
        world.do(world.house.next_step(listing, CLEARING_S))
    assert world.status(listing, second) == (Status.PENDING, "")
    world.note(OfferRejected(world.now_ns, listing.auction_id, "sold_out", "1 units wanted, 0 left"))
    assert world.status(listing, second) == (Status.PENDING, "sold_out")
    assert world.status(listing, first) == (Status.CANCELLED, "replaced")
    receipt = listing.receipt()
    assert (receipt.status, receipt.reason, receipt.detail) == (
        Status.ACTIVE,
        "sold_out",
        "1 units wanted, 0 left",
    )
    world.clear(listing)
    assert world.status(listing, second) == EXECUTED
    assert (listing.receipt().status, listing.receipt().reason) == (Status.INACTIVE, "")


def test_an_auction_that_stands_still_holds_the_providers_next_one_up_for_a_minute_and_says_so() -> None:
    """Two of the first one's keepers are away; those of the second one are not."""
    world = ClearingWorld()
    early, late = world.open(), world.open(clearing_s=CLEARING_S + 10)
    names = [world.bid(listing, ALICE, 50) for listing in (early, late)]
    world.count(early)
    world.count(late)
    world.world.now_s = CLEARING_S + 10
    assert world.do(world.house.next_step(late, world.world.now_s))
    step = world.house.next_step(late, CLEARING_S + 10 + PATIENCE_S - 1)
    assert isinstance(step, Wait)
    assert step.why.reason == "waits_for_another"
    assert early.auction_id.hex() in step.why.detail
    early.rejected = "keepers_away", "1 of 2 secrets were told"
    (again,) = (one for one in world.house.steps(CLEARING_S + 11) if one.listing is late)
    assert isinstance(again, Wait)
    assert "keepers_away: 1 of 2 secrets were told" in again.why.detail
    world.world.now_s = CLEARING_S + 10 + PATIENCE_S
    world.clear(late)
    assert world.status(late, names[1]) == EXECUTED
    world.clear(early)
    assert world.status(early, names[0]) == (Status.CANCELLED, "auction_settled")
    assert world.world.balance(ALICE) == 10_000


def test_of_two_auctions_of_a_provider_for_the_same_second_one_is_taken() -> None:
    world = ClearingWorld()
    world.open()
    other = write_auction(world.auction(units=2), PROVIDER, world.ledger_id)
    refusal = world.house.take_auction(other, world.seller_of, world.now_ns)
    assert isinstance(refusal, Refusal)
    assert refusal.reason == "second_taken"


def test_nothing_is_settled_after_its_last_second() -> None:
    world = ClearingWorld()
    listing = world.open()
    name = world.bid(listing, ALICE, 100)
    world.world.now_s = CLEARING_S + SETTLE_S + 1
    world.clear(listing)
    assert world.status(listing, name) == (Status.CANCELLED, "house_away")
    assert world.batches == []


@settings(max_examples=20, deadline=None)
@given(
    st.permutations([(ALICE, 100), (BOB, 80), (CAROL, 60), (BIDDERS[3], 40)]),
    st.sampled_from([VICKREY, PROPSHARE]),
)
def test_the_order_in_which_bids_arrive_is_nothing(
    bids: list[tuple[PrivateKey, int]], kind: AuctionKind
) -> None:
    world = ClearingWorld()
    listing = world.open(kind=kind, units=2)
    for key, price in bids:
        world.bid(listing, key, price)
    world.clear(listing)
    paid = [10_000 - world.world.balance(key) for key in BIDDERS[:4]]
    assert paid == ([60, 60, 0, 0] if kind is VICKREY else [100, 80, 0, 0])


def test_ties_go_to_who_came_first() -> None:
    _, statuses, paid = run([50, 50, 50], units=2)
    assert statuses == [EXECUTED, EXECUTED, OUTBID]
    assert paid == [50, 50, 0]


def test_the_house_is_named_in_its_own_auctions() -> None:
    assert ClearingWorld().auction().house == HOUSE.public


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=80), st.integers(0, 700), st.sampled_from([VICKREY, PROPSHARE]))
def test_whatever_is_sent_is_taken_or_refused_in_words(garbage: bytes, at: int, kind: AuctionKind) -> None:
    """A bid with other octets in some place, or more or fewer: never another error, and nothing in the log."""
    world = ClearingWorld()
    listing = world.open(kind=kind)
    bid = world.make_bid(listing, ALICE, 50)
    garbled = bid[:at] + garbage + bid[at + len(garbage) :]
    entries = len(world.entries)
    try:
        said = world.take(listing, garbled)
    except DecodeError:
        said = None
    assert isinstance(said, PublicKey) == (garbled == bid)
    assert len(world.entries) == entries + (garbled == bid)


# ---- Session auctions


ALL_OF_SIX = ((ALICE, 3, 3, 9_000), (BOB, 2, 1, 5_000), (CAROL, 3, 1, 4_000))
"""Who, units, slots, worth: as in the lab's story, at a tenth of its prices."""


def sell_sessions(
    world: ClearingWorld, asked: Sequence[tuple[PrivateKey, int, int, int]], *forecast: int, **changes: object
) -> tuple[Listing, list[PublicKey]]:
    listing = world.open(world.session(*forecast, **changes))  # type: ignore[arg-type]
    return listing, [world.bid(listing, key, worth, units, slots) for key, units, slots, worth in asked]


def test_sessions_win_units_for_slots_and_who_lost_reads_what_would_have_won() -> None:
    world = ClearingWorld()
    listing, names = sell_sessions(world, ALL_OF_SIX, 6, 6, 6, 6, minimum_ubc=100)
    world.clear(listing)
    assert [world.status(listing, name) for name in names] == [EXECUTED, EXECUTED, OUTBID]
    assert [10_000 - world.world.balance(key) for key in (ALICE, BOB, CAROL)] == [4_000, 4_000, 0]
    assert world.world.balance(PROVIDER) == 8_000
    receipt = listing.receipt(names[2])
    assert (receipt.wins_above_ubc, receipt.detail) == (5_000, "would have won with more than 0.005 BC")
    assert [listing.receipt(name).wins_above_ubc for name in (None, *names[:2])] == [None] * 3
    (batch,) = world.batches
    offered = batch.transactions[0].transaction.action
    assert isinstance(offered, PostOffer)
    shares = {key: (one.allocations, one.slots, one.price_ubc) for key, one in offered.consumers.items()}
    assert shares == {ALICE.public: (3, 3, 4_000), BOB.public: (2, 1, 4_000)}
    assert offered.price_ubc == 100


def test_what_one_auction_sold_is_free_in_the_next_from_its_last_slot_on() -> None:
    """Alice holds three of ten units for two slots; a third auction begins where they end."""
    world = ClearingWorld()
    for number, (who, units, free) in enumerate(((ALICE, 3, 10), (BOB, 7, 7), (CAROL, 3, 3))):
        sold = [(who, units, 2, 1_000)]
        listing, (name,) = sell_sessions(world, sold, free, free, clearing_s=CLEARING_S + number * SLOT_S)
        world.clear(listing)
        assert world.status(listing, name) == EXECUTED


@pytest.mark.parametrize("seed", range(3))
def test_a_box_that_shows_what_is_free_sells_all_that_it_auctions(seed: int) -> None:
    """Ten auctions, one each slot; the forecast of each is what the sessions that won before leave of ten units."""
    chance, world = random.Random(seed), ClearingWorld()
    held: list[tuple[int, int]] = []
    settled = 0
    for number in range(10):
        free = [10 - sum(units for units, last in held if last > number + slot) for slot in range(4)]
        asked = [
            (key, chance.randint(1, 3), chance.randint(1, 4), chance.randint(1, 900))
            for key in BIDDERS[: chance.randint(0, 6)]
        ]
        listing, _ = sell_sessions(world, asked, *free, clearing_s=CLEARING_S + number * SLOT_S)
        world.clear(listing)
        assert listing.receipt().reason in ("", "no_bids")
        settled += not listing.receipt().reason
        held += [(award.units, number + award.slots) for award in listing.awards]
    assert settled > 5
    assert {one.wrong for one in audit_log(world.entries, world.ledger_id).auctions} == {""}


def test_a_forecast_of_more_than_is_free_sells_nothing() -> None:
    """A box that shows what it does not have, before the door can know: the ledger counts, all or none, and the bids
    die. Once it is sold, the door refuses.
    """
    world = ClearingWorld()
    listing, _ = sell_sessions(world, [(ALICE, 8, 2, 1_000)], 10, 10)
    second, names = sell_sessions(
        world, [(BOB, 2, 1, 900), (CAROL, 1, 1, 900)], 10, 10, clearing_s=CLEARING_S + SLOT_S
    )
    world.clear(listing)
    late = write_auction(world.session(3, 10, clearing_s=CLEARING_S + SLOT_S + 1), PROVIDER, world.ledger_id)
    refusal = world.house.take_auction(late, world.seller_of, world.now_ns)
    assert isinstance(refusal, Refusal)
    assert refusal.reason == "not_free"
    world.clear(second)
    assert second.receipt().reason == "sold_out"
    assert {world.status(second, name) for name in names} == {(Status.CANCELLED, "sold_out")}
    assert [world.world.balance(key) for key in (BOB, CAROL)] == [10_000, 10_000]


@pytest.mark.parametrize(
    ("units", "slots", "worth", "status", "reason"),
    [
        (1, 0, 900, Status.ERROR, "no_slots"),
        (1, 4, 900, Status.ERROR, "too_long"),
        (4, 1, 900, Status.ERROR, "over_capacity"),
        (3, 2, 599, Status.CANCELLED, "below_minimum"),
        (1, 1, 2**43 + 1, Status.ERROR, "too_large"),
        (1, 1, 10_001, Status.ERROR, "insufficient_funds"),
    ],
)
def test_a_session_that_takes_no_part_sets_no_price(
    units: int, slots: int, worth: int, status: Status, reason: str
) -> None:
    world = ClearingWorld()
    listing, (wrong, right) = sell_sessions(
        world, [(ALICE, units, slots, worth), (BOB, 3, 1, 700)], 3, 3, 6, minimum_ubc=100
    )
    world.clear(listing)
    assert world.status(listing, wrong) == (status, reason)
    assert listing.receipt(wrong).wins_above_ubc is None
    assert world.status(listing, right) == EXECUTED
    assert world.world.balance(BOB) == 10_000 - 300


def test_the_house_calls_nobody_for_a_session_auction_but_may_be_asked() -> None:
    world = ClearingWorld()
    listing, _ = sell_sessions(world, ALL_OF_SIX, 6)
    world.count(listing)
    assert not world.house.may_answer(listing, world.world.now_s)
    world.world.now_s = CLEARING_S
    step = world.house.next_step(listing, CLEARING_S)
    assert isinstance(step, AskKeepers)
    world.do(step)
    assert world.house.next_step(listing, CLEARING_S) is None
    assert world.house.may_answer(listing, listing.auction.settle_by_s)
    assert not world.house.may_answer(listing, listing.auction.settle_by_s + 1)
    assert world.answer(listing)
    assert not world.house.may_answer(listing, CLEARING_S)
    assert isinstance(world.house.next_step(listing, CLEARING_S), Submit)


def test_a_question_asked_twice_is_answered_by_one_transaction() -> None:
    world = ClearingWorld()
    listing, _ = sell_sessions(world, ALL_OF_SIX, 6, 6, 6)
    world.count(listing)
    world.world.now_s = CLEARING_S
    world.do(world.house.next_step(listing, CLEARING_S))
    ids = set[bytes]()
    for _ in range(3):
        said = boxed(world.house.question(listing), 0)
        assert isinstance(said, bytes)
        ids.add(read_transaction(said, world.ledger_id).transaction_id)
    assert len(ids) == 1


def test_a_box_that_is_away_costs_its_next_auction_nothing() -> None:
    """Void half a slot after the clearing time, before the next one is cleared."""
    world = ClearingWorld()
    listing, names = sell_sessions(world, ALL_OF_SIX, 6, 6, 6)
    world.count(listing)
    world.world.now_s = CLEARING_S
    world.do(world.house.next_step(listing, CLEARING_S))
    last_s = listing.auction.settle_by_s
    assert last_s == CLEARING_S + SLOT_S // 2
    following, (later,) = sell_sessions(world, [(BOB, 1, 1, 500)], 6, clearing_s=CLEARING_S + SLOT_S)
    assert world.house.next_step(listing, last_s) is None
    step = world.house.next_step(listing, last_s + 1)
    assert isinstance(step, Close)
    world.do(step)
    assert {world.status(listing, name) for name in names} == {(Status.CANCELLED, "provider_away")}
    assert [listing.receipt(name).wins_above_ubc for name in names] == [None] * 3
    world.clear(following)
    assert world.status(following, later) == EXECUTED


def test_who_spends_his_money_after_the_guard_ends_one_session_auction_and_not_the_next() -> None:
    world = ClearingWorld()
    listing, names = sell_sessions(world, ALL_OF_SIX, 6, 6, 6)
    world.count(listing)
    world.world.must(Transfer(PROVIDER.public, 9_999), ALICE)
    world.clear(listing)
    assert listing.receipt().reason == "winner_unfunded"
    following, names = sell_sessions(world, ALL_OF_SIX[1:], 6, 6, 6, clearing_s=CLEARING_S + SLOT_S)
    world.clear(following)
    assert [world.status(following, name) for name in names] == [EXECUTED, EXECUTED]


@pytest.mark.parametrize("lie", ["units", "price", "slots", "another"])
def test_a_box_that_answers_something_else_settles_nothing(lie: str) -> None:
    world = ClearingWorld()
    listing, _ = sell_sessions(world, ALL_OF_SIX, 6, 6, 6)

    def lying(question: bytes, now_s: int) -> bytes:
        honest = boxed(question, now_s)
        assert isinstance(honest, bytes)
        signed = read_transaction(honest, world.ledger_id).transaction
        action = signed.action
        assert isinstance(action, PostOffer)
        share = action.consumers[ALICE.public]
        shares = {
            "units": replace(share, allocations=2),
            "price": replace(share, price_ubc=3_999),
            "slots": replace(share, slots=2),
            "another": share,
        }
        consumers = {**action.consumers, (CAROL if lie == "another" else ALICE).public: shares[lie]}
        wrong = replace(signed, action=replace(action, consumers=consumers))
        return sign_transaction(wrong, PROVIDER, world.ledger_id).envelope.encoded

    world.clear(listing, provider=lying)
    assert listing.receipt().reason == "provider_away"
    assert world.batches == []


def test_a_house_that_starts_again_at_any_moment_clears_sessions_to_the_same_end() -> None:
    def run_with(restart_after: int) -> list[tuple[Status, str, int | None]]:
        world = ClearingWorld()
        listing, names = sell_sessions(world, ALL_OF_SIX, 6, 6, 6)
        world.count(listing)
        world.world.now_s = CLEARING_S
        for step_number in range(4):
            if step_number == restart_after:
                world.restart()
                listing = world.book.listings[listing.auction_id]
            step = world.house.next_step(listing, CLEARING_S)
            assert world.answer(listing) if step is None else world.do(step)
            if not listing.is_active:
                break
        said = [listing.receipt(name) for name in names]
        return [(one.status, one.reason, one.wins_above_ubc) for one in said]

    expected = run_with(99)
    assert [one[0] for one in expected] == [Status.EXECUTED, Status.EXECUTED, Status.CANCELLED]
    assert all(run_with(number) == expected for number in range(3))


@pytest.mark.parametrize(("slots", "reason"), [(1, None), (60, "too_many_winners")])
def test_how_many_can_win_goes_by_the_longest_session(slots: int, reason: str | None) -> None:
    """Each grant of a thousand periods costs the ledger a thousand looks; a batch has room for 124 of them."""
    world = ClearingWorld()
    auction = world.session(*(200,) * slots, units=250)
    auction = replace(auction, terms=replace(auction.terms, allocation_duration_s=1_000))
    said = world.house.take_auction(
        write_auction(auction, PROVIDER, world.ledger_id), world.seller_of, world.now_ns
    )
    assert (said.reason if isinstance(said, Refusal) else None) == reason


def test_no_more_sessions_are_taken_than_one_batch_settles() -> None:
    world = ClearingWorld()
    world.house = House(world.book, HOUSE, max_winners=2)
    listing, _ = sell_sessions(world, ALL_OF_SIX[:2], 6, 6, 6)
    said = world.take(listing, world.make_bid(listing, CAROL, 5, 1, 1))
    assert isinstance(said, Refusal)
    assert (said.reason, said.detail) == ("too_many_bids", "there are 2 bids in this auction")


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(1, 3_000)), max_size=6),
    st.lists(st.integers(0, 6), min_size=1, max_size=3),
)
def test_sessions_whatever_is_bid(asked: list[tuple[int, int, int]], forecast: list[int]) -> None:
    """Nobody pays more than he bid; what he who lost is told wins if he bids more in the same company."""
    world = ClearingWorld()
    bidders = [(key, *one) for key, one in zip(BIDDERS, asked, strict=False)]
    listing, names = sell_sessions(world, bidders, *forecast)
    world.clear(listing)
    won = {award.bid.account: award for award in listing.awards}
    for (key, units, slots, worth), name in zip(bidders, names, strict=True):
        paid, receipt = 10_000 - world.world.balance(key), listing.receipt(name)
        assert 0 <= paid <= worth
        assert (receipt.status is Status.EXECUTED) == (key.public in won)
        if key.public in won:
            assert (won[key.public].units, won[key.public].slots) == (units, slots)
        elif receipt.reason == "outbid":
            assert receipt.wins_above_ubc is not None
            assert receipt.wins_above_ubc >= worth
