"""The join request: one station, one access point, one challenge."""

from dataclasses import replace

import pytest

from tests.wire.examples import CONSUMER, MESSAGES, PROVIDER, resign_payload
from wire.errors import DecodeError, VerificationError
from wire.ids import MacAddress
from wire.join_request import JoinPurpose, read_join_request

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


@pytest.mark.parametrize(
    ("label", "value", "why"),
    [
        (1, 0, "purpose is 0, outside 1..2"),
        (1, 3, "purpose is 3"),
        (1, True, "purpose is not an integer"),
        (2, bytes(15), "grant_id has 15 bytes"),
        (3, bytes(7), "station has 7 bytes"),
        (4, bytes(8), "bssid has 8 bytes"),
        (5, bytes(17), "challenge has 17 bytes, not 16"),
    ],
)
def test_refused(label: int, value: object, why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        REQUEST.read(resign_payload(REQUEST, {label: value}))
