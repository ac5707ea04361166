"""An auditor with nothing but the log comes to the same winners, and finds what a house changed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.clearing.audit import Anchor, Audit, Audited, Funds, audit_log, convict, wanted_funds
from ledger.clearing.events import (
    AuctionClosed,
    AuctionTaken,
    BidTaken,
    Event,
    FundsTaken,
    OfferRejected,
    OfferTaken,
    Unsealed,
    next_head,
    read_event,
    write_event,
)
from ledger.clearing.house import ask_for
from ledger.clearing.provider import Wrong
from ledger.submission import Batch, Executed, Outcome
from tests.clearing_world import (
    BIDDERS,
    CLEARING_S,
    HOUSE,
    PROPSHARE,
    SLOT_S,
    VICKREY,
    ClearingWorld,
    away,
    boxed,
    honest,
)
from tests.ledger_world import ALICE, BOB, CAROL, EXCHANGE, PROVIDER
from wire.auction import SETTLE_S
from wire.auction_bid import conceal_bid, make_bid
from wire.auction_receipt import AuctionReceipt, Status
from wire.auction_terms import GUARD_S, AuctionKind
from wire.create import Create
from wire.errors import DecodeError
from wire.generate_offer import write_generate_offer
from wire.ids import PublicKey
from wire.keys import PrivateKey
from wire.money_actions import Deposit, Transfer
from wire.post_offer import PostOffer
from wire.ruling import sign_ruling
from wire.sealed_bid import read_sealed_bid, write_sealed_bid
from wire.transaction import read_transaction


def cleared(kind: AuctionKind = VICKREY, units: int = 1) -> ClearingWorld:
    world = ClearingWorld()
    listing = world.open(kind=kind, units=units)
    for key, price in ((ALICE, 70), (BOB, 100), (CAROL, 90), (ALICE, 60)):
        world.bid(listing, key, price)
    world.clear(listing)
    return world


@pytest.mark.parametrize(("kind", "units"), [(VICKREY, 1), (VICKREY, 2), (PROPSHARE, 7)])
def test_the_same_winners_without_the_house_s_key(kind: AuctionKind, units: int) -> None:
    world = cleared(kind, units)
    (listing,) = world.book.listings.values()
    (found,) = audit_log(world.entries, world.ledger_id).auctions
    assert (found.settled, found.wrong, found.dropped) == (True, "", 0)
    assert [(one.bid.account, one.units, one.price_ubc) for one in found.awards] == [
        (one.bid.account, one.units, one.price_ubc) for one in listing.awards
    ]


def sessions() -> ClearingWorld:
    """Two session auctions; Alice holds three units through the second one."""
    world = ClearingWorld()
    for number, asked in enumerate(
        (((ALICE, 3, 2, 90), (BOB, 4, 1, 50)), ((BOB, 2, 1, 50), (CAROL, 3, 1, 60)))
    ):
        auction = world.session(6 - 3 * number, 6, clearing_s=CLEARING_S + number * SLOT_S)
        listing = world.open(auction)
        for key, units, slots, worth in asked:
            world.bid(listing, key, worth, units, slots)
        world.clear(listing)
    return world


def test_sessions_without_the_house_s_key() -> None:
    world = sessions()
    found = audit_log(world.entries, world.ledger_id).auctions
    assert [(one.settled, one.wrong) for one in found] == [(True, ""), (True, "")]
    won = [[(one.bid.account, one.units, one.slots, one.price_ubc) for one in one.awards] for one in found]
    assert won == [[(ALICE.public, 3, 2, 50)], [(CAROL.public, 3, 1, 50)]]


@pytest.mark.parametrize("lie", [{"price_ubc": 51}, {"allocations": 2}, {"slots": 1}])
def test_a_house_that_moves_what_a_session_pays_or_gets_is_found(lie: dict[str, int]) -> None:
    """House and box together: both signatures hold."""
    world = sessions()
    first = next(iter(world.book.listings.values()))
    asked = ask_for(first)
    shares = {key: replace(share, **lie) for key, share in asked.consumers.items()}
    ruling = sign_ruling(HOUSE, world.ledger_id, first.auction_id, asked.head, asked.price_ubc, shares)
    question = write_generate_offer(
        replace(asked, consumers=shares, ruling=ruling.signature), HOUSE, world.ledger_id
    )
    answer = boxed(question, 0)
    (found, _) = audit_log(changed(world, OfferTaken, answer=answer), world.ledger_id).auctions
    assert "not what the auction came to" in found.wrong


def test_receipts_are_found_again() -> None:
    world = cleared()
    (listing,) = world.book.listings.values()
    heads = audit_log(world.entries, world.ledger_id).heads
    for receipt in map(listing.receipt, [None, *listing.bids]):
        assert heads[receipt.number - 1] == receipt.head


def test_what_a_house_leaves_out_or_moves_no_longer_fits_its_receipts() -> None:
    world = cleared()
    (listing,) = world.book.listings.values()
    (name,) = (bid.name for bid in listing.bids.values() if bid.account == BOB.public)
    receipt = listing.receipt(name)
    without = [entry for number, entry in enumerate(world.entries, 1) if number != receipt.number]
    audit = audit_log(without, world.ledger_id)
    assert audit.heads[receipt.number - 1] != receipt.head
    assert "not what the auction came to" in audit.auctions[0].wrong


def changed(world: ClearingWorld, kind: type[Event], **changes: object) -> list[bytes]:
    """The log with another event in the place of the first of its kind."""
    entries = list(world.entries)
    for number, entry in enumerate(entries):
        event = read_event(entry)
        if isinstance(event, kind):
            entries[number] = write_event(replace(event, **changes))  # type: ignore[arg-type]  # its own fields
            return entries
    raise AssertionError(f"no {kind.__name__}")


def test_an_offer_for_somebody_else_is_found() -> None:
    """The house and the provider together: the answer of another auction, in which the second price was higher."""
    world, other = cleared(), ClearingWorld()
    listing = other.open()
    for key, price in ((BOB, 100), (BIDDERS[3], 99)):
        other.bid(listing, key, price)
    other.clear(listing)
    (answer,) = (event.answer for event in map(read_event, other.entries) if isinstance(event, OfferTaken))
    (found,) = audit_log(changed(world, OfferTaken, answer=answer), world.ledger_id).auctions
    assert "not what the auction came to" in found.wrong
    (found,) = audit_log(changed(world, OfferTaken, answer=b"x"), world.ledger_id).auctions
    assert found.wrong


def test_a_bid_after_the_guard_is_found() -> None:
    world = ClearingWorld()
    listing = world.open()
    bid = world.make_bid(listing, BOB, 100)
    world.note(BidTaken((CLEARING_S - GUARD_S) * 10**9, listing.auction_id, bid))
    world.world.now_s = CLEARING_S - GUARD_S + 1
    world.clear(listing)
    (found,) = audit(world)
    assert found.wrong == f"bid 2 was taken after {CLEARING_S - GUARD_S}"


def test_a_log_that_does_not_fit_itself_is_no_log() -> None:
    world = cleared()
    with pytest.raises(DecodeError, match="does not fit itself"):
        audit_log(world.entries[1:], world.ledger_id)


def test_times_that_go_back_are_no_log() -> None:
    world = cleared()
    with pytest.raises(DecodeError, match="is not later"):
        audit_log(changed(world, BidTaken, at_ns=0), world.ledger_id)


def test_bids_that_took_no_part_are_counted() -> None:
    world = short_of_money()
    (found,) = audit(world)
    assert (found.dropped, found.wrong) == (1, "")
    assert [award.bid.account for award in found.awards] == [BOB.public]


def short_of_money() -> ClearingWorld:
    """Alice spends what she bid before the guard."""
    world = ClearingWorld()
    listing = world.open()
    for key, price in ((ALICE, 9_000), (BOB, 50), (CAROL, 40)):
        world.bid(listing, key, price)
    world.world.must(Transfer(PROVIDER.public, 5_000), ALICE)
    world.clear(listing)
    return world


@dataclass
class Word:
    """What the ledger of a world says. The block of height 0 was the last one before the guard."""

    world: ClearingWorld
    balances: dict[PublicKey, int] = field(default_factory=dict)
    time_s: int = CLEARING_S - GUARD_S - 1
    next_s: int | None = CLEARING_S
    landed: dict[bytes, bool] = field(default_factory=dict)
    others: tuple[Anchor, ...] = ()
    knows: bool = True

    def ran(self, transaction_id: bytes) -> bool | None:
        return self.landed.get(transaction_id, transaction_id in self.world.landed) if self.knows else None

    def funds(self, height: int, accounts: Collection[PublicKey]) -> Funds | None:
        noted = [event for event in map(read_event, self.world.entries) if isinstance(event, FundsTaken)]
        had = {**noted[0].balances_ubc, **self.balances}
        assert height == noted[0].height
        return Funds({key: had[key] for key in accounts}, self.time_s, self.next_s) if self.knows else None

    def anchors(self, house: PublicKey, providers: Collection[PublicKey]) -> Sequence[Anchor] | None:
        actions = [
            (one.transaction_id, one.transaction.action)
            for batch in self.world.batches
            for one in batch.transactions
        ]
        own = [
            Anchor(name, action.ruling.head, action.auction_id(PROVIDER.public))
            for name, action in actions
            if name in self.world.landed and isinstance(action, PostOffer) and action.ruling is not None
        ]
        assert (house, set(providers)) == (HOUSE.public, {PROVIDER.public})
        return [*own, *self.others] if self.knows else None


def audit(world: ClearingWorld, entries: list[bytes] | None = None, **changes: object) -> tuple[Audited, ...]:
    return audit_log(entries or world.entries, world.ledger_id, Word(world, **changes)).auctions  # type: ignore[arg-type]


@pytest.mark.parametrize("make", [cleared, short_of_money])
def test_an_honest_house_holds_in_everything(make: Callable[[], ClearingWorld]) -> None:
    world = make()
    found = audit_log(world.entries, world.ledger_id, Word(world))
    assert found.holds, found
    assert [(one.wrong, one.unchecked) for one in found.auctions] == [("", "")]


def test_an_honest_house_of_sessions_holds_in_everything() -> None:
    """Of one auction: the ledger of these tests has one guard."""
    world = ClearingWorld()
    listing = world.open(world.session(6, 6, minimum_ubc=1))
    for key, units, slots, worth in ((ALICE, 3, 2, 90), (BOB, 4, 1, 50), (CAROL, 7, 1, 99)):
        world.bid(listing, key, worth, units, slots)
    world.clear(listing)
    found = audit_log(world.entries, world.ledger_id, Word(world))
    assert found.holds, found
    assert [one.dropped for one in found.auctions] == [1], "of six units nobody gets seven"


def test_what_nobody_says_is_not_checked() -> None:
    world = cleared()
    for word in (None, Word(world, knows=False)):
        found = audit_log(world.entries, world.ledger_id, word)
        assert not found.holds
        assert found.auctions[0].unchecked == "what bidders had as of block 0, what the ledger has executed"
        assert (found.auctions[0].wrong, found.unchecked) == (
            "",
            ("that this is the only log that the house shows",),
        )


def test_a_house_that_says_of_the_best_bidder_that_he_had_nothing_is_found() -> None:
    """Bob had 10,000 and bid 100; the house, its log and its offer say that Carol wins."""
    world = ClearingWorld()
    listing = world.open()
    for key, price in ((BOB, 100), (CAROL, 90), (ALICE, 10)):
        world.bid(listing, key, price)
    world.world.now_s = CLEARING_S - GUARD_S
    lie = {key.public: 10_000 for key in (ALICE, BOB, CAROL)} | {BOB.public: 0}
    world.note(world.house.take_balances(listing, 0, lie, world.now_ns))
    world.clear(listing)
    assert world.world.balance(CAROL) == 10_000 - 10
    (found,) = audit(world, balances={BOB.public: 10_000})
    assert found.wrong == "bidders did not have as of block 0 what the log says"


@pytest.mark.parametrize(
    "changes",
    [
        {"time_s": CLEARING_S - GUARD_S},
        {"time_s": CLEARING_S, "next_s": None},
        {"time_s": CLEARING_S - GUARD_S - 2, "next_s": CLEARING_S - GUARD_S - 1},
        {"time_s": 1, "next_s": 2},
    ],
)
def test_a_house_that_chooses_its_block_is_found(changes: dict[str, Any]) -> None:
    """A second beside it is enough: a purse behind a ladder of straw men moves on with each block."""
    (found,) = audit(cleared(), **changes)
    assert found.wrong == f"block 0 is not the last one before {CLEARING_S - GUARD_S}"


@pytest.mark.parametrize("next_s", [None, CLEARING_S - GUARD_S, CLEARING_S + 300])
def test_a_network_that_stands_still_at_the_guard_convicts_nobody(next_s: int | None) -> None:
    found = audit_log(WORLD.entries, WORLD.ledger_id, Word(WORLD, time_s=CLEARING_S - 300, next_s=next_s))
    assert found.holds, found


def test_a_house_that_was_away_at_the_guard_holds_whatever_was_sealed() -> None:
    """Alice, who cannot pay what she bid, has it sealed well for two keepers and badly for the third."""
    world = ClearingWorld()
    listing = world.open()
    world.bid(listing, BOB, 50)
    world.bid(listing, CAROL, 40)
    key = PrivateKey.from_secret(1_000 + world.serial + 1)
    sealed = read_sealed_bid(world.make_bid(listing, ALICE, 9_000), world.ledger_id)
    shares = sealed.shares[:-1] + bytes([sealed.shares[-1] ^ 1])
    world.take(listing, write_sealed_bid(replace(sealed, shares=shares), key, world.ledger_id))
    world.world.must(Transfer(PROVIDER.public, 5_000), ALICE)
    world.world.now_s = CLEARING_S + 5
    world.clear(listing, keepers=(0, 1))
    found = audit_log(world.entries, world.ledger_id, Word(world))
    assert (found.holds, found.auctions[0].settled) == (True, True), found


def test_what_is_called_settled_and_is_not_in_the_ledger_and_the_other_way_round() -> None:
    world = cleared()
    (listing,) = world.book.listings.values()
    (winner,) = (award.bid.transaction.transaction_id for award in listing.awards)
    offer_id = world.batches[0].transactions[0].transaction_id
    for name in (winner, offer_id):
        (found,) = audit(world, landed={name: False})
        assert "the ledger has not executed" in found.wrong
    loser = listing.by_account[CAROL.public].opened
    assert loser is not None
    (found,) = audit(world, landed={loser.transaction.transaction_id: True})
    assert "the ledger has executed bid" in found.wrong
    closed = changed(
        world, AuctionClosed, reason="provider_away", detail="", at_ns=(CLEARING_S + 999) * 10**9
    )
    (found,) = audit(world, closed)
    assert "the ledger has executed bid" in found.wrong


def test_an_auction_that_is_given_up_early_is_found() -> None:
    world = cleared()
    (found,) = audit(world, changed(world, AuctionClosed, reason="provider_away"))
    assert "it was given up before its last second" in found.wrong


@pytest.mark.parametrize("reason", ["no_bids", "ledger_away", "keepers_away"])
def test_an_auction_without_winners_is_closed_for_want_of_bids_and_nothing_else(reason: str) -> None:
    world = ClearingWorld()
    listing = world.open(minimum_ubc=50)
    world.bid(listing, ALICE, 9)
    world.clear(listing)
    (found,) = audit(world, changed(world, AuctionClosed, reason=reason))
    assert found.wrong.endswith("it was given up before its last second") is (reason != "no_bids")
    assert bool(found.wrong) is (reason != "no_bids")
    (found,) = audit(cleared(), changed(cleared(), AuctionClosed, reason="no_bids", at_ns=2**62))
    assert "for want of bids, and there were some" in found.wrong


@pytest.mark.parametrize(
    ("events", "good"),
    [
        (0, {"house_away", "funds_unknown", "keeper_clock"}),
        (1, {"keepers_away"}),
        (2, {"provider_away", "provider_lies", "waits_for_another"}),
        (3, {"ledger_away", "waits_for_another"}),
        (4, {"sold_out", "provider_away", "provider_lies", "waits_for_another"}),
    ],
)
def test_an_auction_is_given_up_with_a_word_that_its_log_bears_out(events: int, good: set[str]) -> None:
    """After its last second, before it was counted, unsealed, offered, rejected."""
    world = cleared()
    bids, rest = world.entries[:5], world.entries[5:8]
    counted, unsealed, offered = map(read_event, rest)
    assert isinstance(counted, FundsTaken)
    assert (type(unsealed), type(offered)) == (Unsealed, OfferTaken)
    end_ns, auction_id = (CLEARING_S + SETTLE_S + 1) * 10**9, counted.auction_id
    rejected = write_event(OfferRejected(end_ns - 1, auction_id, "sold_out", "1 units wanted, 0 left"))
    words = {"house_away", "funds_unknown", "keeper_clock", "keepers_away", "provider_away", "provider_lies"}
    for reason in words | {"waits_for_another", "ledger_away", "sold_out", "whatever"}:
        end = write_event(AuctionClosed(end_ns, auction_id, reason, ""))
        entries = [*bids, *[*rest, rejected][:events], end]
        world.landed.clear()
        (found,) = audit(world, entries)
        assert ("which its log does not say" in found.wrong) is (reason not in good), (reason, found.wrong)


def test_a_head_of_another_place_of_the_log_is_found() -> None:
    """As of the auction's opening, say, it vouches for no bid."""
    world = cleared()
    first = next_head(bytes(32), world.entries[0])
    (own,) = Word(world).anchors(HOUSE.public, {PROVIDER.public}) or ()
    assert audit_log(world.entries, world.ledger_id, Word(world, others=(own,))).holds
    for other in (replace(own, head=first), replace(own, auction_id=bytes(32)), replace(own, auction_id=b"")):
        found = audit_log(world.entries, world.ledger_id, Word(world, others=(other,)))
        assert "carries a head of another log" in found.wrong[0]


