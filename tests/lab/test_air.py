"""Names and addresses of the lab's network; the network itself is tests/system/test_lab_air.py."""

import pytest

from lab.air import Station, lab
from lab.namespaces import Namespace


def station(number):
    return Station(number, Namespace(f"sta{number}"))


def test_a_station_is_recognised_by_its_number():
    seven = station(7)
    assert (seven.name, seven.mac) == ("sta7", "02:00:00:00:77:07")
    assert (str(seven.v4), str(seven.v6)) == ("10.77.0.17/32", "fd77::17/128")


def test_no_two_stations_share_anything():
    stations = [station(number) for number in range(1, 201)]
    for what in ("name", "mac", "v4", "v6"):
        assert len({getattr(each, what) for each in stations}) == 200


@pytest.mark.parametrize("count", [0, 201])
def test_a_lab_without_room_is_refused_before_anything_is_made(count):
    with pytest.raises(ValueError, match="room for 1 to 200"), lab(count):
        pass
