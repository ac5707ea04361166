"""Auctions, event by event: a good minute, a void one, restarts, a house that is away or lies."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from apd.airtime import StationAir, StationMeasurement
from apd.auction_state import AuctionPhase, SoldShare
from apd.auctions import MAX_RECENT
from apd.budget import throughput_of
from apd.commands import (
    AskHouse,
    ForgetAuctionOffer,
    InstallSession,
    RemoveSession,
    SignAuction,
    SignAuctionOffer,
    StoreAuctionOffer,
)
from apd.events import (
    BrokerConnected,
    BrokerLost,
    DeadlineReached,
    LedgerReplied,
    OfferStateReceived,
    Saved,
    SaveFailed,
    SessionInstalled,
    SessionRemoved,
)
from apd.promises import reserved
from apd.session import EndReason, Phase, Usage
from nas_tunnel.lobby import Purchase, Refused
from tests.apd.air_world import AIR, air_box, serve, sign_network
from tests.apd.auction_simulation import Minutes
from tests.apd.auction_world import (
    AUCTION,
    FIRST_S,
    OFFER,
    QUIET,
    SIX,
    SLOT_S,
    UNIT,
    again,
    asked,
    auction_box,
    auction_signed,
    correlation,
    offer_signed,
    question,
    said,
    session_auction,
    share,
    time_key,
    word,
)
from tests.apd.playbook import Box, Playbook, a, heard, join, note, seconds, sells, settings, start_box, told
from tests.apd.world import (
    BAND,
    CONSUMER,
    LEDGER_ID,
    OTHER_CONSUMER,
    OTHER_DEVICE,
    OTHER_STATION,
    PROVIDER,
    START_S,
    STATION,
    STRANGER,
    grant,
    signed_grant,
    signed_state,
    transaction,
)
from tests.apd.world import reply as ledger_reply
from wire.allocate import Allocate
from wire.auction import read_auction
from wire.auction_receipt import Status
from wire.auction_request import AnswerQuestion, AskQuestion, AskTimeKey, CreateAuction
from wire.auction_terms import NOT_FREE, say_sold
from wire.errors import ShellError
from wire.generate_offer import derive_nonce
from wire.grant import Grant
from wire.keys import PrivateKey
from wire.post_offer import PostOffer
from wire.units import Now

ADA, BEN = CONSUMER.public, OTHER_CONSUMER.public
WINNERS = {ADA: share(3, 3, 40_000), BEN: share(2, 1, 40_000)}
SOLD = (
    SoldShare(ADA, FIRST_S + 60, UNIT.times(3), 3),
    SoldShare(BEN, FIRST_S + 20, UNIT.times(2), 2),
)
ROOT = Path(__file__).parents[2]
DISK = ShellError("store", "full")


def auction_id(box: Box) -> bytes:
    made = box.state.on_auction.auction
    assert made is not None, "one is under way"
    return made.auction_id


def reply(box: Box, data: bytes) -> LedgerReplied:
    """To what was asked last."""
    return LedgerReplied(box.last(AskHouse).correlation, data)


def wait(box: Box, count: float) -> list[Any]:
    box.pass_time(seconds(count))
    return box.feed(DeadlineReached())


def opened(box: Box) -> Box:
    """Its next auction takes bids."""
    until_s = box.state.on_auction.clearing_s - AUCTION.open_s - box.now.utc_ms / 1_000
    wait(box, max(0, until_s))
    box.feed(reply(box, time_key(box.state.on_auction.clearing_s)))
    box.feed(auction_signed(box))
    box.feed(reply(box, word(auction_id(box), Status.ACTIVE)))
    assert box.state.on_auction.phase is AuctionPhase.OPEN
    return box


def cleared(box: Box) -> Box:
    """Its time has come."""
    opened(box)
    wait(box, AUCTION.open_s)
    assert box.state.on_auction.phase is AuctionPhase.CLEARING
    return box


def asks(box: Box, shares: Any = WINNERS, **changes: Any) -> LedgerReplied:
    auctions = box.state.on_auction
    assert auctions.auction is not None
    return reply(box, question(auctions.auction, auctions.encoded, shares, **changes))


def answered(box: Box, shares: Any = WINNERS) -> Box:
    """What it came to is signed, kept and sent."""
    cleared(box)
    box.feed(asks(box, shares))
    box.feed(offer_signed(box))
    box.feed(Saved(auctions=(auction_id(box),)))
    assert box.state.on_auction.sent
    return box


def ended(box: Box, reason: str = "", shares: Any = WINNERS) -> Box:
    answered(box, shares)
    box.feed(reply(box, word(auction_id(box), Status.INACTIVE, reason)))
    assert box.state.on_auction.phase is AuctionPhase.IDLE
    return box


class TestGoodMinute:
    def test_from_the_time_key_to_the_end(self):
        box, made = auction_box(), session_auction()
        mine = made.auction_id
        assert (
            Playbook(box)
            >> seconds(9)
            >> DeadlineReached()
            >> seconds(1)
            >> DeadlineReached()
            << AskHouse(correlation(1), asked(AskTimeKey(FIRST_S)))
            >> said(1, time_key())
            << SignAuction(made)
        )
        signed = auction_signed(box)
        assert Playbook(box) >> signed << AskHouse(correlation(2), asked(CreateAuction(signed.encoded)))
        assert not box.state.on_auction.shown
        assert Playbook(box) >> said(2, word(mine, Status.ACTIVE)) >> seconds(9.9) >> DeadlineReached()
        assert box.state.on_auction.shown == signed.encoded
        look = asked(AskQuestion(mine))
        won = question(made, signed.encoded, WINNERS)
        assert (
            Playbook(box)
            >> seconds(0.1)
            >> DeadlineReached()
            << AskHouse(correlation(3), look)
            >> said(3, word(mine, Status.ACTIVE))
            >> seconds(0.4)
            >> DeadlineReached()
            >> seconds(0.1)
            >> DeadlineReached()
            << AskHouse(correlation(4), look)
            >> said(4, won)
            << StoreAuctionOffer(mine, SOLD)
            << a(SignAuctionOffer)
        )
        assert not box.state.on_auction.shown
        offer = box.last(SignAuctionOffer).transaction
        assert offer.nonce == derive_nonce(won)
        assert offer.valid_until_s == FIRST_S + SLOT_S // 2
        assert isinstance(offer.action, PostOffer)
        assert offer.action.consumers == WINNERS
        assert offer.action.auction_id(PROVIDER.public) == mine
        tell = offer_signed(box)
        answer = asked(AnswerQuestion(mine, tell.offer))
        assert (
            Playbook(box)
            >> tell
            >> Saved(auctions=(b"another",))
            >> Saved(auctions=(mine,))
            << AskHouse(correlation(5), answer)
            >> said(5, word(mine, Status.ACTIVE))
            >> seconds(0.5)
            >> DeadlineReached()
            << AskHouse(correlation(6), answer)
            >> said(6, word(mine, Status.INACTIVE))
            << note("auction_settled")
        )
        assert box.state.on_auction.phase is AuctionPhase.IDLE
        assert box.state.on_auction.sold == {mine: SOLD}

    def test_the_next_one_sells_what_is_left(self):
        box = ended(auction_box())
        opened(box)
        assert box.state.on_auction.forecast == (3, 3, 6, 6)
        assert box.now.utc_s == FIRST_S + SLOT_S - AUCTION.open_s

    def test_what_is_over_is_forgotten(self):
        box = ended(auction_box(), shares={BEN: share(2, 1)})
        mine = box.state.on_auction.recent[-1]
        opened(box)
        assert box.state.on_auction.sold == {mine: SOLD[1:]}
        for _ in range(4):  # a void one, of which nothing was heard any more, and the beginning of the next
            wait(box, AUCTION.open_s)
        assert ForgetAuctionOffer(mine) in box.ordered
        assert box.state.on_auction.sold == {}

    def test_a_winner_comes_into_his_own_room_and_nobody_else(self):
        box = ended(auction_box(), shares={ADA: share(6, 2)})
        stranger = grant(9, consumer=BEN, qos=UNIT, starts_s=FIRST_S)
        won = grant(1, qos=UNIT, allocations=6, starts_s=FIRST_S, duration_s=2 * SLOT_S)
        full = told(Refused, to=OTHER_DEVICE, reason="no_capacity")
        assert box.feed(join(box, stranger, OTHER_STATION, OTHER_CONSUMER, OTHER_DEVICE)) == [full]
        (install,) = box.feed(join(box, won))
        assert install == a(InstallSession, grant_id=won.grant_id)
        box.feed(SessionInstalled(won.grant_id))
        assert reserved(box.state, box.now).each == ()
        assert box.state.promised.down_bps == 6_000_000

    def test_who_left_keeps_his_room_until_his_slots_are_over(self):
        box = ended(auction_box(), shares={ADA: share(6, 2)})
        won = grant(1, qos=UNIT, allocations=6, starts_s=FIRST_S, duration_s=2 * SLOT_S)
        box.feed(join(box, won))
        box.feed(SessionInstalled(won.grant_id))
        session = box.state.sessions[won.grant_id]
        closed = replace(session, phase=Phase.CLOSED, reason=EndReason.LEFT)
        box.state = box.state.with_session(closed)
        assert reserved(box.state, box.now).down_bps == 6_000_000
        later = Now(box.now.mono_ns, (FIRST_S + 2 * SLOT_S) * 1_000)
        assert reserved(box.state, later).down_bps == 0

    def test_ids_of_the_last_ones_are_known_to_whoever_passes_bids_on(self):
        box = auction_box()
        for _ in range(MAX_RECENT + 2):
            opened(box)
            wait(box, AUCTION.open_s)
            box.feed(reply(box, word(auction_id(box), Status.INACTIVE, "no_bids")))
        assert len(set(box.state.on_auction.recent)) == MAX_RECENT


class TestNone:
    @pytest.mark.parametrize(
        ("changes", "why"),
        [
            ({"auction": replace(AUCTION, open_s=11)}, "more than half of a slot"),
            ({"shaper_downlink_capacity_bps": 999_999}, "nothing is free in the first slot"),
        ],
    )
    def test_why_there_is_none_is_said_once(self, changes, why):
        box = auction_box(**changes)
        box.pass_time(seconds(10))
        (said_once,) = box.feed(DeadlineReached())
        assert said_once == note("auction_not_held")
        assert why in said_once.text
        assert wait(box, SLOT_S) == []

    def test_without_a_broker_and_again_with_one(self):
        box = auction_box()
        box.feed(BrokerLost("gone"))
        assert Playbook(box) >> seconds(10) >> DeadlineReached() << note("auction_not_held")
        box.feed(BrokerConnected())
        assert Playbook(box) >> seconds(20) >> DeadlineReached() << a(AskHouse)

    def test_before_the_ledger_knows_the_box(self):
        box = start_box(settings(auction=AUCTION), enrolled=False, offer_state=signed_state(**OFFER))
        box.feed(BrokerConnected())
        (said_once,) = [one for one in wait(box, 10) if one == note("auction_not_held")]
        assert "does not know this box" in said_once.text

    def test_while_the_disk_fails(self):
        box = auction_box()
        box.feed(SaveFailed(DISK, (ForgetAuctionOffer(b"x"),)))
        assert any("the disk keeps nothing" in getattr(one, "text", "") for one in wait(box, 10))

    def test_on_the_air_while_nobody_can_join(self):
        box = start_box(settings(auction=AUCTION, air=AIR), offer_state=signed_state(**OFFER))
        box.feed(BrokerConnected())
        assert any("nobody can join here yet" in getattr(one, "text", "") for one in wait(box, 10))

    def test_before_there_is_an_offer_nothing_is_due(self):
        box = start_box(settings(auction=AUCTION))
        assert box.state.on_auction.due_ns is None
        box.feed(OfferStateReceived(signed_state(**OFFER)))
        assert box.state.on_auction.clearing_s == FIRST_S
        box.feed(OfferStateReceived(signed_state(**{**OFFER, "allocation_duration_s": 60}, height=11)))
        assert box.state.on_auction.clearing_s == START_S - START_S % 60 + 60

    def test_a_box_that_is_late_waits_for_the_next(self):
        box = auction_box()
        assert wait(box, 17) == []
        assert box.state.on_auction.clearing_s == FIRST_S + SLOT_S

    def test_a_clock_that_runs_a_little_slower_costs_no_auction(self):
        box = auction_box()
        box.now = Now(box.now.mono_ns + 10_000_000_000, box.now.utc_ms + 9_970)
        assert box.feed(DeadlineReached()) == []
        assert Playbook(box) >> seconds(0.03) >> DeadlineReached() << a(AskHouse)


class TestHouse:
    def test_that_refuses_is_quoted(self):
        box = auction_box()
        wait(box, 10)
        box.feed(reply(box, time_key()))
        box.feed(auction_signed(box))
        refusal = word(bytes(32), Status.ERROR, "still_selling", "post it with 0 units first")
        (said_once,) = box.feed(reply(box, refusal))
        assert said_once == note("auction_not_held")
        assert "still_selling: post it with 0 units first" in said_once.text

    def test_that_counts_units_of_before_is_believed(self):
        """Somebody bought two of the six an hour ago, and is not here."""
        box = auction_box()
        for minute in range(2):
            first = self.offered(box)
            assert box.state.on_auction.forecast == (6, 6, 6, 6)
            commands = box.feed(reply(box, word(bytes(32), Status.ERROR, NOT_FREE, say_sold(2))))
            assert commands[0] == a(SignAuction)
            assert [one.text for one in commands[1:]] == [
                "less is auctioned: the ledger counts 2 units that were not sold in auctions here"
            ] * (minute == 0)
            assert box.state.on_auction.forecast == (4, 4, 4, 4)
            assert auction_id(box) != first
            box.feed(auction_signed(box))
            box.feed(reply(box, word(auction_id(box), Status.ACTIVE)))
            assert box.state.on_auction.phase is AuctionPhase.OPEN
            wait(box, AUCTION.open_s)
            box.feed(reply(box, word(auction_id(box), Status.INACTIVE, "no_bids")))

    def test_that_counts_everything_as_sold_has_none_held(self):
        box = auction_box()
        self.offered(box)
        (said_once,) = box.feed(reply(box, word(bytes(32), Status.ERROR, NOT_FREE, say_sold(6))))
        assert said_once == note("auction_not_held")
        assert said_once.text == (
            "nothing is free in the first slot: the ledger counts 6 units that were not sold in auctions here"
        )
        assert box.state.on_auction.phase is AuctionPhase.IDLE

    @pytest.mark.parametrize("detail", [say_sold(3), "another sentence"])
    def test_that_says_it_twice_or_no_figure_is_quoted(self, detail):
        box = auction_box()
        self.offered(box)
        if detail == say_sold(3):
            box.feed(reply(box, word(bytes(32), Status.ERROR, NOT_FREE, say_sold(2))))
            box.feed(auction_signed(box))
        (said_once,) = box.feed(reply(box, word(bytes(32), Status.ERROR, NOT_FREE, detail)))
        assert said_once == note("auction_not_held")
        assert detail in said_once.text

    def test_that_counts_what_auctions_sold_is_not_heeded_twice(self):
        box = ended(auction_box(), shares={ADA: share(3, 3)})
        self.offered(box)
        assert box.state.on_auction.forecast == (3, 3, 6, 6)
        box.feed(reply(box, word(bytes(32), Status.ERROR, NOT_FREE, say_sold(4))))
        assert box.state.on_auction.forecast == (2, 2, 5, 5)

    def offered(self, box: Box) -> bytes:
        """To the house, which has not said anything yet."""
        until_s = box.state.on_auction.clearing_s - AUCTION.open_s - box.now.utc_ms / 1_000
        wait(box, max(0, until_s))
        box.feed(reply(box, time_key(box.state.on_auction.clearing_s)))
        box.feed(auction_signed(box))
        assert box.state.on_auction.phase is AuctionPhase.OPENING
        return auction_id(box)

    def test_that_gives_no_key_is_quoted(self):
        box = auction_box()
        wait(box, 10)
        (said_once,) = box.feed(reply(box, word(bytes(32), Status.ERROR, "no_clearing_house", "none here")))
        assert "no_clearing_house" in said_once.text

    @pytest.mark.parametrize(
        "key", [time_key(FIRST_S + 1), time_key(keeper=STRANGER), b"junk"], ids=["other", "stranger", "junk"]
    )
    def test_another_key_is_none(self, key):
        box = auction_box()
        wait(box, 10)
        assert box.feed(reply(box, key)) == [note("reply_invalid")]
        assert box.state.on_auction.phase is AuctionPhase.KEYING

    def test_that_is_silent_is_asked_again_and_then_left_alone(self):
        box = auction_box()
        key = a(AskHouse, request=asked(AskTimeKey(FIRST_S)))
        wait(box, 10)
        for _ in range(7):
            assert wait(box, 1) == [key]
        assert Playbook(box) >> seconds(1) >> DeadlineReached() << note("auction_not_held")
        assert box.state.on_auction.clearing_s == FIRST_S + SLOT_S

    def test_whose_receipt_is_late_holds_none(self):
        box = auction_box()
        wait(box, 10)
        box.feed(reply(box, time_key()))
        box.feed(auction_signed(box))
        late = reply(box, word(auction_id(box), Status.ACTIVE))
        (said_once,) = wait(box, 8)
        assert "no receipt in time" in said_once.text
        assert Playbook(box) >> late
        assert box.state.refused["reply_unexpected"] == 1

    @pytest.mark.parametrize("status", [Status.INACTIVE, Status.ACTIVE])
    def test_a_receipt_of_another_auction_opens_none(self, status):
        box = auction_box()
        wait(box, 10)
        box.feed(reply(box, time_key()))
        box.feed(auction_signed(box))
        assert box.feed(reply(box, word(b"x" * 32, status))) == [note("reply_invalid")]
        assert box.state.on_auction.phase is AuctionPhase.OPENING

    def test_replies_that_come_twice_change_nothing(self):
        box = auction_box()
        wait(box, 10)
        key = reply(box, time_key())
        assert len(box.feed(key)) == 1
        assert box.feed(key) == []


class TestSignatures:
    """A key in hardware may take its time."""

    def test_of_an_auction_that_was_given_up_is_none_of_the_next(self):
        box = auction_box()
        wait(box, 10)
        box.feed(reply(box, time_key()))
        late = auction_signed(box)
        wait(box, 8)
        wait(box, 12)
        box.feed(reply(box, time_key(FIRST_S + SLOT_S)))
        assert box.state.on_auction.phase is AuctionPhase.SIGNING
        assert box.feed(late) == []
        assert box.feed(auction_signed(box)) == [a(AskHouse)]

    def test_of_an_offer_that_was_given_up_settles_no_other(self):
        box = cleared(auction_box())
        box.feed(asks(box))
        late = offer_signed(box)
        wait(box, SLOT_S - AUCTION.open_s)
        cleared(box)
        box.feed(asks(box))
        box.feed(late)
        assert box.feed(Saved(auctions=(auction_id(box),))) == []
        assert box.feed(offer_signed(box)) == [a(AskHouse)]


class TestVoid:
    def test_nobody_bids(self):
        box = cleared(auction_box())
        mine = auction_id(box)
        none = word(mine, Status.INACTIVE, "no_bids", "nobody bid")
        (said_once,) = box.feed(reply(box, none))
        assert said_once == note("auction_void")
        assert "no_bids: nobody bid" in said_once.text
        opened(box)
        assert box.state.on_auction.forecast == (6, 6, 6, 6)

    def test_after_the_answer_it_is_taken_back(self):
        box = answered(auction_box())
        mine = auction_id(box)
        void = word(mine, Status.INACTIVE, "winner_unfunded", "ada spent it")
        assert Playbook(box) >> reply(box, void) << ForgetAuctionOffer(mine) << note("auction_void")
        assert box.state.on_auction.sold == {}
        assert reserved(box.state, box.now).each == ()

    def test_while_it_stands_still_it_is_asked_again(self):
        box = answered(auction_box())
        mine = auction_id(box)
        still = word(mine, Status.ACTIVE, "winner_unfunded", "ada spent it")
        assert box.feed(reply(box, still)) == []
        lies = word(mine, Status.ERROR, "provider_lies", "not what was asked")
        assert box.feed(reply(box, lies)) == []
        assert box.state.on_auction.sold == {mine: SOLD}
        assert "provider_lies: not what was asked" in box.state.on_auction.last
        (said_once,) = [
            one for one in wait(box, SLOT_S - AUCTION.open_s) if one == note("auction_unanswered")
        ]
        assert "did not settle it (provider_lies: not what was asked)" in said_once.text
        assert not box.state.on_auction.said
        assert box.state.on_auction.unsure == {mine}

    @pytest.mark.parametrize(
        "status", [Status.UNKNOWN, Status.ERROR], ids=["house_forgot_it", "house_clears_none"]
    )
    def test_a_house_that_has_it_not_any_more(self, status):
        box = cleared(auction_box())
        assert box.feed(reply(box, word(auction_id(box), status))) == [note("auction_void")]

    def test_a_house_that_says_nothing(self):
        box = cleared(auction_box())
        for _ in range(19):
            assert wait(box, 0.5) == [a(AskHouse)]
        assert note("auction_void") in wait(box, 0.5)

    def test_an_answer_that_nobody_acknowledged_stays_sold_until_the_house_says_what_it_came_to(self):
        box = answered(auction_box())
        mine = auction_id(box)
        assert note("auction_unanswered") in wait(box, SLOT_S - AUCTION.open_s)
        assert box.state.on_auction.unsure == {mine}
        commands = box.feed(DeadlineReached())
        assert commands == [
            a(AskHouse, request=asked(AskQuestion(mine))),
            a(AskHouse, request=asked(AskTimeKey(FIRST_S + SLOT_S))),
        ]
        assert box.feed(reply(box, word(mine, Status.ACTIVE))) == []
        void = word(mine, Status.INACTIVE, "winner_unfunded", "ada spent it")
        assert Playbook(box) >> reply(box, void) << ForgetAuctionOffer(mine) << note("auction_void")
        assert box.state.on_auction.phase is AuctionPhase.KEYING
        assert not box.state.on_auction.unsure

    def test_also_if_it_is_why_nothing_is_free(self):
        box = answered(auction_box(), {ADA: share(6, 4)})
        mine = auction_id(box)
        wait(box, SLOT_S - AUCTION.open_s)
        assert box.feed(DeadlineReached()) == [
            a(AskHouse, request=asked(AskQuestion(mine))),
            note("auction_not_held"),
        ]
        void = word(mine, Status.INACTIVE, "winner_unfunded", "ada spent it")
        assert Playbook(box) >> reply(box, void) << ForgetAuctionOffer(mine) << note("auction_void")
        opened(box)

    def test_or_that_it_is_settled(self):
        box = answered(auction_box())
        mine = auction_id(box)
        wait(box, SLOT_S - AUCTION.open_s)
        box.feed(DeadlineReached())
        assert Playbook(box) >> reply(box, word(mine, Status.INACTIVE)) << note("auction_settled")
        assert box.state.on_auction.sold == {mine: SOLD}


class TestQuestions:
    @pytest.mark.parametrize(
        ("shares", "changes", "why"),
        [
            ({ADA: share(4, 1), BEN: share(3, 1)}, {}, "it sells 7 units of slot 1: 6 were offered: nothing"),
            ({ADA: share(1, 5)}, {}, "a share of 5 slots, of 4"),
            ({ADA: replace(share(1, 1), slots=0)}, {}, "a share of 0 slots"),
            ({ADA: share(2, 2, 3_999)}, {}, "costs 3999 ubc, less than 4000"),
            ({ADA: share(1, 1)}, {"price_ubc": 999}, "the offer's price is to be 999 ubc"),
            ({ADA: share(1, 1)}, {"valid_until_s": FIRST_S + 11}, "valid until"),
            ({ADA: share(1, 1)}, {"auction": b"another"}, "about another auction"),
            ({ADA: share(250_001, 1)}, {}, "range"),
        ],
    )
    def test_that_break_the_terms_are_not_signed(self, shares, changes, why):
        box = cleared(auction_box())
        (said_once,) = box.feed(asks(box, shares, **changes))
        assert said_once == note("question_refused")
        assert why in said_once.text
        assert box.state.on_auction.phase is AuctionPhase.IDLE
        assert box.state.on_auction.sold == {}

    def test_of_somebody_else_are_none(self):
        box = cleared(auction_box())
        assert box.feed(asks(box, key=STRANGER)) == [note("reply_invalid")]
        assert box.feed(reply(box, b"junk")) == [note("reply_invalid")]
        assert box.state.on_auction.phase is AuctionPhase.CLEARING

    def test_that_come_before_their_time_are_asked_again(self):
        box = cleared(auction_box())
        box.now = Now(box.now.mono_ns, box.now.utc_ms - 30)
        assert box.feed(asks(box)) == []
        box.now = Now(box.now.mono_ns, box.now.utc_ms + 30)
        assert box.feed(asks(box)) == [a(StoreAuctionOffer), a(SignAuctionOffer)]

    def test_for_room_that_somebody_has_by_now_are_not_signed(self):
        box = cleared(auction_box())
        guest = grant(9, consumer=BEN, qos=UNIT, allocations=2)
        box.feed(join(box, guest, OTHER_STATION, OTHER_CONSUMER, OTHER_DEVICE))
        assert box.feed(asks(box, {ADA: share(5, 1)})) == []
        assert wait(box, 0.5) == [a(AskHouse, request=asked(AskQuestion(auction_id(box))))]
        assert box.state.on_auction.sold == {}
        (said_once,) = wait(box, SLOT_S - AUCTION.open_s)
        assert said_once == note("question_refused")
        assert "it sells 5 units of slot 1: 4 are free now" in said_once.text
        assert box.state.on_auction.phase is AuctionPhase.IDLE

    def test_for_room_of_a_session_that_is_just_being_removed_are_signed_a_moment_later(self):
        box = ended(auction_box(), shares={ADA: share(6, 1)})
        won = grant(1, qos=UNIT, allocations=6, starts_s=FIRST_S, duration_s=SLOT_S)
        box.feed(join(box, won))
        box.feed(SessionInstalled(won.grant_id))
        opened(box)
        assert a(RemoveSession, grant_id=won.grant_id) in wait(box, AUCTION.open_s)
        assert box.feed(asks(box, {BEN: share(6, 1)})) == []
        box.feed(SessionRemoved(won.grant_id, Usage()))
        assert wait(box, 0.5) == [a(AskHouse)]
        assert a(SignAuctionOffer) in box.feed(asks(box, {BEN: share(6, 1)}))
        assert not box.state.on_auction.said

    def test_are_not_signed_while_the_disk_fails(self):
        box = cleared(auction_box())
        box.feed(SaveFailed(DISK, (ForgetAuctionOffer(b"x"),)))
        assert box.feed(asks(box)) == []
        texts = [getattr(one, "text", "") for one in wait(box, SLOT_S - AUCTION.open_s)]
        assert any("the disk keeps nothing" in text and "nothing is signed" in text for text in texts)

    def test_what_is_not_on_disk_does_not_go_out_and_is_taken_back(self):
        box = cleared(auction_box())
        mine = auction_id(box)
        box.feed(asks(box))
        store = box.last(StoreAuctionOffer)
        box.feed(SaveFailed(DISK, (store,)))
        assert box.feed(offer_signed(box)) == []
        commands = wait(box, SLOT_S - AUCTION.open_s)
        assert not [one for one in commands if isinstance(one, AskHouse)]
        assert box.state.on_auction.sold == {}
        box.feed(Saved())
        kept = [*box.state.disk.unsaved, *box.ordered]
        assert ForgetAuctionOffer(mine) in kept or ForgetAuctionOffer(mine) in box.feed(DeadlineReached())


class TestRestart:
    def test_an_auction_that_was_not_answered_is_forgotten(self):
        before = cleared(auction_box())
        box = again(before)
        box.feed(BrokerConnected())
        assert box.state.on_auction.phase is AuctionPhase.IDLE
        assert box.feed(LedgerReplied(before.last(AskHouse).correlation, b"")) == []
        opened(box)
        assert box.state.on_auction.forecast == (6, 6, 6, 6)

    def test_winners_who_have_not_come_are_not_forgotten(self):
        before = answered(auction_box())
        mine = auction_id(before)
        box = again(before, {mine: SOLD})
        assert box.state.on_auction.recent == (mine,)  # its bidders may ask what became of it
        box.feed(BrokerConnected())
        assert reserved(box.state, box.now).down_bps == 5_000_000
        opened(box)
        assert box.state.on_auction.forecast == (3, 3, 6, 6)
        assert a(AskHouse, request=asked(AskQuestion(mine))) in box.ordered
        won = grant(1, qos=UNIT, allocations=3, starts_s=FIRST_S, duration_s=3 * SLOT_S)
        assert box.feed(join(box, won)) == [a(InstallSession, grant_id=won.grant_id)]

    def test_one_whose_end_was_not_heard_is_asked_after(self):
        before = answered(auction_box())
        mine = auction_id(before)
        box = again(before, {mine: SOLD})
        box.feed(BrokerConnected())
        wait(box, SLOT_S - AUCTION.open_s)
        void = word(mine, Status.INACTIVE, "provider_away", "no answer")
        assert Playbook(box) >> reply(box, void) << ForgetAuctionOffer(mine) << note("auction_void")

    def test_what_is_over_by_then_is_taken_off_the_disk(self):
        before = answered(auction_box())
        mine = auction_id(before)
        before.pass_time(seconds(60))
        box = again(before, {mine: SOLD})
        assert ForgetAuctionOffer(mine) in box.ordered
        assert box.state.on_auction.sold == {}


class TestBroker:
    """Gone at each phase, and back."""

    def gone(self, box: Box, count: float) -> Box:
        box.feed(BrokerLost("gone"))
        assert not [one for one in wait(box, count) if isinstance(one, AskHouse)]
        box.feed(BrokerConnected())
        return box

    def test_while_the_key_is_awaited(self):
        box = auction_box()
        wait(box, 10)
        self.gone(box, 2)
        assert wait(box, 1) == [a(AskHouse, request=asked(AskTimeKey(FIRST_S)))]

    def test_while_the_receipt_is(self):
        box = auction_box()
        wait(box, 10)
        box.feed(reply(box, time_key()))
        signed = auction_signed(box)
        box.feed(signed)
        self.gone(box, 2)
        assert wait(box, 1) == [a(AskHouse, request=asked(CreateAuction(signed.encoded)))]

    def test_while_it_is_open(self):
        box = opened(auction_box())
        self.gone(box, 5)
        assert wait(box, 5) == [a(AskHouse, request=asked(AskQuestion(auction_id(box))))]

    def test_while_it_is_cleared(self):
        box = cleared(auction_box())
        self.gone(box, 3)
        assert wait(box, 0.5) == [a(AskHouse, request=asked(AskQuestion(auction_id(box))))]

    def test_while_it_is_answered(self):
        box = cleared(auction_box())
        box.feed(asks(box))
        box.feed(BrokerLost("gone"))
        tell = offer_signed(box)
        box.feed(tell)
        assert box.feed(Saved(auctions=(auction_id(box),))) == []
        box.feed(BrokerConnected())
        assert wait(box, 0.5) == [a(AskHouse, request=asked(AnswerQuestion(auction_id(box), tell.offer)))]

    def test_for_the_rest_of_the_minute(self):
        box = cleared(auction_box())
        box.feed(BrokerLost("gone"))
        assert note("auction_void") in wait(box, SLOT_S - AUCTION.open_s)
        assert note("auction_not_held") in box.feed(DeadlineReached())


def test_the_signed_auction_is_of_the_house_that_the_box_knows():
    box = opened(auction_box())
    assert read_auction(box.state.on_auction.shown, LEDGER_ID) == session_auction()


def test_a_box_without_auctions_loads_nothing_of_them():
    script = """