def test_a_house_with_two_logs_is_found_by_what_it_signed() -> None:
    """It settles from one log, and shows another one, without a bid; the ledger has the head of the first."""
    world, shown = cleared(), ClearingWorld()
    listing = shown.open()
    for key, price in ((BOB, 100), (CAROL, 90)):
        shown.bid(listing, key, price)
    shown.clear(listing)
    both = Word(shown, others=tuple(Word(world).anchors(HOUSE.public, {PROVIDER.public}) or ()))
    found = audit_log(shown.entries, shown.ledger_id, both)
    assert not found.holds
    assert "carries a head of another log" in found.wrong[0]


@pytest.mark.parametrize("kind", [FundsTaken, Unsealed, OfferTaken, AuctionClosed])
def test_what_comes_out_of_turn_is_no_log(kind: type[Event]) -> None:
    """Twice the same, or before its time."""
    world = cleared()
    place = next(at for at, one in enumerate(world.entries) if isinstance(read_event(one), kind))
    event = read_event(world.entries[place])
    twice = write_event(replace(event, at_ns=event.at_ns + 1))
    later = [
        write_event(replace(read_event(one), at_ns=event.at_ns + 10 + n))
        for n, one in enumerate(world.entries[place + 1 :])
    ]
    with pytest.raises(DecodeError, match="does not fit itself"):
        audit_log([*world.entries[: place + 1], twice, *later], world.ledger_id)


