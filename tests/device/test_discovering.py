"""Discovering: patience, several sellers, trust on first use, and who is not believed."""

from dataclasses import dataclass, replace

import pytest

from device.choice import Wish
from device.discovering import MAX_SELLERS
from device.events import DeadlineReached, PinLedger, ShowOffer, Source, Started
from device.fake_access_point import FakeAccessPoint, sell_as
from device.reputation import Reputation, note_stay
from device.state import Phase
from nas_tunnel.lobby import Announcement, Discover, Purchase, Refused
from tests.device.playbook import BUYER, START, WISH, World
from wire.keys import PrivateKey


def test_asks_again_with_growing_patience_and_then_says_that_nobody_is_there() -> None:
    world = World()
    state = world.buy()
    assert world.count(Discover) == state.settings.discover.tries
    assert (world.failure.reason, world.failure.source) == ("no_access_point", Source.NETWORK)
    assert world.now.mono_ns - START.mono_ns == (250 + 500 + 1_000 + 2_000 * 3) * 1_000_000


def test_a_deadline_that_comes_early_changes_nothing() -> None:
    world = World()
    world.feed(Started())
    before = world.state
    assert world.feed(DeadlineReached()) == []
    assert world.state == before


def test_the_cheapest_of_those_who_answer_in_time() -> None:
    world = World()
    dear = world.add("dear", price_ubc=1_500_000)
    cheap = world.aps["cheap"] = sell_as(dear, price_ubc=900_000)
    assert world.buy().phase is Phase.JOINED
    assert (len(dear.grants), len(cheap.grants)) == (0, 1)
    assert len(world.told(ShowOffer)) == 2


def test_who_did_not_keep_its_word_is_dearer_than_it_asks() -> None:
    world = World()
    dear = world.add("dear", price_ubc=1_500_000)
    cheap = world.aps["cheap"] = sell_as(dear, price_ubc=900_000, provider=PrivateKey.from_secret(78))
    known = note_stay(Reputation(), cheap.provider.public, world.now.utc_s, served=False)
    world.state = replace(world.state, known=known)
    assert world.buy().phase is Phase.JOINED
    assert (len(dear.grants), len(cheap.grants)) == (1, 0)


def test_each_offer_is_shown_once() -> None:
    world = World()
    world.add()
    world.feed(Started())
    world.hear(world.aps["ap"].announcement())
    world.hear(world.aps["ap"].announcement())
    assert len(world.told(ShowOffer)) == 1
    assert len(world.state.candidates) == 1


def test_the_newer_announcement_of_a_seller_counts() -> None:
    world = World()
    fake = world.add()
    world.feed(Started())
    world.hear(fake.announcement())
    fake.price_ubc, fake.epoch = 700_000, 2
    world.hear(fake.announcement())
    assert [candidate.price_ubc for candidate in world.state.candidates] == [700_000]


def test_without_a_pinned_ledger_the_first_is_trusted_aloud_and_only_it() -> None:
    world = World()
    first = world.add("first", price_ubc=1_500_000)
    world.add("other", price_ubc=1)  # another ledger, however cheap
    state = world.buy()
    assert (world.pinned.key, world.pinned.ledger_id) == (first.ledger.public, first.ledger_id)
    assert world.told(PinLedger) == [PinLedger(world.pinned)]
    assert state.unsuitable["other"].reason == "foreign_ledger"
    assert len(first.grants) == 1


def test_an_offer_that_does_not_suit_pins_no_ledger() -> None:
    world = World()
    world.add(price_ubc=10**15)
    world.change(wish=Wish(1, 1, max_price_ubc=1))
    state = world.buy()
    assert state.pinned is None
    assert state.phase is Phase.FAILED


def test_a_pinned_ledger_is_the_only_one() -> None:
    world = World()
    honest = world.add("honest", price_ubc=1_500_000)
    world.add("rogue", price_ubc=1)
    world.trust(honest).buy()
    assert len(honest.grants) == 1
    assert world.told(PinLedger) == []


def test_nothing_suits_and_every_reason_reaches_the_user() -> None:
    world = World()
    world.add("dear", price_ubc=9_000_000)
    world.aps["short"] = sell_as(world.aps["dear"], price_ubc=1, duration_s=5)
    world.change(wish=replace(WISH, max_price_ubc=1_000_000, min_duration_s=60))
    failure = world.fail()
    assert (failure.reason, failure.source) == ("nothing_suitable", Source.DEVICE)
    assert "too_dear: 9 BC" in failure.detail
    assert "too_short: lasts 5 s" in failure.detail
    assert world.count(Discover) == world.state.settings.market_tries


def test_an_access_point_without_an_offer_says_so_to_the_user() -> None:
    world = World()
    world.add(refuse=[(Discover, "nothing_on_offer", "this access point has no current offer")] * 9)
    failure = world.fail()
    assert failure.reason == "nothing_suitable"
    assert "nothing_on_offer: this access point has no current offer" in failure.detail


def test_it_may_have_one_a_moment_later() -> None:
    world = World()
    world.add(refuse=[(Discover, "nothing_on_offer", "")])
    assert world.buy().phase is Phase.JOINED


def test_expired_and_forged_offers_are_dropped_with_a_count() -> None:
    world = World()
    world.add("expired", offer_lifetime_s=-1)
    world.aps["forger"] = Forger(BUYER.public, lambda: world.now.utc_s)
    state = world.buy()
    assert state.phase is Phase.FAILED
    assert state.dropped == {"offer_expired": 3, "bad_offer": 3}
    assert world.count(Purchase) == 0


@dataclass(slots=True)
class Forger(FakeAccessPoint):
    """Repeats an honest offer under a key of its own."""

    def announcement(self) -> Announcement:
        return replace(FakeAccessPoint.announcement(self), provider=BUYER.public)


def test_who_floods_the_lobby_fills_no_memory() -> None:
    world = World()
    honest = world.add()
    world.feed(Started())
    for number in range(MAX_SELLERS + 10):
        world.hear(Refused(b"", "nothing_on_offer", ""), address=f"mallory {number}")
    assert len(world.state.unsuitable) == MAX_SELLERS
    for number in range(MAX_SELLERS + 3):
        world.hear(sell_as(honest).announcement(), address=f"mallory {number}")
    assert len(world.state.candidates) == MAX_SELLERS


@pytest.mark.parametrize("utc_ms", [0, 4_000_000_000_000])
def test_a_device_whose_clock_is_wrong(utc_ms: int) -> None:
    """Too early: offers look good, and the ledger decides. Too late: they look expired, which is said."""
    world = World(now=replace(START, utc_ms=utc_ms))
    fake = world.add()
    fake.utc_s = lambda: START.utc_s
    state = world.buy()
    if utc_ms:
        assert "expired" in world.failure.detail
        assert "by this clock" in world.failure.detail
    else:
        assert state.phase is Phase.JOINED
