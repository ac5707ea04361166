"""What an offer does when it is allowed; what forbids it is in test_rules.py."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ledger.capacity import allocations_left
from ledger.entries import ReservationOffer, Share
from ledger.rejection import Reason
from ledger.state import read_offer, read_reservation, read_share, read_share_list
from tests.ledger_world import (
    ALICE,
    BAND,
    BOB,
    GENESIS,
    OTHER_BAND,
    PERIOD_S,
    PROVIDER,
    QOS,
    START_S,
    World,
    buy,
    offer,
)
from wire.post_offer import AuctionShare, Reservation

NOW = START_S // PERIOD_S


def left(world: World) -> int:
    standing = read_offer(world.state, PROVIDER.public)
    assert standing is not None
    return allocations_left(world.draft(), PROVIDER.public.key_id, standing, world.now_s)


def test_the_first_offer_is_epoch_1_and_each_later_one_counts_up() -> None:
    world = World()
    for epoch in (1, 2, 3):
        world.must(offer(price_ubc=epoch), PROVIDER)
        standing = read_offer(world.state, PROVIDER.public)
        assert standing is not None
        assert (standing.epoch, standing.price_ubc) == (epoch, epoch)


def test_everything_that_binds_is_in_the_state() -> None:
    world = World()
    world.must(
        offer(volume_discount_multiplier_ppm=900_000, reservation_discount_multiplier_ppm=800_000), PROVIDER
    )
    standing = read_offer(world.state, PROVIDER.public)
    assert standing is not None
    assert (standing.band, standing.qos, standing.max_allocations, standing.allocation_duration_s) == (
        BAND,
        QOS,
        10,
        10,
    )
    assert (standing.volume_multiplier_ppm, standing.reservation_multiplier_ppm) == (900_000, 800_000)
    assert not standing.cleared


def test_of_an_offer_that_settles_an_auction_nobody_can_buy_the_rest() -> None:
    world = World()
    world.must(offer(consumers={ALICE.public: AuctionShare(2, 150)}), PROVIDER)
    assert left(world) == 0
    world.must(offer(), PROVIDER)
    assert left(world) == 10


@pytest.mark.parametrize(("maximum", "expected"), [(10, 6), (20, 16), (4, 0), (3, 0), (0, 0)])
def test_posting_again_resets_what_is_left_less_what_is_outstanding(maximum: int, expected: int) -> None:
    world = World()
    world.must(offer(), PROVIDER)
    world.must(buy(400, allocations=4), ALICE)
    world.must(offer(max_allocations=maximum), PROVIDER)
    assert left(world) == expected


def test_another_band_is_other_air() -> None:
    world = World()
    world.must(offer(), PROVIDER)
    world.must(buy(1_000, allocations=10), ALICE)
    world.must(offer(band=OTHER_BAND), PROVIDER)
    assert left(world) == 10


def test_reservations_merge_and_capacity_0_deletes() -> None:
    world = World()
    world.must(offer(reservations={NOW + 1: Reservation(80, 5), NOW + 2: Reservation(90, 5)}), PROVIDER)
    world.must(offer(reservations={NOW + 2: Reservation(70, 3), NOW + 3: Reservation(60, 1)}), PROVIDER)
    shown = [read_reservation(world.state, PROVIDER.public, NOW + ahead) for ahead in (1, 2, 3)]
    assert shown == [ReservationOffer(80, 5), ReservationOffer(70, 3), ReservationOffer(60, 1)]
    world.must(offer(reservations={NOW + 1: Reservation(1, 0), NOW + 9: Reservation(1, 0)}), PROVIDER)
    assert read_reservation(world.state, PROVIDER.public, NOW + 1) is None
    assert read_reservation(world.state, PROVIDER.public, NOW + 2) == ReservationOffer(70, 3)
    assert read_reservation(world.state, PROVIDER.public, NOW + 9) is None


def test_a_deleted_reservation_is_not_sold_but_what_was_sold_stays() -> None:
    world = World()
    world.must(offer(reservations={NOW + 1: Reservation(80, 5)}), PROVIDER)
    world.must(buy(160, allocations=2, period=NOW + 1, period_to=NOW + 1), ALICE)
    world.must(offer(reservations={NOW + 1: Reservation(80, 0)}), PROVIDER)
    assert world.do(buy(80, 2, period=NOW + 1, period_to=NOW + 1), ALICE) is Reason.NOT_ON_OFFER
    world.wait(PERIOD_S)
    assert left(world) == 8


def test_shares_replace_those_of_the_offer_before() -> None:
    world = World()
    world.must(
        offer(consumers={ALICE.public: AuctionShare(2, 150), BOB.public: AuctionShare(1, 70)}), PROVIDER
    )
    assert read_share(world.state, PROVIDER.public, ALICE.public.octets) == Share(False, 2, 150)
    assert len(read_share_list(world.state, PROVIDER.public).consumers) == 2
    world.must(offer(consumers={BOB.public: AuctionShare(3, 90)}), PROVIDER)
    assert read_share(world.state, PROVIDER.public, ALICE.public.octets) is None
    assert read_share(world.state, PROVIDER.public, BOB.public.octets) == Share(False, 3, 90)
    world.must(offer(), PROVIDER)
    assert read_share(world.state, PROVIDER.public, BOB.public.octets) is None
    assert read_share_list(world.state, PROVIDER.public).consumers == []
    world.must(buy(epoch=3), ALICE)


def test_a_licensee_may_post_and_anybody_may_where_there_are_none() -> None:
    licensed = World(genesis=replace(GENESIS, licensees=(PROVIDER.public,)))
    licensed.must(offer(), PROVIDER)
    assert licensed.do(offer(), ALICE) is Reason.NOT_LICENSED
    World().must(offer(), ALICE)
