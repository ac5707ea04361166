"""The book: the same log gives the same book; and what an observer of the log can know before the clearing time."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

import pytest

from ledger.clearing.awards import OpenBid
from ledger.clearing.book import KEPT_NS, Bid, Book, Listing, Phase, Place, open_in_turn, open_one, with_key
from ledger.clearing.door import Refusal
from ledger.clearing.events import BidTaken, FundsTaken, Unsealed, next_head, read_event, write_event
from ledger.clearing.keeping import time_secret
from ledger.clearing.pages import list_auctions, show_auction, show_bids
from tests.clearing_world import BIDDERS, CLEARING_S, HOUSE, KEEPERS, PROPSHARE, ClearingWorld, away
from tests.ledger_world import ALICE, BOB, CAROL, PROVIDER
from wire.auction import SETTLE_S
from wire.auction_receipt import Status
from wire.auction_request import ListAuctions
from wire.cbor import read_cbor
from wire.cose import read_envelope
from wire.errors import DecodeError, VerificationError
from wire.ids import PublicKey
from wire.keys import PrivateKey
from wire.sealed_bid import open_bid, open_ticket, read_sealed_bid


def bidding(prices: dict[int, int], kind_of: str = "sealed") -> ClearingWorld:
    """A world in which bidder n has bid prices[n]."""
    world = ClearingWorld()
    listing = world.open() if kind_of == "sealed" else world.open(kind=PROPSHARE)
    for number, price_ubc in prices.items():
        world.bid(listing, BIDDERS[number], price_ubc)
    return world


@pytest.mark.parametrize("kind_of", ["sealed", "open"])
def test_the_same_log_gives_the_same_book(kind_of: str) -> None:
    world = bidding({0: 70, 1: 100, 2: 90}, kind_of)
    (listing,) = world.book.listings.values()
    world.clear(listing)
    receipts = [listing.receipt(name) for name in listing.bids]
    world.restart()
    again = world.book.listings[listing.auction_id]
    assert [again.receipt(name) for name in again.bids] == receipts
    assert (again.receipt(), again.awards) == (listing.receipt(), listing.awards)
    assert world.book.active == {}


def test_what_would_have_won_is_found_when_asked_for_and_again_in_the_same_log() -> None:
    world = ClearingWorld()
    listing = world.open(world.session(6, 6))
    names = [
        world.bid(listing, BIDDERS[number], worth, units, slots)
        for number, (units, slots, worth) in enumerate(((4, 2, 900), (3, 1, 500), (3, 2, 300), (7, 1, 999)))
    ]
    world.clear(listing)
    assert listing.wins_above is None
    said = [listing.receipt(name) for name in names]
    assert [one.wins_above_ubc for one in said] == [None, 600, 400, None]
    assert [one.reason for one in said] == ["", "outbid", "outbid", "over_capacity"]
    assert [one.detail for one in said] == [
        "for 0.0008 BC",
        "would have won with more than 0.0006 BC",
        "would have won with more than 0.0004 BC",
        "slot 1 has 6 units, it wants 7",
    ]
    lost = [bid.opened for bid in list(listing.bids.values())[1:3]]
    assert listing.wins_above is not None
    assert listing.wins_above.keys() == {one.transaction.transaction_id for one in lost if one is not None}
    world.restart()
    again = world.book.listings[listing.auction_id]
    assert [again.receipt(name) for name in names] == said
    again.wins_above = {}  # as of a bid that is one too many
    assert (again.receipt(names[1]).wins_above_ubc, again.receipt(names[1]).detail) == (
        None,
        "others bid more",
    )


def test_receipts_name_a_place_in_the_log_and_the_head_up_to_it() -> None:
    world = bidding({0: 70, 1: 100})
    (listing,) = world.book.listings.values()
    head = bytes(32)
    receipts = {receipt.number: receipt for receipt in map(listing.receipt, [None, *listing.bids])}
    for number, entry in enumerate(world.entries, 1):
        head = next_head(head, entry)
        assert receipts[number].head == head
        assert receipts[number].at_ns == read_event(entry).at_ns
    assert len(receipts) == 3


def test_no_two_entries_have_the_same_time_and_none_goes_back() -> None:
    world = bidding(dict.fromkeys(range(5), 9))
    world.world.now_s -= 50
    (listing,) = world.book.listings.values()
    world.bid(listing, BIDDERS[6], 9)
    times = [read_event(entry).at_ns for entry in world.entries]
    assert times == sorted(set(times))


def test_a_log_of_another_house_is_refused() -> None:
    world = bidding({0: 70})
    book = Book(world.ledger_id, with_key(PrivateKey.from_secret(99)))
    book.apply(read_event(world.entries[0]))
    with pytest.raises(DecodeError):
        book.apply(read_event(world.entries[1]))


def test_a_log_with_a_bid_that_no_house_takes_is_refused() -> None:
    world = bidding({0: 70}, "open")
    taken = read_event(world.entries[1])
    assert isinstance(taken, BidTaken)
    forged = BidTaken(taken.at_ns, taken.auction_id, taken.encoded, BOB.public.octets)
    world.entries[1] = write_event(forged)
    with pytest.raises(DecodeError, match="a bid that no house takes"):
        world.restart()


def test_a_bid_in_another_auction_is_refused_at_once() -> None:
    world = ClearingWorld()
    one, other = world.open(), world.open(units=2, clearing_s=world.world.now_s + 99)
    with pytest.raises(VerificationError, match="a bid in auction"):
        world.take(other, world.make_bid(one, ALICE, 50))


def test_what_is_opened_is_what_was_bid() -> None:
    world = bidding({0: 70})
    (listing,) = world.book.listings.values()
    (bid,) = listing.bids.values()
    assert bid.opened is None
    assert listing.phase is Phase.OPEN
    secrets = dict(enumerate(_time_secrets(world)))
    found = open_one(listing, bid, secrets, world.ledger_id)
    assert isinstance(found, OpenBid)
    assert found.price_ubc == 70
    assert open_in_turn(listing, [bid], secrets, world.ledger_id) == [found]
    assert isinstance(open_one(listing, bid, {0: KEEPERS[0], 1: KEEPERS[1]}, world.ledger_id), Refusal)


def _time_secrets(world: ClearingWorld) -> list[PrivateKey]:
    (listing,) = world.book.listings.values()
    clearing_s = listing.auction.terms.mark.clearing_s
    return [PrivateKey.from_secret(int.from_bytes(time_secret(key, clearing_s), "big")) for key in KEEPERS]


# ---- Sealedness


def observed(entries: list[bytes]) -> list[tuple[int, int, int, int]]:
    """All that the log says of each sealed bid to who has no key: when, how long, and how long its parts are."""
    rows = []
    for entry in entries:
        event = read_event(entry)
        if isinstance(event, BidTaken):
            sealed = read_sealed_bid(event.encoded, ClearingWorld().ledger_id)
            rows.append((event.at_ns, len(event.encoded), len(sealed.ticket), len(sealed.content)))
            assert event.account == b""
    return rows


def test_an_observer_of_the_log_learns_size_and_time_and_nothing_else() -> None:
    """Other bidders, other prices, from one to the largest: the same sizes at the same times."""
    one = bidding({0: 1, 1: 2, 2: 3})
    other = bidding({6: 2**63 - 1, 3: 10_000, 0: 0})
    assert observed(one.entries) == observed(other.entries)
    assert len({row[1:] for row in observed(one.entries)}) == 1


def test_nothing_of_a_bid_stands_in_the_log_before_the_clearing() -> None:
    """Neither account, nor key id, nor price; and afterwards the keepers' secrets, with which all can read all."""
    price_ubc = 0x7A7B7C7D7E
    world = bidding({0: price_ubc, 1: price_ubc + 1})
    (listing,) = world.book.listings.values()
    before = b"".join(world.entries)
    for key in (ALICE, BOB):
        assert key.public.octets not in before
        assert key.public.key_id not in before
    assert price_ubc.to_bytes(5, "big") not in before
    world.clear(listing)
    (told,) = (event for event in map(read_event, world.entries) if isinstance(event, Unsealed))
    secrets = {at: PrivateKey.from_secret(int.from_bytes(one, "big")) for at, one in told.secrets.items()}
    for bid in listing.bids.values():
        assert bid.sealed is not None
        assert open_bid(bid.sealed, listing.lock, secrets)


