"""Addresses: whose a datagram or a frame is."""

from apd.address import NasAddress, host_of
from tests.apd.world import STATION


def test_a_host_is_the_same_from_any_port_and_a_station_is_itself():
    assert host_of(("fe80::1", 1, 0, 7)) == host_of(("fe80::1", 2, 0, 7)) != host_of(("fe80::2", 1, 0, 7))
    assert host_of(STATION) == STATION


def test_a_ue_in_nas_is_the_same_in_each_of_its_exchanges():
    assert (
        host_of(NasAddress(1, b"ue", 7))
        == host_of(NasAddress(1, b"ue", 8))
        != host_of(NasAddress(2, b"ue", 7))
    )
