"""What a purchase does when it is allowed; what forbids it is in test_rules.py."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.buying import Sale
from ledger.entries import ReservationOffer, Share
from ledger.rejection import Reason
from ledger.state import read_reservation, read_share
from tests.ledger_world import ALICE, BOB, CAROL, GENESIS, PERIOD_S, PROVIDER, START_S, World, buy, offer
from wire.allocate import Allocate
from wire.auction_terms import AuctionKind, AuctionMark, Ruling
from wire.keys import PrivateKey
from wire.post_offer import AuctionShare, Reservation
from wire.ruling import sign_ruling

NOW = START_S // PERIOD_S
OLD_STATE = "3d726a596f76a2c38b03c9262e2519bf53c486e93d28ff8134b6d3771070a515"
AHEAD = {NOW + at: Reservation(80 + at, 5) for at in (1, 2, 3)}


def sale_of(world: World, action: object, key: PrivateKey = ALICE) -> Sale:
    applied = world.must(action, key)  # type: ignore[arg-type]
    assert applied.sale is not None
    return applied.sale


# ---- On the spot


def test_a_spot_purchase_runs_from_the_block_for_the_duration() -> None:
    world = World()
    world.must(offer(), PROVIDER)
    world.wait(3)
    sale = sale_of(world, buy())
    assert (sale.starts_s, sale.duration_s, sale.epoch, sale.charged_ubc) == (START_S + 3, 10, 1, 100)
    assert (world.balance(ALICE), world.balance(PROVIDER)) == (9_900, 100)


def test_somebody_else_pays_for_consumers_without_accounts() -> None:
    world = World()
    world.must(offer(), PROVIDER)
    sale = sale_of(world, buy(600, allocations=3, consumers=[BOB.public, CAROL.public]))
    assert (sale.buyer, sale.allocations, sale.charged_ubc) == (ALICE.public, 3, 600)
    assert world.balance(BOB) == 10_000
    assert world.do(buy(500, allocations=5), BOB) is Reason.SOLD_OUT
    world.must(buy(400, allocations=4), BOB)


def test_units_of_a_bulk_purchase_are_discounted_together() -> None:
    world = World()
    world.must(offer(volume_discount_multiplier_ppm=500_000), PROVIDER)
    assert (
        world.do(buy(300, consumers=[ALICE.public, BOB.public, CAROL.public]), ALICE) is Reason.PRICE_DIFFERS
    )
    assert (
        sale_of(world, buy(100 + 50 + 25, consumers=[ALICE.public, BOB.public, CAROL.public])).charged_ubc
        == 175
    )


def test_a_provider_may_buy_from_itself_and_pays_itself() -> None:
    world = World()
    world.must(offer(price_ubc=0), PROVIDER)
    world.must(buy(0), PROVIDER)
    assert world.balance(PROVIDER) == 0


def test_an_offer_for_nothing_is_an_offer() -> None:
    world = World()
    world.must(offer(price_ubc=0), PROVIDER)
    assert sale_of(world, buy(0)).charged_ubc == 0


def test_the_last_unit_is_sold_and_then_none() -> None:
    world = World()
    world.must(offer(), PROVIDER)
    world.must(buy(900, allocations=9), ALICE)
    world.must(buy(), BOB)
    assert world.do(buy(), BOB) is Reason.SOLD_OUT


# ---- Ahead of time


def test_a_series_runs_through_its_periods() -> None:
    world = World()
    world.must(offer(reservations=AHEAD), PROVIDER)
    sale = sale_of(world, buy((81 + 82) * 2, allocations=2, period=NOW + 1, period_to=NOW + 2))
    assert (sale.starts_s, sale.duration_s) == ((NOW + 1) * PERIOD_S, 2 * PERIOD_S)
    shown = [read_reservation(world.state, PROVIDER.public, NOW + at) for at in (1, 2, 3)]
    assert shown == [ReservationOffer(81, 3), ReservationOffer(82, 3), ReservationOffer(83, 5)]


def test_capacity_falls_with_each_sale_until_it_is_gone() -> None:
    world = World()
    world.must(offer(reservations=AHEAD), PROVIDER)
    world.must(buy(81 * 5, allocations=5, period=NOW + 1, period_to=NOW + 1), ALICE)
    assert world.do(buy(81, period=NOW + 1, period_to=NOW + 1), BOB) is Reason.NOT_ON_OFFER


@pytest.mark.parametrize(("waited", "price"), [(0, 82 // 4), (PERIOD_S - 1, 82 // 4), (PERIOD_S, 82 // 2)])
def test_the_discount_goes_by_distance_in_time(waited: int, price: int) -> None:
    world = World()
    world.must(offer(reservations=AHEAD, reservation_discount_multiplier_ppm=500_000), PROVIDER)
    world.wait(waited)
    assert sale_of(world, buy(price, period=NOW + 2, period_to=NOW + 2)).charged_ubc == price


def test_what_is_sold_ahead_is_kept_free_of_spot_grants_that_would_reach_into_it() -> None:
    world = World()
    world.must(offer(allocation_duration_s=30, reservations={NOW + 1: Reservation(100, 8)}), PROVIDER)
    world.must(buy(800, allocations=8, period=NOW + 1, period_to=NOW + 1), ALICE)
    world.wait(30)
    world.must(buy(1_000, allocations=10), BOB)  # ends as the period begins
    world.wait(30).must(buy(100), BOB)
    world.wait(29)
    assert world.do(buy(300, allocations=3), BOB) is Reason.SOLD_OUT


def test_what_runs_on_the_spot_cannot_be_sold_ahead_again() -> None:
    world = World()
    world.must(offer(allocation_duration_s=90, reservations={NOW + 1: Reservation(10, 9)}), PROVIDER)
    world.must(buy(800, allocations=8), ALICE)
    assert world.do(buy(30, allocations=3, period=NOW + 1, period_to=NOW + 1), ALICE) is Reason.SOLD_OUT
    world.must(buy(20, allocations=2, period=NOW + 1, period_to=NOW + 1), ALICE)


def test_what_ends_before_a_period_begins_leaves_it_free() -> None:
    world = World()
    world.must(offer(allocation_duration_s=50, reservations={NOW + 1: Reservation(10, 10)}), PROVIDER)
    world.must(buy(1_000, allocations=10), ALICE)
    world.must(buy(90, allocations=9, period=NOW + 1, period_to=NOW + 1), BOB)
    world.must(offer(allocation_duration_s=100), PROVIDER)
    world.wait(50)
    world.must(buy(100, epoch=2), BOB)  # one unit into the reserved period
    assert world.do(buy(100, epoch=2), BOB) is Reason.SOLD_OUT


def test_max_allocations_0_sells_nothing_ahead_either() -> None:
    world = World()
    world.must(offer(max_allocations=0, reservations=AHEAD), PROVIDER)
    assert world.do(buy(81, period=NOW + 1, period_to=NOW + 1), ALICE) is Reason.SELLING_IS_OFF


# ---- As won in an auction


def settle(world: World) -> None:
    shares = {ALICE.public: AuctionShare(2, 150), BOB.public: AuctionShare(3, 70)}
    world.must(offer(price_ubc=999, max_allocations=5, consumers=shares), PROVIDER)


def test_the_clearing_price_is_charged_and_never_more() -> None:
    world = World()
    settle(world)
    sale = sale_of(world, buy(400, allocations=2))
    assert (sale.charged_ubc, sale.shares) == (150, (2,))
    assert world.balance(ALICE) == 9_850
    assert read_share(world.state, PROVIDER.public, ALICE.public.octets) == Share(True, 2, 150)


def test_a_bid_gets_what_its_share_says_when_that_is_more() -> None:
    world = World()
    settle(world)
    sale = sale_of(world, buy(70, allocations=1), BOB)
    assert (sale.shares, sale.charged_ubc) == ((3,), 70)


def test_a_share_is_claimed_once_by_whoever_pays() -> None:
    world = World()
    settle(world)
    sale = sale_of(world, buy(220, consumers=[ALICE.public, BOB.public]))
    assert (sale.shares, sale.charged_ubc) == ((2, 3), 220)
    assert world.do(buy(70), BOB) is Reason.ALREADY_ALLOCATED


SLOT_S = 20


def sell_slots(world: World, clearing_s: int, **shares: tuple[int, int]) -> bytes:
    """A session auction cleared at that second is settled: name -> (units, slots), each for 60 ubc; its id."""
    names = {"alice": ALICE.public, "bob": BOB.public}
    mark = AuctionMark(AuctionKind.SESSION, clearing_s, 1, (10,) * 60)
    sold = offer(
        allocation_duration_s=SLOT_S,
        auction=mark,
        consumers={names[name]: AuctionShare(units, 60, slots) for name, (units, slots) in shares.items()},
    )
    named = replace(sold, ruling=Ruling(CAROL.public, bytes(32), bytes(64)))
    auction_id = named.auction_id(PROVIDER.public)
    ruling = sign_ruling(CAROL, GENESIS.ledger_id, auction_id, bytes(32), sold.price_ubc, sold.consumers)
    world.must(replace(named, ruling=ruling), PROVIDER)
    return auction_id


def won(auction_id: bytes, units: int, slots: int) -> Allocate:
    return buy(75, epoch=0, allocations=units, slots=slots, auction=auction_id)


@pytest.mark.parametrize("late_s", [0, 1, 9, 38])
def test_slots_end_on_their_grid_whenever_they_are_claimed(late_s: int) -> None:
    world = World().wait(1)
    auction_id = sell_slots(world, START_S, alice=(3, 2), bob=(1, 1))
    world.wait(late_s)
    sale = sale_of(world, won(auction_id, 3, 2))
    assert (sale.starts_s, sale.starts_s + sale.duration_s) == (world.now_s, START_S + 2 * SLOT_S)
    assert (sale.shares, sale.charged_ubc) == ((3,), 60)
    assert read_share(world.state, PROVIDER.public, ALICE.public.octets) == Share(True, 3, 60, 2)
    assert world.do(won(auction_id, 3, 2), ALICE) is Reason.ALREADY_ALLOCATED


@pytest.mark.parametrize(("free_s", "reason"), [(2 * SLOT_S - 1, Reason.SOLD_OUT), (2 * SLOT_S, None)])
def test_the_block_at_which_slots_end_sells_them_again(free_s: int, reason: Reason | None) -> None:
    """All ten units for two slots; what the next auction sold of them can be claimed from the third one on."""
    world = World().wait(1)
    world.must(won(sell_slots(world, START_S, alice=(10, 2)), 10, 2), ALICE)
    world.now_s = START_S + free_s
    second = sell_slots(world, START_S + SLOT_S, bob=(1, 3))
    assert world.do(won(second, 1, 3), BOB) is reason


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(1, 10), st.integers(1, 4), st.integers(0, SLOT_S - 1)), min_size=1, max_size=12
    )
)
def test_no_slot_is_ever_sold_twice(auctions: list[tuple[int, int, int]]) -> None:
    """One auction for each slot, claimed somewhere in its first one: refused if and only if a naive count of those
    that hold a slot says that there is no room.
    """
    world, held = World(), list[tuple[int, int]]()
    for number, (units, slots, late_s) in enumerate(auctions):
        world.now_s = START_S + number * SLOT_S + late_s
        auction_id = sell_slots(world, START_S + number * SLOT_S, alice=(units, slots))
        running = sum(one for one, last in held if last > number)
        reason = world.do(won(auction_id, units, slots), ALICE)
        assert reason is (Reason.SOLD_OUT if running + units > 10 else None)
        if reason is None:
            held.append((units, number + slots))


def test_an_old_log_comes_to_the_state_that_it_came_to() -> None:
    """Every kind of offer, bid and share that there was before session auctions. Source: our own, by the commit before
    them.
    """
    world = World()
    world.must(offer(reservations=AHEAD), PROVIDER)
    world.must(buy(300, allocations=3), ALICE)
    world.must(buy(81 * 2, allocations=2, period=NOW + 1, period_to=NOW + 1), BOB)
    settle(world)
    world.must(buy(400, epoch=2, allocations=2), ALICE)
    world.wait(1)
    for kind, price_ubc in ((AuctionKind.VICKREY, 60), (AuctionKind.PROPSHARE, 61)):
        mark = AuctionMark(kind, world.now_s, 1)
        unsigned = offer(auction=mark, consumers={BOB.public: AuctionShare(1, price_ubc)})
        named = replace(unsigned, ruling=Ruling(CAROL.public, bytes(32), bytes(64)))
        auction_id = named.auction_id(PROVIDER.public)
        ruling = sign_ruling(CAROL, GENESIS.ledger_id, auction_id, bytes(32), 100, unsigned.consumers)
        world.must(replace(named, ruling=ruling), PROVIDER)
        world.must(buy(99, epoch=0, auction=auction_id), BOB)
        world.wait(1)
    entries = hashlib.sha256(b"".join(key + value for key, value in sorted(world.picture().items())))
    assert entries.hexdigest() == OLD_STATE


def test_shares_too_are_kept_within_what_is_free() -> None:
    world = World()
    world.must(offer(), PROVIDER)
    world.must(buy(900, allocations=9), BOB)
    world.must(offer(consumers={ALICE.public: AuctionShare(2, 150)}), PROVIDER)
    assert world.do(buy(150, epoch=2), ALICE) is Reason.SOLD_OUT
    world.wait(10)
    world.must(buy(150, epoch=2), ALICE)