def test_every_part_of_a_bid_looks_like_chance() -> None:
    """Octets of 300 bids of the same price by the same bidder: no value is much likelier than another."""
    world = ClearingWorld()
    listing = world.open()
    seen: Counter[int] = Counter()
    for _ in range(300):
        sealed = read_sealed_bid(world.make_bid(listing, ALICE, 5), world.ledger_id)
        seen.update(sealed.ticket + sealed.shares + sealed.content)
    total = sum(seen.values())
    chi_squared = sum((seen[value] - total / 256) ** 2 / (total / 256) for value in range(256))
    assert chi_squared < 255 + 6 * math.sqrt(2 * 255)


def test_house_provider_and_one_keeper_of_three_together_cannot_read_a_bid() -> None:
    world = bidding({0: 70})
    (listing,) = world.book.listings.values()
    (bid,) = listing.bids.values()
    assert bid.sealed is not None
    assert open_ticket(bid.sealed, listing.lock, HOUSE) == ALICE.public
    secrets = _time_secrets(world)
    for place in range(3):
        others = [at for at in range(3) if at != place]
        for guess in (HOUSE, CAROL, KEEPERS[place], secrets[place]):
            with pytest.raises(VerificationError):
                open_bid(bid.sealed, listing.lock, {place: secrets[place], others[0]: guess})
    for places in combinations(range(3), 2):
        assert open_bid(bid.sealed, listing.lock, {at: secrets[at] for at in places})