def test_an_auction_is_opened_once() -> None:
    world = cleared()
    again = changed(world, AuctionTaken, at_ns=world.book.at_ns + 1)[:1]
    with pytest.raises(DecodeError, match="a second time"):
        audit_log([*world.entries, *again], world.ledger_id)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 9), st.binary(max_size=40), st.integers(0, 900))
def test_garbage_is_no_log(which: int, garbage: bytes, at: int) -> None:
    world = WORLD
    entries = list(world.entries)
    good = entries[which % len(entries)]
    entries[which % len(entries)] = good[:at] + garbage + good[at + len(garbage) :]
    with contextlib.suppress(DecodeError):
        audit_log(entries, world.ledger_id, Word(world))


def test_secrets_that_are_none_make_no_log() -> None:
    world = cleared()
    for secrets in ({7: bytes(32)}, {0: bytes(32)}, {0: b"x", 1: b"y"}, {-1: bytes(32)}):
        with pytest.raises(DecodeError):
            audit_log(changed(world, Unsealed, secrets=secrets), world.ledger_id)


def test_receipts_convict_who_drops_moves_or_dates_anew() -> None:
    world = cleared()
    (listing,) = world.book.listings.values()
    receipts = [listing.receipt(name) for name in (None, *listing.bids)]

    def said(receipt: AuctionReceipt, entries: list[bytes]) -> str:
        heads, head = [], bytes(32)
        for entry in entries:
            head = next_head(head, entry)
            heads.append(head)
        return convict(receipt, entries, Audit((), tuple(heads)), world.ledger_id)

    for receipt in receipts:
        assert said(receipt, world.entries) == ""
        assert (
            "another one than that of the receipt"
            in said(receipt, [*world.entries[:1], *world.entries[:1], *world.entries[2:]])
            or receipt.number == 1
        )
        assert "entries, and the receipt is for" in said(receipt, world.entries[: receipt.number - 1])
    assert "is of" in said(replace(receipts[1], at_ns=5), world.entries)
    auction = receipts[0]
    assert "is no bid" in said(replace(auction, bid_id=ALICE.public), world.entries)
    assert "does not open that auction" in said(replace(receipts[1], bid_id=None), world.entries)
    assert "nothing that was taken" in said(AuctionReceipt(bytes(32), Status.ERROR), world.entries)


