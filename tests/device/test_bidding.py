"""Bidding, one ending after the other: who wins, who loses and why, who is not trusted, and who is silent."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from device.bidding import BidWish, ForgetBid, KeepReceipt, MakeBid, Phase, check_won, resume
from device.events import DatagramReceived, DeadlineReached, SendFailed, Source, Started, Tell
from nas_tunnel.lobby import (
    AskAuction,
    AskBid,
    Bid,
    BidSaid,
    Discover,
    LobbyMessage,
    Outcome,
    Purchase,
    Refused,
)
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
    TAKEN,
    WISH,
    BiddingWorld,
    Seller,
    auction,
    forecast,
)
from wire.auction import Auction
from wire.auction_receipt import AuctionReceipt, Status, read_auction_receipt, write_auction_receipt
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
    assert len([text for text in _told(world) if reason in text]) == 1


def _told(world: BiddingWorld) -> list[str]:
    return [one.text for one in world.commands if isinstance(one, Tell)]


def test_a_worth_below_the_reserve_price_is_said_and_not_signed(world: BiddingWorld) -> None:
    world.seller.held = [forecast(6, 6, minimum_ubc=15_001)]
    failure = world.fail()
    assert (failure.reason, failure.detail) == (
        "below_minimum",
        "3 units for 2 slots cost at least 0.090006 BC",
    )
    assert not [one for one in world.commands if isinstance(one, MakeBid)]


@pytest.mark.parametrize("full", [forecast(1, 1, 1, 1), forecast(6, 6, minimum_ubc=15_001)])
def test_where_one_auction_does_not_do_the_next_one_is_waited_for(full: Auction) -> None:
    world = BiddingWorld(seller=Seller(held=[full, auction(CLEARING_S + SLOT_S)]))
    assert world.run().phase is Phase.WON
    (made,) = [one for one in world.commands if isinstance(one, MakeBid)]
    assert made.auction == world.seller.held[1]


def test_a_full_auction_that_somebody_else_shows_ends_nothing(world: BiddingWorld) -> None:
    """Anybody on the link can open one with the house, and announce himself as its provider."""
    world.seller.silent = {AskAuction}
    full = Seller(held=[forecast(1)])
    world.feed(Started())
    for _ in range(10):
        world.hear(full.answer(Discover(), OPENS_S), "fe80::666%3")
        world.hear(full.show(OPENS_S), "fe80::666%3")
        _pass(world)
    assert world.state.phase is Phase.LOOKING
    world.seller.silent = set()
    assert world.run().phase is Phase.WON


def _pass(world: BiddingWorld) -> None:
    """Half a second."""
    world.now = Now(world.now.mono_ns + 500_000_000, world.now.utc_ms + 500)
    world.feed(DeadlineReached())


@pytest.mark.parametrize(
    ("held", "reason"),
    [
        (forecast(6), "too_long"),
        (
            replace(auction(), terms=replace(auction().terms, qos=Qos(1_000_000, 2_000_000, 0, 1_000_000))),
            "no_guarantee",
        ),
    ],
)
def test_what_no_auction_changes_is_not_waited_for(held: Auction, reason: str) -> None:
    world = BiddingWorld(seller=Seller(held=[held]), now=Now(5_000_000_000, OPENS_S * 1_000))
    assert world.fail().reason == reason
    assert world.now.utc_s <= OPENS_S + 4


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


@pytest.mark.parametrize(
    ("reason", "forgotten"),
    [("too_many_changes", 1), ("unreadable", 1), ("unknown_issuer", 0), ("insufficient_funds", 0)],
)
def test_a_refusal_at_the_door_ends_it(world: BiddingWorld, reason: str, forgotten: int) -> None:
    """While bids are taken, whoever holds it may send it again: it is kept if the house could say yes then."""
    world.seller.door = [(reason, "a sentence")]
    failure = world.fail()
    assert (failure.reason, failure.source) == (reason, Source.LEDGER)
    assert failure.detail.startswith("a sentence")
    assert ("is kept and asked for first" in failure.detail) is not bool(forgotten)
    assert sum(isinstance(one, ForgetBid) for one in world.commands) == forgotten


REFUSALS = ("unreadable", "insufficient_funds", "too_many_changes", "too_late", "too_many_bids", "fault")


@pytest.mark.parametrize("reason", REFUSALS)
def test_a_refusal_that_names_no_bid_is_of_no_bid(world: BiddingWorld, reason: str) -> None:
    """Anybody has one for junk of his own, signed by the house, and sends it to whom he likes."""
    world.seller.silent = {Bid}
    world.seller.held = [auction(), auction(CLEARING_S + SLOT_S)]
    world.run(OPENS_S + 1)
    junk = AuctionReceipt(auction().auction_id, Status.ERROR, reason=reason, detail="of eve's")
    world.hear(world.seller.sign(junk), "fe80::666%3")
    assert world.state.phase is Phase.BIDDING
    assert world.state.setback == f"{reason}: of eve's"
    world.seller.silent = set()
    assert world.run().phase is Phase.WON
    assert sum(isinstance(one, MakeBid) for one in world.commands) == 1


def test_a_house_that_has_not_read_the_bid_is_asked_again(world: BiddingWorld) -> None:
    world.seller.unread = [("too_many_wait", "send it again"), ("unreadable", "bytes")]
    assert world.run().phase is Phase.WON
    assert world.said(Bid) == 3


def test_the_auctions_own_receipt_is_not_taken_for_the_bids(world: BiddingWorld) -> None:
    """It has a number, too, and anybody gets it."""
    world.seller.silent = {Bid}
    world.run(OPENS_S + 1)
    world.hear(world.seller.sign(AuctionReceipt(auction().auction_id, Status.ACTIVE, None, *TAKEN)), AP)
    assert (world.state.phase, world.state.receipt) == (Phase.BIDDING, b"")
    world.seller.silent = set()
    assert world.run().phase is Phase.WON


@pytest.mark.parametrize("reason", ["unknown_issuer", "insufficient_funds"])
def test_an_old_refusal_says_nothing_of_a_bid_that_is_waited_for(world: BiddingWorld, reason: str) -> None:
    """The house may have taken it since, and whoever carried it kept both words."""
    world.seller.silent = {AskBid}
    world.run(CLEARING_S + 1)
    old = AuctionReceipt(auction().auction_id, Status.ERROR, NAME.public, reason=reason)
    world.hear(world.seller.sign(old))
    assert world.state.phase is Phase.WAITING
    world.seller.silent = set()
    assert world.run().phase is Phase.WON


def test_a_refusal_that_comes_late_ends_it_where_the_bid_is_never_taken(world: BiddingWorld) -> None:
    world.seller.silent = {Bid}
    world.run(CLEARING_S - 1)
    late = AuctionReceipt(auction().auction_id, Status.ERROR, NAME.public, reason="too_late", detail="by 1 s")
    world.hear(world.seller.sign(late))
    assert world.fail().reason == "too_late"
    assert world.said(Purchase) == 0


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


def test_a_bid_that_never_came_is_known_to_be_dead_only_by_the_ledger(world: BiddingWorld) -> None:
    world.seller.unread = [("unreadable", "not for this auction")] * 40
    failure = world.fail()
    assert (failure.reason, failure.source) == ("expired", Source.LEDGER)
    assert "never ran, and nothing was charged" in failure.detail
    assert "last heard: unreadable: not for this auction" in failure.detail
    assert world.now.utc_s > auction().settle_by_s
    assert isinstance(world.commands[-1], ForgetBid)


@pytest.mark.parametrize("from_s", [CLEARING_S + 1, auction().settle_by_s + 1])
def test_that_the_house_knows_no_bid_ends_nothing(world: BiddingWorld, from_s: int) -> None:
    """Such a word has no date: it may be of before the bid came, or of after the house has forgotten it."""
    world.seller.silent = {AskBid, Purchase}
    world.run(from_s)
    had = world.state.receipt
    assert had, "the house had it"
    for _ in range(4):
        world.hear(world.seller.sign(AuctionReceipt(auction().auction_id, Status.UNKNOWN, NAME.public)))
        _pass(world)
    assert (world.state.phase, world.state.receipt) == (Phase.WAITING, had)
    world.seller.silent = {AskBid}
    assert world.run().phase is Phase.WON
    assert world.state.grant is not None
    assert not [one for one in world.commands if isinstance(one, ForgetBid)]


def test_the_houses_last_word_is_kept(world: BiddingWorld) -> None:
    world.run()
    (kept,) = [one for one in world.commands if isinstance(one, KeepReceipt)]
    receipt = read_auction_receipt(kept.receipt, LEDGER.public, LEDGER_ID)
    assert (receipt.status, receipt.detail) == (Status.EXECUTED, "for 0.04 BC")
    assert kept.receipt == world.state.receipt
    loser = BiddingWorld(seller=Seller(word=(Status.CANCELLED, "outbid", "", 50_000)))
    loser.run()
    assert [type(one) for one in loser.commands[-2:]] == [KeepReceipt, ForgetBid]


def test_who_asks_long_after_hears_the_price_before_the_grant(world: BiddingWorld) -> None:
    world.seller.silent = {AskBid, Purchase}
    world.run()
    assert world.state.placed is not None
    later = BiddingWorld(
        resume(BiddingWorld().state, world.state.placed), Seller(taken=world.seller.taken), world.now
    )
    later.seller.silent = {AskBid}
    later.feed(Started())
    assert (later.said(AskBid), later.said(Purchase)) == (1, 0), "both answers would be under way at once"
    later.seller.silent = set()
    assert later.run().price == "for 0.04 BC"


def test_who_names_no_rate_is_told_what_is_bid_for(world: BiddingWorld) -> None:
    _wish(world, down_bps=0, up_bps=0).run()
    (told,) = [text for text in _told(world) if "bidding for" in text]
    assert told.startswith("no rate was named, so that it is one unit")
    assert "1 unit (1 Mbit/s down, 500 kbit/s up) for 2 slots" in told


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


def test_no_word_that_others_can_have_parts_a_bid_that_ran_from_its_grant() -> None:
    """Whoever carries the bid has every word of the house but the last, in any order and as often as he likes."""
    for seed in range(100):
        chance, world = random.Random(seed), BiddingWorld(now=Now(5_000_000_000, OPENS_S * 1_000))
        ours, name = auction().auction_id, NAME.public
        old = [
            *(AuctionReceipt(ours, Status.ERROR, reason=reason) for reason in REFUSALS),
            AuctionReceipt(ours, Status.ACTIVE, None, *TAKEN),
            AuctionReceipt(ours, Status.INACTIVE, None, *TAKEN, "no_bids"),
            AuctionReceipt(ours, Status.UNKNOWN, name),
            AuctionReceipt(ours, Status.PENDING, name, *TAKEN),
            AuctionReceipt(ours, Status.CANCELLED, STRANGER.public, *TAKEN, "outbid"),
        ]
        answer = world.seller.answer

        def carry(
            message: LobbyMessage,
            utc_s: int,
            chance: random.Random = chance,
            world: BiddingWorld = world,
            old: list[AuctionReceipt] = old,
            answer: Callable[[LobbyMessage, int], LobbyMessage | None] = answer,
        ) -> LobbyMessage | None:
            said = answer(message, utc_s)
            if isinstance(message, Bid | AskBid) and chance.random() < 0.9:
                return world.seller.sign(chance.choice(old))
            return said if chance.random() < 0.7 else None

        world.carry = carry
        state = world.run()
        assert not [one for one in world.commands if isinstance(one, ForgetBid)], (seed, state.failure)
        assert sum(isinstance(one, MakeBid) for one in world.commands) == 1
        assert state.phase is Phase.WON, (seed, state.failure)
