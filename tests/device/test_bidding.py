"""Bidding, one ending after the other: who wins, who loses and why, who is not trusted, and who is silent."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from device.bidding import BidWish, ForgetBid, MakeBid, Phase, check_won, resume
from device.events import DatagramReceived, SendFailed, Source, Started
from nas_tunnel.lobby import AskAuction, AskBid, Bid, BidSaid, Discover, Outcome, Purchase, Refused
from tests.device.bidding_world import (
    AP,
    CLEARING_S,
    LEDGER,
    LEDGER_ID,
    NAME,
    OPENS_S,
    PINNED,
    PROVIDER,
    QOS,
    SLOT_S,
    STRANGER,
    WISH,
    BiddingWorld,
    Seller,
    auction,
    forecast,
)
from wire.auction_receipt import AuctionReceipt, Status, write_auction_receipt
from wire.qos import Qos
from wire.time_key import TimeKey, write_time_key
from wire.units import Now


@pytest.fixture
def world() -> BiddingWorld:
    return BiddingWorld()


def _wish(world: BiddingWorld, **changes: int) -> BiddingWorld:
    world.state = replace(world.state, wish=replace(WISH, **changes))
    return world


def test_who_wins_has_a_grant_that_ends_on_the_grid(world: BiddingWorld) -> None:
    state = world.run()
    assert state.phase is Phase.WON
    assert state.grant is not None
    assert (state.grant.allocations, state.grant.ends_s) == (3, CLEARING_S + 2 * SLOT_S)
    assert state.price == "for 0.04 BC"
    (made,) = [one for one in world.commands if isinstance(one, MakeBid)]
    assert (made.price_ubc, made.units, made.slots) == (90_000, 3, 2)
    assert CLEARING_S <= world.now.utc_s <= CLEARING_S + 2


def test_nothing_is_asked_of_the_house_before_the_clearing(world: BiddingWorld) -> None:
    world.run(CLEARING_S)
    assert (world.said(Bid), world.said(AskBid), world.said(Purchase)) == (1, 0, 0)
    assert world.state.phase is Phase.WAITING


def test_who_loses_is_told_what_would_have_won(world: BiddingWorld) -> None:
    world.seller.word = (Status.CANCELLED, "outbid", "", 50_000)
    failure = world.fail()
    assert (failure.reason, failure.source) == ("outbid", Source.LEDGER)
    assert (
        failure.detail
        == "3 units for 2 slots; others' bids were worth more: more than 0.05 BC would have won"
    )
    assert world.state.wins_above_ubc == 50_000
    assert isinstance(world.commands[-1], ForgetBid)
    assert world.said(Purchase) == 0


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (Status.ERROR, "insufficient_funds"),
        (Status.CANCELLED, "provider_away"),
        (Status.CANCELLED, "no_bids"),
    ],
)
def test_every_other_end_has_its_reason(world: BiddingWorld, status: Status, reason: str) -> None:
    world.seller.word = (status, reason, "a sentence", None)
    failure = world.fail()
    assert (failure.reason, failure.source) == (reason, Source.LEDGER)
    assert failure.detail.endswith("a sentence")


@pytest.mark.parametrize(
    ("units", "reason"),
    [((2, 6, 6, 6), "nothing_left"), ((6, 2, 6, 6), "nothing_left"), ((6,), "too_long")],
)
def test_what_is_not_there_is_not_bid_for(world: BiddingWorld, units: tuple[int, ...], reason: str) -> None:
    world.seller.held = [forecast(*units)]
    failure = world.fail()
    assert (failure.reason, failure.source) == (reason, Source.DEVICE)
    assert f"free are {', '.join(map(str, units))}" in failure.detail
    assert world.said(Bid) == 0


def test_a_worth_below_the_reserve_price_is_said_and_not_signed(world: BiddingWorld) -> None:
    world.seller.held = [forecast(6, 6, minimum_ubc=15_001)]
    failure = world.fail()
    assert (failure.reason, failure.detail) == (
        "below_minimum",
        "3 units for 2 slots cost at least 0.090006 BC",
    )
    assert not [one for one in world.commands if isinstance(one, MakeBid)]


def test_units_are_of_the_direction_that_needs_more_and_slots_are_whole(world: BiddingWorld) -> None:
    for wish, bundle in (
        (BidWish(1_000_001, 0, 1, 90_000), (2, 1)),
        (BidWish(0, 2_100_000, SLOT_S, 90_000), (5, 1)),
        (BidWish(0, 0, SLOT_S + 1, 90_000), (1, 2)),
    ):
        fresh = BiddingWorld(state=replace(world.state, wish=wish))
        fresh.run()
        (made,) = [one for one in fresh.commands if isinstance(one, MakeBid)]
        assert (made.units, made.slots) == bundle


def test_what_is_not_guaranteed_at_all_is_not_bid_for(world: BiddingWorld) -> None:
    plain = auction()
    world.seller.held = [
        replace(plain, terms=replace(plain.terms, qos=Qos(1_000_000, 2_000_000, 0, 1_000_000)))
    ]
    assert world.fail().reason == "no_guarantee"


def test_an_auction_that_others_could_read_is_not_bid_in(world: BiddingWorld) -> None:
    theirs = write_time_key(TimeKey(STRANGER.public, CLEARING_S, NAME.public), STRANGER)
    ours = auction().time_keys[0]
    for one in (
        auction(house=STRANGER.public),
        auction(time_keys=(theirs,)),
        auction(time_keys=(ours, theirs), threshold=1),
    ):
        fresh = BiddingWorld(seller=Seller(held=[one]))
        failure = fresh.fail()
        assert failure.reason == "no_auction"
        assert f"{STRANGER.public}, who is not the pinned ledger" in failure.detail
        assert fresh.said(Bid) == 0


def test_an_auction_of_somebody_else_is_not_bid_in(world: BiddingWorld) -> None:
    world.seller.announces = STRANGER
    assert world.fail().reason == "no_auction"
    assert world.state.dropped["bad_auction"] > 0
    assert world.said(Bid) == 0


def test_a_foreign_ledgers_auction_is_not_bid_in(world: BiddingWorld) -> None:
    world.state = replace(world.state, pinned=replace(PINNED, key=STRANGER.public))
    assert "sells through ledger" in world.fail().detail
    assert world.said(Bid) == 0


def test_a_late_device_bids_in_the_next_auction(world: BiddingWorld) -> None:
    world.now = Now(5_000_000_000, (CLEARING_S - 1) * 1_000)
    world.seller.held = [auction(), auction(CLEARING_S + SLOT_S)]
    assert world.run().grant is not None
    assert world.state.placed is not None
    assert world.state.placed.auction.terms.mark.clearing_s == CLEARING_S + SLOT_S


def test_a_clock_that_is_ahead_is_named(world: BiddingWorld) -> None:
    world.feed(Started())
    world.now = Now(world.now.mono_ns, CLEARING_S * 1_000)
    ours = world.now
    world.now = Now(ours.mono_ns, (CLEARING_S - 5) * 1_000)
    shown = world.seller.show(world.now.utc_s)  # what the access point says at its own time
    world.now = ours
    world.hear(shown)
    assert world.state.setback.endswith("this clock is 5 s ahead of the access point's")


def test_who_comes_too_late_at_the_door_bids_in_the_next_auction_and_never_twice_in_one(
    world: BiddingWorld,
) -> None:
    world.seller.door = [("too_late", "bids are taken until then")]
    world.seller.held = [auction(), auction(CLEARING_S + SLOT_S)]
    assert world.run().phase is Phase.WON
    made = [one.auction.auction_id for one in world.commands if isinstance(one, MakeBid)]
    assert made == [one.auction_id for one in world.seller.held]
    assert sum(isinstance(one, ForgetBid) for one in world.commands) == 1


def test_a_refusal_at_the_door_ends_it(world: BiddingWorld) -> None:
    world.seller.door = [("unknown_issuer", "the bidder has no account")]
    failure = world.fail()
    assert (failure.reason, failure.source) == ("unknown_issuer", Source.LEDGER)


def test_with_every_second_datagram_lost_the_bid_is_there_in_time(world: BiddingWorld) -> None:
    """As for a station that fills the rate that it has (measured: 16 to 20 of 40 questions answered)."""
    for seed in range(200):
        chance, lossy = random.Random(seed), BiddingWorld(now=Now(5_000_000_000, OPENS_S * 1_000))
        answer = lossy.seller.answer
        lossy.carry = lambda message, utc_s, chance=chance, answer=answer: (
            answer(message, utc_s) if chance.random() < 0.45 else None
        )
        state = lossy.run()
        assert state.phase is Phase.WON, (seed, state.failure)


def test_a_bid_is_sent_again_until_its_receipt_is_there(world: BiddingWorld) -> None:
    world.seller.silent = {Bid}
    world.run(CLEARING_S - 4)
    sent = world.said(Bid)
    assert sent > 3
    world.seller.silent = set()
    assert world.run().phase is Phase.WON
    assert len({one.bid for one in world.sent if isinstance(one, Bid)}) == 1


def test_who_has_no_receipt_asks_all_the_same(world: BiddingWorld) -> None:
    """It was taken, and the receipt was lost."""
    world.seller.silent = {Bid}
    world.run(CLEARING_S - 1)
    assert world.state.placed is not None
    world.seller.taken.add(world.state.placed.auction.auction_id)
    assert world.run().phase is Phase.WON


def test_a_bid_that_never_came_is_known_to_be_dead_only_after_the_settling(world: BiddingWorld) -> None:
    world.seller.silent = {Bid}
    assert world.fail().reason == "not_taken"
    assert world.now.utc_s > auction().settle_by_s


def test_where_the_house_is_silent_the_ledger_says_that_a_bid_is_dead(world: BiddingWorld) -> None:
    world.seller.silent = {AskBid}
    world.seller.ledger_says = ("expired", "it was valid until then")
    assert world.fail().reason == "expired"
    assert world.now.utc_s > auction().settle_by_s
    assert isinstance(world.commands[-1], ForgetBid)


def test_without_a_word_the_outcome_is_unknown_and_the_bid_stays_kept(world: BiddingWorld) -> None:
    world.seller.silent = {AskBid, Purchase}
    failure = world.fail()
    assert (failure.reason, failure.source) == ("outcome_unknown", Source.NETWORK)
    assert world.now.utc_s >= auction().settle_by_s + 30
    assert not [one for one in world.commands if isinstance(one, ForgetBid)]


def test_an_access_point_that_says_no_to_a_question_ends_nothing(world: BiddingWorld) -> None:
    world.seller.silent = {AskBid}
    world.run(CLEARING_S + 1)
    world.hear(Refused(b"", "ledger_unreachable", "no broker"))
    assert world.state.phase is Phase.WAITING
    world.seller.silent = set()
    assert world.run().phase is Phase.WON


def test_a_house_that_still_waits_is_asked_again(world: BiddingWorld) -> None:
    world.seller.word = (Status.PENDING, "provider_away", "its provider does not answer", None)
    world.run(CLEARING_S + 4)
    assert world.state.phase is Phase.WAITING
    assert world.said(AskBid) >= 3
    world.seller.word = (Status.EXECUTED, "", "", None)
    assert world.run().phase is Phase.WON


def test_a_receipt_of_another_house_auction_or_bid_says_nothing(world: BiddingWorld) -> None:
    world.seller.silent = {AskBid}
    world.run(CLEARING_S + 1)
    ours = auction().auction_id
    for receipt, key in (
        (AuctionReceipt(ours, Status.CANCELLED, NAME.public, reason="outbid"), STRANGER),
        (AuctionReceipt(bytes(32), Status.CANCELLED, NAME.public, reason="outbid"), LEDGER),
        (AuctionReceipt(ours, Status.CANCELLED, STRANGER.public, reason="outbid"), LEDGER),
        (AuctionReceipt(ours, Status.INACTIVE, reason="provider_away"), LEDGER),
    ):
        world.hear(BidSaid(write_auction_receipt(receipt, key, LEDGER_ID)))
        assert world.state.phase is Phase.WAITING
    assert (world.state.dropped["bad_receipt"], world.state.dropped["foreign_receipt"]) == (1, 2)


@pytest.mark.parametrize(
    "changes",
    [
        {"consumer": STRANGER.public},
        {"provider_id": STRANGER.public.provider_id},
        {"grant_id": bytes(16)},
        {"qos": replace(QOS, floor_down_bps=1)},
        {"allocations": 2},
        {"duration_s": 38},
        {"starts_s": CLEARING_S + 11, "duration_s": 2 * SLOT_S - 11},
    ],
)
def test_a_grant_that_is_not_what_was_bid_for_is_named_and_kept(
    world: BiddingWorld, changes: dict[str, object]
) -> None:
    world.seller.grant_changes = changes
    failure = world.fail()
    assert failure.reason == "grant_differs"
    assert world.state.encoded_grant
    assert world.state.placed is not None
    assert world.state.grant is not None
    differing = check_won(world.state.grant, world.state.consumer, world.state.placed)
    assert (
        next(iter(changes)).removesuffix("_id") in differing
        or "transaction" in differing
        or "ends_s" in differing
    )


def test_a_grant_that_nobody_brings_is_asked_for_later(world: BiddingWorld) -> None:
    world.seller.silent = {Purchase}
    failure = world.fail()
    assert failure.reason == "outcome_unknown"
    assert not [one for one in world.commands if isinstance(one, ForgetBid)]


def test_a_bid_of_before_is_asked_for_and_its_grant_fetched(world: BiddingWorld) -> None:
    world.seller.silent = {Purchase}
    world.run()
    assert world.state.placed is not None
    later = BiddingWorld(
        resume(BiddingWorld().state, world.state.placed), Seller(taken=world.seller.taken), world.now
    )
    assert later.run().phase is Phase.WON
    assert later.said(Bid) == later.said(AskAuction) == 0


def test_nobody_answers(world: BiddingWorld) -> None:
    world.seller.silent = {Discover, AskAuction}
    failure = world.fail()
    assert (failure.reason, failure.source) == ("no_access_point", Source.NETWORK)


def test_an_access_point_without_auctions(world: BiddingWorld) -> None:
    world.seller.held = []
    failure = _wish(world, within_s=60).fail()
    assert (failure.reason, failure.source) == ("no_auction", Source.ACCESS_POINT)
    assert failure.detail.endswith("last heard: no_auction: none takes bids now")
    assert world.now.utc_s >= OPENS_S - 3 + 60


def test_whatever_comes_out_of_turn_is_counted(world: BiddingWorld) -> None:
    world.feed(Started())
    world.feed(DatagramReceived(AP, b"\xff"))
    world.hear(Outcome(bytes(32), b"x", b""))
    assert (world.state.dropped["not_lobby"], world.state.dropped["out_of_turn"]) == (1, 1)
    world.feed(SendFailed("no carrier"))
    assert world.state.setback == "no carrier"


def test_a_foreign_outcome_brings_no_grant(world: BiddingWorld) -> None:
    world.seller.silent = {Purchase}
    world.run(CLEARING_S + 3)
    assert world.state.phase is Phase.CLAIMING
    world.hear(Outcome(bytes(32), b"x", b""))
    assert world.state.placed is not None
    world.hear(Outcome(world.state.placed.transaction_id, b"x", b""))
    assert (world.state.dropped["foreign_outcome"], world.state.dropped["bad_outcome"]) == (1, 1)
    assert world.state.phase is Phase.CLAIMING


def test_the_provider_is_the_one_that_was_announced() -> None:
    assert auction().terms.provider == PROVIDER.public