@pytest.mark.parametrize("kind", [VICKREY, PROPSHARE])
@pytest.mark.parametrize("units", [1, 2])
def test_a_share_that_is_claimed_with_a_replaced_bid_is_sold(kind: AuctionKind, units: int) -> None:
    """The provider is faster than the house, and submits what Alice had bid before: good, signed and public. Whoever
    else won gets his share from the house, and nobody who has paid is told that he has not.
    """
    world = ClearingWorld()
    listing = world.open(kind=kind, units=units)
    old = world.make_bid(listing, ALICE, 9_000)
    nonce = world.serial.to_bytes(8, "big")
    plain = make_bid(listing.auction, 9_000, ALICE, world.ledger_id, nonce)
    world.take(listing, old)
    last, other = world.bid(listing, ALICE, 60), world.bid(listing, BOB, 55)
    world.bid(listing, CAROL, 1)
    outcomes: list[Outcome] = []

    def faster(question: bytes, now_s: int) -> bytes | Wrong | None:
        said = honest(question, now_s)
        if not outcomes and isinstance(said, bytes):
            both = Batch(tuple(read_transaction(one, world.ledger_id) for one in (said, plain)))
            outcomes.append(world.submit(both))
        return said

    closed = world.clear(listing, faster)
    assert isinstance(outcomes[0], Executed)
    assert 10_000 - world.world.balance(ALICE) == closed.awards[0].price_ubc
    receipt = closed.receipt(last)
    ran = read_transaction(plain, world.ledger_id).transaction_id
    assert (receipt.status, receipt.reason) == (Status.EXECUTED, "")
    assert ran.hex() in receipt.detail
    won = any(one.bid.account == BOB.public for one in closed.awards)
    assert closed.receipt(other).status is (Status.EXECUTED if won else Status.CANCELLED)
    assert won == (units == 2)
    found = audit_log(world.entries, world.ledger_id, Word(world))
    assert (found.holds, found.auctions[0].settled) == (True, True), found
    lies = changed(world, AuctionClosed, executed=())
    assert "the ledger has" in audit(world, lies)[0].wrong
    world.restart()
    assert world.book.listings[listing.auction_id].receipt(last) == receipt


