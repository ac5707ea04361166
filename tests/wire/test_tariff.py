"""The tariff: its bounds, its one form, and its place in a network."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.examples import BSSID, MESSAGES, PROVIDER
from wire.cbor import write_cbor
from wire.errors import DecodeError
from wire.ids import MacAddress
from wire.network import MAX_NETWORK_BYTES, Network, read_network, write_network
from wire.qos import MAX_RATE_BPS, Qos
from wire.registration import MAX_REGISTRATION_BYTES
from wire.tariff import MAX_PRICE_UBC, Tariff, tariff_of, terms_id, write_tariff
from wire.units import U63_MAX

TARIFF = Tariff(1_000, 0, 10, Qos(2_000_000, 20_000_000, 500_000, 5_000_000), IPv4Address("192.0.2.1"))
NETWORK: Network = MESSAGES["network"].example
rates = st.integers(1, MAX_RATE_BPS)
tariffs = st.builds(
    Tariff,
    st.integers(1, MAX_PRICE_UBC), st.integers(0, MAX_PRICE_UBC), st.integers(1, 3_600),
    st.builds(lambda a, b, c, d: Qos(min(a, b), max(a, b), min(c, d), max(c, d)), rates, rates, rates, rates),
    st.ip_addresses(v=4) | st.integers(2**64, 2**128 - 1).map(IPv6Address), st.integers(1, 65_535),
)  # fmt: skip


@given(tariffs)
def test_what_is_written_is_read(tariff: Tariff) -> None:
    assert tariff_of(write_tariff(tariff)) == tariff
    assert len(write_cbor(write_tariff(tariff))) <= 70


def test_a_network_says_it_and_is_the_same_without() -> None:
    encoded = write_network(replace(NETWORK, tariff=TARIFF), PROVIDER)
    assert read_network(encoded, PROVIDER.public).tariff == TARIFF
    assert read_network(MESSAGES["network"].golden, PROVIDER.public).tariff is None


def test_the_largest_network_fits() -> None:
    dear = Tariff(
        MAX_PRICE_UBC,
        MAX_PRICE_UBC,
        3_600,
        Qos(MAX_RATE_BPS, MAX_RATE_BPS, MAX_RATE_BPS, MAX_RATE_BPS),
        IPv6Address("2001:db8::1"),
        65_535,
    )
    largest = replace(
        NETWORK, ssid=bytes(32), expires_s=U63_MAX, registration=bytes(MAX_REGISTRATION_BYTES), tariff=dear
    )
    encoded = write_network(largest, PROVIDER)
    assert len(encoded) <= MAX_NETWORK_BYTES
    assert read_network(encoded, PROVIDER.public) == largest


def test_terms_have_a_name_for_each_price_place_and_operator() -> None:
    names = {
        terms_id(TARIFF, bytes(32), BSSID),
        terms_id(replace(TARIFF, per_minute_ubc=1_001), bytes(32), BSSID),
        terms_id(TARIFF, bytes(31) + b"\1", BSSID),
        terms_id(TARIFF, bytes(32), MacAddress(bytes(6))),
    }
    assert len(names) == 4


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"per_minute_ubc": 0}, "neither a minute nor a megabyte"),
        ({"per_minute_ubc": -1}, "per_minute_ubc is -1"),
        ({"per_megabyte_ubc": MAX_PRICE_UBC + 1}, "per_megabyte_ubc is"),
        ({"interval_s": 0}, "interval_s is 0"),
        ({"interval_s": 3_601}, "interval_s is 3601"),
        ({"port": 0}, "port is 0"),
        ({"qos": Qos(1, 1, 1, 1, data_cap_bytes=1)}, "nothing else"),
    ],
)
def test_no_such_tariff_can_be_made(changes: dict[str, object], why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        replace(TARIFF, **changes)  # type: ignore[arg-type]  # one of several types


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (7, "not an array"),
        ([1, 0, 10, 1, 1, 1, 1, bytes(4)], "not an array of 9"),
        ([1, 0, 10, 1, 1, 1, 1, bytes(5), 1], "address has 4 or 16"),
        ([1, 0, 10, 1, 1, 1, 1, bytes(10) + b"\xff\xff" + bytes(4), 1], "write its 4 octets"),
        ([1, b"", 10, 1, 1, 1, 1, bytes(4), 1], "not an integer"),
        ([True, 0, 10, 1, 1, 1, 1, bytes(4), 1], "not an integer"),
        ([1, 0, 10, 2, 1, 1, 1, bytes(4), 1], "make no range"),
    ],
)
def test_refused(value: object, why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        tariff_of(value)  # type: ignore[arg-type]  # what a peer sends