def test_answers_say_nothing_of_a_pending_bid_but_that_it_is_there() -> None:
    world = bidding({0: 70, 1: 7})
    (listing,) = world.book.listings.values()
    for name, bid in listing.bids.items():
        receipt = listing.receipt(name)
        assert (receipt.status, receipt.reason, receipt.detail) == (Status.PENDING, "", "")
        assert bid.account != name
        fields = read_cbor(read_envelope(bid.encoded).payload)
        assert isinstance(fields, dict)
        assert set(fields) == {1, 2, 3, 4, 5, 6}


def test_what_was_over_a_day_ago_is_in_the_log_and_no_longer_in_the_book() -> None:
    world = bidding({0: 70, 1: 100})
    (old,) = world.book.listings.values()
    world.clear(old)
    world.world.wait(KEPT_NS // 10**9 + 1)
    young = world.open(clearing_s=world.world.now_s + 5)
    world.bid(young, CAROL, 50)
    opened: list[int] = []

    def counting(listing: Listing, bids: Sequence[Bid], *rest: Any) -> list[OpenBid | Refusal]:
        opened.append(len(bids))
        return open_in_turn(listing, bids, *rest)

    book = Book(world.ledger_id, with_key(HOUSE), counting)
    book.load(lambda: world.entries, world.now_ns)
    assert (book.head, book.number, book.at_ns) == (world.book.head, world.book.number, world.book.at_ns)
    assert list(book.listings) == list(book.active) == [young.auction_id]
    assert opened == []
    assert world.book.needless() == 0
    assert world.book.forget(world.now_ns)
    assert list(world.book.listings) == [young.auction_id]
    _starts_behind_what_is_needless(world)
    assert world.clear(young).closed is not None
    assert not world.book.forget(world.now_ns)
    assert list(world.book.listings) == [young.auction_id], "it is shown for a day"
    world.world.wait(KEPT_NS // 10**9 + SETTLE_S)
    assert world.book.forget(world.now_ns)
    assert world.book.needless() == len(world.entries)


def test_a_session_auction_is_shown_for_an_hour() -> None:
    """A box opens sixty in that time; with ten bids each they are 4 MB."""
    world = ClearingWorld()
    session = world.open(world.session(6, 6))
    world.bid(session, ALICE, 900, 3, 1)
    other = world.open(clearing_s=CLEARING_S + 60)
    for listing in (session, other):
        world.clear(listing)
    world.world.wait(3_500)
    assert not world.book.forget(world.now_ns)
    world.world.wait(200)
    assert world.book.forget(world.now_ns)
    assert list(world.book.listings) == [other.auction_id]


@pytest.mark.parametrize(
    ("slots", "slot_s", "kept_s"), [(2, 60, 3_600), (60, 600, 36_000), (60, 86_400, 7 * 86_400)]
)
def test_the_receipts_of_a_session_auction_are_kept_until_its_last_slot_is_over(
    slots: int, slot_s: int, kept_s: int
) -> None:
    """A device may come for what it won as long as there is something of it; a week at most, for no stranger's whim."""
    world = ClearingWorld()
    auction = world.session(*(6,) * slots)
    listing = world.open(replace(auction, terms=replace(auction.terms, allocation_duration_s=slot_s)))
    name = world.bid(listing, ALICE, 900, 3, 1)
    listing = world.clear(listing, away, keepers=())
    assert listing.closed is not None
    told = listing.receipt(name)
    ends_ns = listing.closed.at_ns if kept_s in (3_600, 7 * 86_400) else CLEARING_S * 10**9
    for late_ns, there in ((0, True), (1, False)):
        now_ns = ends_ns + kept_s * 10**9 + late_ns
        book = Book(world.ledger_id, with_key(HOUSE))
        book.load(lambda: world.entries, now_ns)
        assert [one.receipt(name) for one in book.listings.values()] == ([told] if there else [])
        assert world.book.forget(now_ns) is not there


def test_a_start_passes_over_what_is_left_of_an_auction_that_is_forgotten() -> None:
    """It was taken before everything that is kept, and ended after the first of that."""
    world = ClearingWorld()
    session = world.open(world.session(6, 6))
    other = world.open(clearing_s=CLEARING_S + 60)
    world.bid(session, ALICE, 900, 3, 1)
    for listing in (session, other):
        world.clear(listing)
    world.world.wait(3_700)
    assert world.book.forget(world.now_ns)
    assert world.book.needless() == 1
    place = Place(1, read_event(world.entries[0]).at_ns, next_head(bytes(32), world.entries[0]))
    book = Book(world.ledger_id, with_key(HOUSE))
    book.load(lambda: world.entries[1:], world.now_ns, place)
    assert (book.head, book.number, list(book.listings)) == (
        world.book.head,
        world.book.number,
        [other.auction_id],
    )


@pytest.mark.parametrize("kind", ["session", "sealed", "open", "void"])
def test_an_auction_that_is_over_keeps_what_is_asked_for_and_lets_go_of_the_rest(kind: str) -> None:
    world = ClearingWorld()
    session = kind in ("session", "void")
    if session:
        auction = world.session(6, 6, minimum_ubc=5)
    else:
        auction = world.auction(PROPSHARE, 3) if kind == "open" else world.auction()
    listing = world.open(auction)
    sent = list[bytes]()
    for key, price_ubc in ((ALICE, 70), (BOB, 90), (ALICE, 80), (CAROL, 4)):
        sent.append(world.make_bid(listing, key, price_ubc, *((4, 1) if session else ())))
        assert isinstance(world.take(listing, sent[-1]), PublicKey)
    world.clear(listing, away if kind == "void" else None)
    names = list(listing.bids)

    def picture() -> list[object]:
        return [
            listing.receipt(),
            [listing.receipt(name) for name in names],
            show_auction(listing, 2),
            show_bids(listing, 0, 99),
            show_bids(listing, listing.receipt(names[0]).number, 1),
            list_auctions([listing], ListAuctions()),
            [world.take(listing, one) for one in sent],
            listing.receipt(PROVIDER.public).status,
        ]

    before = picture()
    for _ in range(2):
        listing.shrink()
        assert picture() == before
    assert (listing.bids, listing.by_account, listing.awards, listing.awarded) == ({}, {}, (), {})
    book = Book(world.ledger_id, with_key(HOUSE))
    book.load(lambda: world.entries, world.now_ns)
    again = book.listings[listing.auction_id]
    assert again.past == listing.past
    assert world.house.next_step(again, world.world.now_s) is None
    world.serial -= 1  # other octets under a name that is known
    late = world.take(listing, world.make_bid(listing, ALICE, 60, *((4, 1) if session else ())))
    assert isinstance(late, Refusal)
    assert late.bid_id is None


def _starts_behind_what_is_needless(world: ClearingWorld) -> None:
    """A book that never sees what came before is the same from there on."""
    passed = world.book.needless()
    assert 0 < passed < len(world.entries)
    head = bytes(32)
    for entry in world.entries[:passed]:
        head = next_head(head, entry)
    place = Place(passed, read_event(world.entries[passed - 1]).at_ns, head)
    book = Book(world.ledger_id, with_key(HOUSE))
    book.load(lambda: world.entries[passed:], world.now_ns, place)
    assert (book.head, book.number, list(book.listings)) == (
        world.book.head,
        world.book.number,
        list(world.book.listings),
    )


def test_what_bidders_have_is_noted_without_whose_bid_is_whose() -> None:
    """By account, in an order that has nothing to do with who bid when."""
    world = bidding({2: 70, 0: 7, 5: 30})
    (listing,) = world.book.listings.values()
    world.count(listing)
    noted = read_event(world.entries[-1])
    assert isinstance(noted, FundsTaken)
    assert dict(noted.balances_ubc) == {BIDDERS[at].public: 10_000 for at in (0, 2, 5)}
    assert list(noted.balances_ubc) == sorted(noted.balances_ubc)


def test_bids_that_were_opened_before_the_log_says_so_make_the_same_book() -> None:
    worlds = [bidding({0: 70, 1: 100, 2: 90}) for _ in range(2)]
    for number, world in enumerate(worlds):
        (listing,) = world.book.listings.values()
        world.world.now_s = world.count(listing).auction.terms.mark.clearing_s
        if number:
            told = {at: time_secret(KEEPERS[at], world.world.now_s) for at in (0, 2)}
            listing.ready = world.book.open_bids(listing, told)
        world.clear(listing)
    assert [len(world.entries) for world in worlds] == [8, 8]
    paid = [[world.world.balance(key) for key in BIDDERS] for world in worlds]
    assert paid[0] == paid[1]