@pytest.mark.parametrize("kind", [VICKREY, PROPSHARE])
def test_a_receipt_with_the_place_of_somebody_else_s_bid_convicts(kind: AuctionKind) -> None:
    """The house drops Bob's bid, and signs him the place of Alice's."""
    world = ClearingWorld()
    listing = world.open(kind=kind)
    receipt = listing.receipt(world.bid(listing, ALICE, 60))
    world.bid(listing, CAROL, 40)
    world.clear(listing)
    found = audit_log(world.entries, world.ledger_id, Word(world))
    assert found.holds
    dropped = replace(receipt, bid_id=BOB.public)
    assert "somebody else's bid" in convict(dropped, world.entries, found, world.ledger_id)
    sent = world.make_bid(listing, ALICE, 61)
    assert "another bid" in convict(receipt, world.entries, found, world.ledger_id, sent)
    kept = listing.bids[receipt.bid_id or BOB.public].encoded
    assert convict(receipt, world.entries, found, world.ledger_id, kept) == ""


def test_a_receipt_that_names_another_price_that_would_have_won_convicts() -> None:
    world = sessions()
    found = audit_log(world.entries, world.ledger_id)
    told = 0
    for listing in world.book.listings.values():
        for receipt in map(listing.receipt, listing.bids):
            assert convict(receipt, world.entries, found, world.ledger_id) == ""
            if receipt.wins_above_ubc is not None:
                told += 1
                lie = replace(receipt, wins_above_ubc=receipt.wins_above_ubc + 1)
                assert "would have won, by the log" in convict(lie, world.entries, found, world.ledger_id)
    assert told == 2


