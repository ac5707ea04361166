"""What time alone does to the state."""

from __future__ import annotations

from ledger.passing import pass_time
from tests.ledger_world import ALICE, PERIOD_S, PROVIDER, START_S, World, buy, offer
from wire.post_offer import Reservation

NOW = START_S // PERIOD_S


def kinds(world: World) -> str:
    """The letters of the entries that a block of now would find, of those that come and go."""
    draft = world.draft()
    return "".join(
        sorted(chr(key[0]) for key in world.state.entries if draft.get(key) is not None and key[0] in b"bcrs")
    )


def test_a_spot_grant_ends_at_its_second_and_not_before() -> None:
    world = World()
    world.must(offer(), PROVIDER)
    world.must(buy(), ALICE)
    assert kinds(world) == "bcs"
    assert kinds(world.wait(9)) == "bcs"
    assert kinds(world.wait(1)) == "c"
    assert kinds(world.wait(PERIOD_S)) == ""


def test_units_on_offer_for_a_period_go_as_it_begins_units_sold_as_it_ends() -> None:
    world = World()
    world.must(offer(reservations={NOW + 1: Reservation(80, 5)}), PROVIDER)
    world.must(buy(80, period=NOW + 1, period_to=NOW + 1), ALICE)
    assert kinds(world) == "bcr"
    assert kinds(world.wait(PERIOD_S - 1)) == "bcr"
    assert kinds(world.wait(1)) == "bc"
    assert kinds(world.wait(PERIOD_S - 1)) == "bc"
    assert kinds(world.wait(1)) == ""


def test_looking_changes_nothing() -> None:
    world = World()
    world.must(offer(), PROVIDER)
    world.must(buy(), ALICE)
    before = world.picture()
    assert pass_time(world.state, world.now_s + 10**6).changes
    assert world.picture() == before


def test_a_long_sleep_is_caught_up_with_in_one_block() -> None:
    world = World()
    world.must(offer(price_ubc=0, max_allocations=100), PROVIDER)
    for _ in range(50):
        world.wait(1).must(buy(0), ALICE)
    world.wait(10**9)
    world.must(buy(0), ALICE)
    assert kinds(world) == "bcs"


def test_nothing_is_due_where_nothing_was_sold() -> None:
    assert pass_time(World().state, 10**12).changes == {}
