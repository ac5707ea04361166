"""Offer states: what is left, as time passes and without any transaction."""

from __future__ import annotations

from ledger.showcase import all_providers, due_providers, look_at, touched_providers
from tests.ledger_world import ALICE, BAND, BOB, PROVIDER, QOS, World, buy, offer
from wire.offer_state import OfferState

KEY_ID = PROVIDER.public.key_id


def left(world: World) -> int:
    look = look_at(world.state, KEY_ID, 5, world.now_s)
    assert look is not None
    return look.allocations_left


def test_an_offer_is_shown_whole() -> None:
    world = World()
    assert look_at(world.state, KEY_ID, 5, world.now_s) is None
    world.must(offer(), PROVIDER)
    assert look_at(world.state, KEY_ID, 5, world.now_s) == OfferState(
        PROVIDER.public, 5, 1, 100, BAND, 10, QOS, 10
    )


def test_units_are_free_again_when_their_grants_end() -> None:
    world = World()
    world.must(offer(), PROVIDER)
    world.must(buy(300, allocations=3), ALICE)
    assert left(world) == 7
    world.wait(9)
    assert (left(world), due_providers(world.state, world.now_s)) == (7, set())
    world.wait(1)
    assert (left(world), due_providers(world.state, world.now_s)) == (10, {KEY_ID})


def test_offers_and_sales_touch_their_provider_and_nobody_else() -> None:
    world = World()
    posted = world.must(offer(), PROVIDER)
    assert touched_providers(posted.changes) == {KEY_ID}
    sold = world.must(buy(), ALICE)
    assert touched_providers(sold.changes) == {KEY_ID}
    world.must(offer(), BOB)
    assert all_providers(world.state) == {KEY_ID, BOB.public.key_id}