@pytest.mark.parametrize("kind", ["other shares", "garbage inside"])
def test_an_honest_house_holds_whatever_a_bidder_seals(kind: str) -> None:
    """Bob bids 100, and then something that nobody can read: his first bid counts, for the house and for auditors."""
    world = ClearingWorld()
    listing = world.open()
    world.bid(listing, BOB, 100)
    world.bid(listing, CAROL, 90)
    if kind == "other shares":
        other = replace(listing.auction, threshold=3)
        listing.auction, kept = other, listing.auction
        bad = world.make_bid(listing, BOB, 95)
        listing.auction = kept
    else:
        bad = conceal_bid(
            listing.auction, b"garbage", BOB, PrivateKey.from_secret(999), world.ledger_id, bytes(16)
        )
    assert isinstance(world.take(listing, bad), PublicKey)
    (name,) = (name for name, bid in listing.bids.items() if bid.encoded == bad)
    world.clear(listing)
    found = audit_log(world.entries, world.ledger_id, Word(world))
    assert found.holds, found
    counts = kind == "other shares"
    assert world.world.balance(BOB) == 10_000 - (90 if counts else 0)
    assert world.status(listing, name)[0] is Status.ERROR


def test_whoever_comes_first_with_nothing_takes_no_place_in_a_crowded_auction() -> None:
    """78 bids are compared: not those that nobody can read, nor whose money is not there, nor the first ones."""
    world = ClearingWorld()
    crowd = [PrivateKey.from_secret(5_000 + number) for number in range(80)]
    for key in crowd:
        world.world.must(Create(key.public), key)
        world.world.must(Deposit(key.public, 10_000), EXCHANGE)
    listing = world.open(world.session(250, units=250, minimum_ubc=1))
    junk = [
        conceal_bid(
            listing.auction, b"junk", BIDDERS[n], PrivateKey.from_secret(900 + n), world.ledger_id, bytes(16)
        )
        for n in range(3)
    ]
    assert all(isinstance(world.take(listing, bid), PublicKey) for bid in junk)
    poor = world.bid(listing, BIDDERS[3], 20_000, 250, 1)
    names = [world.bid(listing, key, 400 + number, 1, 1) for number, key in enumerate(crowd)]
    world.clear(listing)
    assert world.status(listing, poor) == (Status.ERROR, "insufficient_funds")
    reasons = [world.status(listing, name)[1] for name in names]
    assert reasons == ["outbid"] * 2 + [""] * 78
    assert {award.price_ubc for award in listing.awards} == {401}, "what the best one outside was worth"
    told = [listing.receipt(name) for name in names]
    assert {one.wins_above_ubc for one in told} == {None}
    assert told[0].detail == "others bid more"
    found = audit_log(world.entries, world.ledger_id, Word(world))
    assert found.holds, found
    assert {convict(one, world.entries, found, world.ledger_id) for one in told} == {""}


def test_the_funds_that_a_log_names() -> None:
    assert wanted_funds(cleared().entries) == {0: {key.public for key in (ALICE, BOB, CAROL)}}


def test_an_auction_that_came_to_nothing_and_one_that_is_open() -> None:
    world = ClearingWorld()
    listing = world.open()
    world.bid(listing, ALICE, 50)
    world.clear(listing, away)
    young = world.open(clearing_s=world.world.now_s + 50)
    world.bid(young, BOB, 50)
    (found,) = audit(world)
    assert (found.settled, found.awards, found.wrong, found.unchecked) == (False, (), "", "")


def test_settled_without_an_offer() -> None:
    """The provider brought offer and bids to the ledger itself: only the ledger can say so."""
    world = cleared()
    entries = [entry for entry in world.entries if not isinstance(read_event(entry), OfferTaken)]
    (found,) = audit(world, entries)
    assert found.wrong == ""
    (found,) = audit_log(entries, world.ledger_id).auctions
    assert "that the provider settled it without the house" in found.unchecked
    assert isinstance(read_event(entries[-1]), AuctionClosed)


WORLD = cleared()
