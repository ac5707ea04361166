"""The join request: one station, one access point, one challenge."""

from dataclasses import replace
from ipaddress import ip_address

import pytest

from tests.wire.examples import CONSUMER, MESSAGES, PROVIDER, resign_payload
from wire.errors import DecodeError, VerificationError
from wire.ids import MacAddress
from wire.join_request import MAX_JOIN_REQUEST_BYTES, JoinPurpose, read_join_request

REQUEST = MESSAGES["join_request"]


def test_only_the_consumer_signs_it() -> None:
    assert read_join_request(REQUEST.golden, CONSUMER.public) == REQUEST.example
    with pytest.raises(VerificationError):
        read_join_request(REQUEST.golden, PROVIDER.public)


def test_joining_cannot_be_turned_into_leaving() -> None:
    leave = replace(REQUEST.example, purpose=JoinPurpose.LEAVE)
    assert REQUEST.read(REQUEST.write(leave)) == leave
    signature = REQUEST.golden[-64:]
    with pytest.raises(VerificationError):
        REQUEST.read(REQUEST.write(leave)[:-64] + signature)


@pytest.mark.parametrize("station", ["01:00:00:00:00:00", "ff:ff:ff:ff:ff:ff", "33:33:00:00:00:01"])
def test_a_group_is_no_station(station: str) -> None:
    with pytest.raises(DecodeError, match=f"station {station} is a group address"):
        REQUEST.read(REQUEST.write(replace(REQUEST.example, station=MacAddress.parse(station))))


@pytest.mark.parametrize(("ue", "size"), [("10.45.0.2", 4), ("2001:db8:cafe::2", 16)])
def test_a_ue_is_its_ip_address(ue: str, size: int) -> None:
    """A UE of a cell has no MAC address; its station is 4 or 16 octets, and all else is as it is."""
    named = replace(REQUEST.example, station=ip_address(ue))
    encoded = REQUEST.write(named)
    assert REQUEST.read(encoded) == named
    assert len(encoded) == len(REQUEST.golden) + size - 6 <= MAX_JOIN_REQUEST_BYTES


@pytest.mark.parametrize(
    "ue", ["127.0.0.1", "224.0.0.1", "255.255.255.255", "::", "ff02::1", "::ffff:10.45.0.2"]
)
def test_an_address_that_no_ue_has(ue: str) -> None:
    with pytest.raises(DecodeError, match=r"join request: station .* (is not one UE's|write its 4 octets)"):
        REQUEST.read(REQUEST.write(replace(REQUEST.example, station=ip_address(ue))))


@pytest.mark.parametrize(
    ("label", "value", "why"),
    [
        (1, 0, "purpose is 0, outside 1..2"),
        (1, 3, "purpose is 3"),
        (1, True, "purpose is not an integer"),
        (2, bytes(15), "grant_id has 15 bytes"),
        (3, bytes(7), "station has 7 bytes, not 4, 6 or 16"),
        (3, bytes(17), "station has 17 bytes"),
        (4, bytes(8), "bssid has 8 bytes"),
        (5, bytes(17), "challenge has 17 bytes, not 16"),
    ],
)
def test_refused(label: int, value: object, why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        REQUEST.read(resign_payload(REQUEST, {label: value}))
