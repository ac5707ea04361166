"""Bids and questions of strangers: who is shown an auction, what goes to the house, and to whom its word comes back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from apd import bids, lobby
from apd.auction_state import OF_BIDS, AuctionPhase, AuctionState, is_of
from apd.commands import AskHouse, Command, InstallSession, Note, SendLobby, SubmitTransaction
from apd.events import DeadlineReached, LedgerReplied, Saved
from apd.state import State
from nas_tunnel.lobby import (
    AskAuction,
    AskBid,
    AuctionShown,
    Bid,
    BidSaid,
    LobbyMessage,
    Outcome,
    Purchase,
    Refused,
    write_lobby,
)
from tests.apd.auction_world import AUCTION as EACH_SLOT
from tests.apd.auction_world import (
    FIRST_S,
    UNIT,
    auction_box,
    auction_signed,
    offer_signed,
    question,
    share,
    time_key,
)
from tests.apd.auction_world import word as word_on_auction
from tests.apd.playbook import Box, Playbook, a, heard, join, seconds, start_box
from tests.apd.playbook import told as tells
from tests.apd.world import (
    BAND,
    CONSUMER,
    DEVICE,
    LEDGER,
    LEDGER_ID,
    OTHER_CONSUMER,
    OTHER_DEVICE,
    OTHER_STATION,
    PROVIDER,
    START,
    STRANGER,
    grant,
    reply,
    signed_grant,
    signed_state,
    transaction,
)
from wire.allocate import Allocate
from wire.auction_receipt import AuctionReceipt, Status, write_auction_receipt
from wire.auction_request import AuctionRequest, GetBid, PlaceBid, read_auction_request, write_auction_request
from wire.grant import grant_id_of
from wire.keys import PrivateKey
from wire.units import NS_PER_S, Now

AUCTION, OLD, FOREIGN = bytes(range(32)), bytes(range(1, 33)), bytes(range(2, 34))
OPEN = AuctionState(AuctionPhase.OPEN, encoded=b"as signed", recent=(OLD, AUCTION))
BID = Bid(AUCTION, b"sealed")
ASK = AskBid(AUCTION, CONSUMER.public)


def later(seconds: float) -> Now:
    return Now(START.mono_ns + round(seconds * NS_PER_S), START.utc_ms + round(seconds * 1_000))


def host(number: int) -> tuple[str, int, int, int]:
    return (f"fe80::{number:x}", 40_000, 0, 7)


def started(auctions: AuctionState | None = OPEN, *, connected: bool = True) -> State:
    state = start_box(offer_state=signed_state(allocations_left=0)).state
    return replace(state, auctions=auctions, link=replace(state.link, connected=connected))


def say(
    state: State, message: LobbyMessage, now: Now = START, source: tuple[str, int, int, int] = DEVICE
) -> tuple[State, list[Command]]:
    return lobby.receive(state, source, write_lobby(message), now)


def asked(commands: list[Command]) -> list[AuctionRequest]:
    return [read_auction_request(one.request) for one in commands if isinstance(one, AskHouse)]


def told(commands: list[Command]) -> list[tuple[object, LobbyMessage]]:
    return [(one.to, one.message) for one in commands if isinstance(one, SendLobby)]


def refused(commands: list[Command]) -> list[tuple[bytes, str]]:
    return [(said.subject, said.reason) for _, said in told(commands) if isinstance(said, Refused)]


def word(
    auction_id: bytes = AUCTION,
    key: PrivateKey = LEDGER,
    ledger_id: bytes = LEDGER_ID,
    status: Status = Status.PENDING,
) -> bytes:
    receipt = AuctionReceipt(auction_id, status, CONSUMER.public, 3, 5, bytes(32))
    return write_auction_receipt(receipt, key, ledger_id)


WORD = word()


class TestShow:
    def test_an_auction_that_takes_bids_is_shown_with_the_time_here(self) -> None:
        _, commands = say(started(), AskAuction())
        assert told(commands) == [(DEVICE, AuctionShown(b"as signed", START.utc_s))]

    @pytest.mark.parametrize("phase", set(AuctionPhase) - {AuctionPhase.OPEN})
    def test_none_is_shown_that_takes_no_bids(self, phase: AuctionPhase) -> None:
        state, commands = say(started(replace(OPEN, phase=phase)), AskAuction())
        assert refused(commands) == [(b"", "no_auction")]
        assert state.refused["no_auction"] == 1

    def test_whoever_comes_too_late_hears_that_there_will_be_another(self) -> None:
        _, commands = say(started(replace(OPEN, phase=AuctionPhase.CLEARING, clearing_s=77)), AskAuction())
        [(_, said)] = told(commands)
        assert isinstance(said, Refused)
        assert "the one of 77 takes no more bids" in said.detail

    @pytest.mark.parametrize(
        ("message", "subject"),
        [(AskAuction(), b""), (BID, AUCTION), (ASK, AUCTION)],
        ids=["ask", "bid", "ask bid"],
    )
    def test_a_box_without_auctions_says_so(self, message: LobbyMessage, subject: bytes) -> None:
        state, commands = say(started(None), message)
        assert refused(commands) == [(subject, "no_auction")]
        assert state.auctions is None


class TestTake:
    def test_a_bid_goes_to_the_house_as_it_is_and_its_word_comes_back_to_who_asked(self) -> None:
        state, commands = say(started(), BID)
        assert asked(commands) == [PlaceBid(AUCTION, b"sealed")]
        [order] = commands
        assert isinstance(order, AskHouse)
        assert is_of(OF_BIDS, order.correlation)
        state, commands = bids.take_reply(state, order.correlation, WORD)
        assert told(commands) == [(DEVICE, BidSaid(WORD))]
        assert not state.on_auction.asked
        assert state.on_auction.relayed == 1

    def test_a_question_goes_to_the_house_and_is_no_bid(self) -> None:
        state, commands = say(started(), ASK)
        assert asked(commands) == [GetBid(AUCTION, CONSUMER.public)]
        assert state.on_auction.relayed == 0

    @pytest.mark.parametrize("phase", [AuctionPhase.CLEARING, AuctionPhase.IDLE])
    def test_of_an_auction_that_is_over_the_house_says_what_became(self, phase: AuctionPhase) -> None:
        state = started(replace(OPEN, phase=phase))
        for message in (BID, replace(ASK, auction_id=OLD)):
            assert len(asked(say(state, message)[1])) == 1

    def test_nothing_is_passed_on_for_auctions_of_others(self) -> None:
        state, commands = say(started(), Bid(FOREIGN, b"sealed"))
        assert refused(commands) == [(FOREIGN, "unknown_auction")]
        assert not state.on_auction.asked

    def test_a_broker_that_is_away(self) -> None:
        _, commands = say(started(connected=False), BID)
        assert refused(commands) == [(AUCTION, "house_unreachable")]

    def test_the_same_octets_go_once_a_second_and_count_once(self) -> None:
        state, first = say(started(), BID)
        state, at_once = say(state, BID, later(0.9))
        state, again = say(state, BID, later(1.0))
        state, soon = say(state, BID, later(1.9))
        assert (len(first), at_once, again, soon) == (1, [], first, [])
        assert len(state.on_auction.asked) == state.on_auction.relayed == 1

    def test_whoever_overhears_a_bid_takes_nobodys_place(self) -> None:
        state, mine = say(started(), BID)
        state, his = say(state, BID, START, OTHER_DEVICE)
        assert asked(mine) == asked(his)
        [order], [other] = mine, his
        assert isinstance(order, AskHouse)
        assert isinstance(other, AskHouse)
        state, commands = bids.take_reply(state, other.correlation, WORD)
        assert told(commands) == [(OTHER_DEVICE, BidSaid(WORD))]
        state, commands = bids.take_reply(state, order.correlation, WORD)
        assert told(commands) == [(DEVICE, BidSaid(WORD))]

    def test_one_host_has_sixteen_under_way_from_all_its_ports(self) -> None:
        state = started()
        for number in range(bids.MAX_ASKED_OF_ONE):
            state, commands = say(state, Bid(AUCTION, bytes((number,))), START, ("fe80::1", number, 0, 7))
            assert len(asked(commands)) == 1
        state, commands = say(state, Bid(AUCTION, b"one more"))
        assert refused(commands) == [(AUCTION, "busy")]
        _, commands = say(state, Bid(AUCTION, b"one more"), START, OTHER_DEVICE)
        assert len(asked(commands)) == 1

    def test_the_oldest_gives_way_when_all_places_are_taken(self) -> None:
        state = started()
        for number in range(bids.MAX_ASKED):
            state, _ = say(state, BID, later(number / bids.RELAYED_PER_S), host(number))
        state, commands = say(state, BID, later(10), host(0xFFFF))
        assert told(commands)[0][0] == host(0)
        assert refused(commands) == [(AUCTION, "busy")]
        assert len(asked(commands)) == 1
        assert len(state.on_auction.asked) == bids.MAX_ASKED

    def test_of_a_host_that_has_many_if_there_is_one(self) -> None:
        state = started()
        for number in range(bids.MAX_ASKED - 1):
            state, _ = say(state, BID, later(number / bids.RELAYED_PER_S), host(number))
        state, _ = say(state, Bid(AUCTION, b"a second one"), later(10), host(7))
        state, commands = say(state, BID, later(10), host(0xFFFF))
        assert told(commands)[0][0] == host(7)
        assert len(state.on_auction.asked) == bids.MAX_ASKED


class TestPace:
    def flood(self, state: State, count: int, now: Now, hosts: int = 1) -> tuple[State, int]:
        """Bids that the house answers at once; how many of them it got."""
        passed = 0
        for number in range(count):
            state, commands = say(state, Bid(AUCTION, number.to_bytes(4, "big")), now, host(number % hosts))
            for order in commands:
                if isinstance(order, AskHouse):
                    passed += 1
                    state, _ = bids.take_reply(state, order.correlation, WORD)
        return state, passed

    def test_one_host_leaves_room_for_others(self) -> None:
        state, passed = self.flood(started(), 200, START)
        assert passed == 2 * bids.RELAYED_PER_S_OF_ONE
        state, commands = say(state, BID, START, host(0))
        assert refused(commands) == [(AUCTION, "busy")]
        _, commands = say(state, BID, START, OTHER_DEVICE)
        assert len(asked(commands)) == 1

    def test_all_together_do_not_fill_the_houses_queue(self) -> None:
        state, passed = self.flood(started(), 400, START, hosts=400)
        assert passed == bids.RELAYED_PER_S
        assert len(state.on_auction.relays) == bids.RELAYED_PER_S + 1
        state, passed = self.flood(state, 400, later(0.5), hosts=400)
        assert passed == bids.RELAYED_PER_S // 2

    def test_and_less_while_the_box_asks_what_an_auction_came_to(self) -> None:
        state = started(replace(OPEN, phase=AuctionPhase.CLEARING))
        assert self.flood(state, 400, START, hosts=400)[1] == bids.RELAYED_PER_S // bids.WHILE_CLEARING

    def test_after_a_quiet_while_nothing_is_remembered(self) -> None:
        state, _ = self.flood(started(), 400, START, hosts=400)
        state, _ = say(state, BID, later(3), OTHER_DEVICE)
        assert len(state.on_auction.relays) == 2


class TestReply:
    @pytest.mark.parametrize(
        "data",
        [b"", b"garbage", word(key=STRANGER), word(ledger_id=bytes(32))],
        ids=["empty", "garbage", "not the house's", "another ledger's"],
    )
    def test_what_the_house_did_not_sign_reaches_nobody(self, data: bytes) -> None:
        state, [order] = say(started(), BID)
        assert isinstance(order, AskHouse)
        state, commands = bids.take_reply(state, order.correlation, data)
        assert [type(one) for one in commands] == [Note]
        assert state.on_auction.asked
        assert state.refused == {"reply_invalid": 1}

    def test_a_word_on_something_else_reaches_nobody(self) -> None:
        state, [order] = say(started(), BID)
        assert isinstance(order, AskHouse)
        state, commands = bids.take_reply(state, order.correlation, word(OLD))
        assert (commands, state.refused) == ([], {"reply_unexpected": 1})
        assert state.on_auction.asked

    def test_nobody_is_told_twice(self) -> None:
        state, [order] = say(started(), BID)
        assert isinstance(order, AskHouse)
        state, _ = bids.take_reply(state, order.correlation, WORD)
        state, commands = bids.take_reply(state, order.correlation, WORD)
        assert (commands, state.refused) == ([], {"reply_unexpected": 1})


class TestTime:
    def test_a_house_that_does_not_answer_is_named_to_who_asked_however_often_he_repeats(self) -> None:
        state, _ = say(started(), BID)
        for second in range(1, 15):
            state, _ = say(state, BID, later(second))
        assert bids.deadlines_ns(state) == [later(15).mono_ns]
        assert bids.pass_time(state, later(14.9)) == (state, [])
        state, commands = bids.pass_time(state, later(15))
        assert refused(commands) == [(AUCTION, "house_unreachable")]
        assert bids.deadlines_ns(state) == []


class TestClaim:
    """A winner fetches his grant with the bid that ran."""

    def of_auction(self, provider: PrivateKey = PROVIDER) -> Purchase:
        bid = Allocate(provider.public, 90_000, BAND, 0, 3, auction=AUCTION, slots=2)
        return Purchase(transaction(bid).envelope.encoded)

    def test_no_room_and_no_epoch_are_asked_for_and_none_is_kept_twice(self) -> None:
        for auctions in (OPEN, None):
            state, commands = say(started(auctions), self.of_auction())
            assert [type(one) for one in commands] == [SubmitTransaction]
            [pending] = state.lobby.pending.values()
            assert pending.wants is None

    def test_others_winners_are_others_business(self) -> None:
        _, commands = say(started(), self.of_auction(STRANGER))
        assert [reason for _, reason in refused(commands)] == ["foreign_provider"]


def opened() -> Box:
    """An auction of six units takes bids."""
    box = auction_box()
    box.pass_time(seconds(FIRST_S - EACH_SLOT.open_s - START.utc_s))
    box.feed(DeadlineReached())
    box.feed(LedgerReplied(box.last(AskHouse).correlation, time_key()))
    box.feed(auction_signed(box))
    box.feed(
        LedgerReplied(box.last(AskHouse).correlation, word_on_auction(auction_id_of(box), Status.ACTIVE))
    )
    return box


def auction_id_of(box: Box) -> bytes:
    auction = box.state.on_auction.auction
    assert auction is not None
    return auction.auction_id


class TestThroughTheCore:
    """As datagrams and replies come, beside the auctions themselves."""

    def test_from_the_auction_that_is_shown_to_the_houses_word(self) -> None:
        box = opened()
        auction_id, bid = auction_id_of(box), Bid(auction_id_of(box), b"sealed")
        taken, lost = word(auction_id), word(auction_id, status=Status.CANCELLED)
        assert (
            Playbook(box)
            >> heard(AskAuction())
            << tells(AuctionShown, auction=box.state.on_auction.encoded)
            >> heard(bid)
            << a(AskHouse, request=write_auction_request(PlaceBid(auction_id, b"sealed")))
        )
        assert (
            Playbook(box)
            >> LedgerReplied(box.last(AskHouse).correlation, taken)
            << tells(BidSaid, receipt=taken)
        )
        assert (
            Playbook(box)
            >> heard(AskBid(auction_id, CONSUMER.public))
            << a(AskHouse, request=write_auction_request(GetBid(auction_id, CONSUMER.public)))
        )
        assert (
            Playbook(box)
            >> LedgerReplied(box.last(AskHouse).correlation, lost)
            << tells(BidSaid, receipt=lost)
        )

    def test_a_house_that_is_silent_is_named_when_its_time_is_over(self) -> None:
        box = opened()
        box.feed(heard(Bid(auction_id_of(box), b"sealed")))
        box.pass_time(seconds(15))
        commands = box.feed(DeadlineReached())
        assert (auction_id_of(box), "house_unreachable") in refused(commands)

    def test_a_winner_fetches_his_grant_and_finds_his_room(self) -> None:
        """Nothing is free but what he won: all six units are sold, three of them to him."""
        box = opened()
        box.pass_time(seconds(EACH_SLOT.open_s))
        box.feed(DeadlineReached())
        auctions = box.state.on_auction
        assert auctions.auction is not None
        asked_for = question(
            auctions.auction, auctions.encoded, {CONSUMER.public: share(3, 3), STRANGER.public: share(3, 1)}
        )
        box.feed(LedgerReplied(box.last(AskHouse).correlation, asked_for))
        box.feed(offer_signed(box))
        box.feed(Saved(auctions=(auction_id_of(box),)))
        won = Allocate(PROVIDER.public, 90_000, BAND, 0, 3, auction=auction_id_of(box), slots=3)
        bid = transaction(won)
        made = grant(
            qos=UNIT,
            allocations=3,
            epoch=4,
            starts_s=FIRST_S,
            duration_s=60,
            grant_id=grant_id_of(bid.transaction_id),
        )
        encoded = signed_grant(made)
        assert (
            Playbook(box)
            >> heard(Purchase(bid.envelope.encoded))
            << a(SubmitTransaction, correlation=bid.transaction_id)
            >> LedgerReplied(bid.transaction_id, reply(bid.transaction_id, encoded))
            << tells(Outcome, grant=encoded)
            >> join(box, made)
            << a(InstallSession)
        )
        other = grant(consumer=OTHER_CONSUMER.public, qos=UNIT, epoch=4, starts_s=FIRST_S, duration_s=60)
        assert (
            Playbook(box)
            >> join(box, other, OTHER_STATION, OTHER_CONSUMER, OTHER_DEVICE)
            << tells(Refused, OTHER_DEVICE, reason="no_capacity")
        )
