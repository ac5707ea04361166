"""What a purchase does when it is allowed; what forbids it is in test_rules.py."""

from __future__ import annotations

import pytest

from ledger.buying import Sale
from ledger.entries import ReservationOffer, Share
from ledger.rejection import Reason
from ledger.state import read_reservation, read_share
from tests.ledger_world import ALICE, BOB, CAROL, PERIOD_S, PROVIDER, START_S, World, buy, offer
from wire.keys import PrivateKey
from wire.post_offer import AuctionShare, Reservation

NOW = START_S // PERIOD_S
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


def test_shares_too_are_kept_within_what_is_free() -> None:
    world = World()
    world.must(offer(), PROVIDER)
    world.must(buy(900, allocations=9), BOB)
    world.must(offer(consumers={ALICE.public: AuctionShare(2, 150)}), PROVIDER)
    assert world.do(buy(150, epoch=2), ALICE) is Reason.SOLD_OUT
    world.wait(10)
    world.must(buy(150, epoch=2), ALICE)