import sys
from apd.events import DeadlineReached, StationLeft
from tests.apd.playbook import run_session, sells, start_box
from tests.apd.world import STATION
box = sells(start_box())
run_session(box)
box.feed(StationLeft(STATION))
box.feed(DeadlineReached())
mine = {"apd.auctions", "apd.auction_state", "apd.bids", "apd.forecast"}
mine |= {f"wire.{name}" for name in ("auction", "auction_receipt", "auction_request", "generate_offer", "time_key")}
print(sorted(mine & set(sys.modules)))
"""
    command = [sys.executable, "-W", "ignore", "-c", script]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize("seed", range(8))
def test_whatever_happens_never_more_is_sold_than_the_box_carries(seed):
    minutes = Minutes(seed)
    minutes.run(13)
    assert minutes.house.executed, "something was sold"
    assert minutes.joined, "somebody came"


class TestOnTheAir:
    """Winners come by EAP-TLS, and the purchase that brings the grant is relayed here."""

    def air(self) -> Box:
        box = sells(air_box(**{**SIX, **QUIET, "auction": AUCTION}), **{**OFFER, "height": 11})
        sign_network(box)
        return box

    def claims(self, box: Box, number: int, won: Grant, key: PrivateKey) -> None:
        """The winner's purchase is relayed, and the ledger says that it ran."""
        bid = transaction(Allocate(PROVIDER.public, 40_000, BAND, epoch=0, auction=bytes(32)), key, number)
        box.feed(heard(Purchase(bid.envelope.encoded)))
        subject = bid.transaction_id
        box.feed(LedgerReplied(subject, ledger_reply(subject, signed_grant(won), reason="replayed")))

    def test_a_winner_is_counted_once_whether_his_grant_is_known_or_not(self):
        box = ended(self.air())
        ada = grant(1, qos=UNIT, allocations=3, starts_s=FIRST_S, duration_s=60)
        ben = grant(2, consumer=BEN, qos=UNIT, allocations=2, starts_s=FIRST_S, duration_s=20)
        assert reserved(box.state, box.now).down_bps == 5_000_000
        self.claims(box, 1, ada, CONSUMER)
        self.claims(box, 2, ben, OTHER_CONSUMER)
        assert len(box.state.on_air.grants) == 2
        assert reserved(box.state, box.now).down_bps == 5_000_000
        assert {serve(box, ada, STATION), serve(box, ben, OTHER_STATION)} == {ada.grant_id, ben.grant_id}
        assert box.state.promised.down_bps == 5_000_000
        assert reserved(box.state, box.now).down_bps == 0

    def test_a_station_that_moved_away_does_not_end_an_auction(self):
        box = self.air()
        guest = grant(9, qos=UNIT)
        serve(box, guest, STATION)
        cleared(box)
        near = throughput_of(box.state, None)
        slow = replace(near, down_bps=2_000_000)
        far = StationAir(StationMeasurement(STATION), slow, slow)
        assert box.state.on_auction.forecast[0] == 5
        airtime = replace(box.state.airtime, stations={STATION: far})
        box.state = replace(
            box.state,
            airtime=airtime,
            auctions=replace(box.state.on_auction, stations={STATION: replace(far, held=near)}),
        )
        assert a(SignAuctionOffer) in box.feed(asks(box, {ADA: share(5, 1)}))
