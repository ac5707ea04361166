"""Looking without buying, over a fake air and in an empty lobby."""

from collections.abc import Iterator

import pytest

from device.choice import Candidate, PinnedLedger, Unsuitable
from device.events import ShowOffer
from device.survey import sort_offers, survey_air, survey_lobby
from nas_tunnel.anqp import NO_OFFER, VENDOR, write_element
from tests.device.wpa_world import WpaWorld, own_sockets, running
from wire.errors import ShellError
from wire.keys import PrivateKey


@pytest.fixture
def world() -> Iterator[WpaWorld]:
    with running() as world:
        yield world
    assert own_sockets() == set()


def prices(offers: list[ShowOffer]) -> list[int]:
    return [shown.seen.price_ubc for shown in offers if isinstance(shown.seen, Candidate)]


def test_everybody_on_the_air_is_judged(world: WpaWorld) -> None:
    world.add(1, price_ubc=3)
    world.add(2, price_ubc=2)
    world.add(3, offer_lifetime_s=-5)
    offers = survey_air(world.path, None)
    assert sorted(prices(offers)) == [2, 3]
    assert prices(sort_offers(offers)) == [2, 3]
    last = sort_offers(offers)[-1]
    assert isinstance(last.seen, Unsuitable)
    assert (last.seen.reason, last.address) == ("offer_expired", "02:00:00:00:00:03")
    assert world.fake.networks == {}
    assert all(query.purchase is None for cell in world.fake.air.cells.values() for query in cell.queries)


def test_another_ledger_is_marked(world: WpaWorld) -> None:
    world.add()
    (shown,) = survey_air(world.path, PinnedLedger(PrivateKey.from_secret(3).public, bytes(32)))
    assert isinstance(shown.seen, Unsuitable)
    assert shown.seen.reason == "foreign_ledger"


def test_an_access_point_that_has_no_offer_is_told_apart_from_none(world: WpaWorld) -> None:
    world.add().alter_response = lambda _query, _response: write_element(VENDOR, NO_OFFER)
    (shown,) = survey_air(world.path, None)
    assert isinstance(shown.seen, Unsuitable)
    assert shown.seen.reason == "nothing_on_offer"


def test_nobody_sells(world: WpaWorld) -> None:
    assert survey_air(world.path, None) == []


def test_a_radio_that_does_not_scan_is_an_error(world: WpaWorld) -> None:
    world.fake.fail = {"SCAN": "FAIL\n"}
    with pytest.raises(ShellError, match="looking for offers: scanning failed"):
        survey_air(world.path, None)


def test_an_interface_that_is_not_there() -> None:
    """Who sells in a lobby: tests/system, where there is one."""
    with pytest.raises(ShellError, match="interface nosuch0"):
        survey_lobby("nosuch0", None)
