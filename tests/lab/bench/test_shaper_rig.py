"""Names and addresses in the shaper's rig, up to ten thousand stations."""

import ipaddress

from lab.bench.shaper_rig import BOX_AIR, settings, shape, station_address, station_mac
from tc_shaper.tree import FIRST_SLOT, LAST_SLOT

NUMBERS = range(1, 15_001)


def test_every_station_has_an_address_of_its_own_on_the_air():
    addresses = {ipaddress.IPv4Address(station_address(number)) for number in NUMBERS}
    assert len(addresses) == len(NUMBERS)
    assert all(address in BOX_AIR.network for address in addresses)
    assert BOX_AIR.ip not in addresses


def test_every_station_has_a_mac_and_a_slot_of_its_own():
    shapes = [shape(number, 1, 2) for number in NUMBERS]
    assert len({item.station for item in shapes}) == len({item.slot for item in shapes}) == len(NUMBERS)
    assert (shapes[0].slot, shapes[0].station) == (FIRST_SLOT, station_mac(1))
    assert shapes[-1].slot <= LAST_SLOT


def test_floors_may_fill_the_link_but_for_the_lobby():
    assert settings(1_000_000).lobby_bps == 8_000
