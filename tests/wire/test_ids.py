"""Identifiers: octets, text, and what is none."""

from hashlib import sha256
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given

from tests.wire.examples import PROVIDER, keys, macs
from wire.ids import MacAddress, PublicKey, parse_station, station_octets, station_of


@given(keys)
def test_a_key_in_text(key: PublicKey) -> None:
    assert PublicKey.parse(str(key)) == PublicKey.parse(str(key).upper()) == key
    assert len(str(key)) == 66


@pytest.mark.parametrize(
    "octets", [b"", bytes(33), b"\x04" + bytes(32), b"\x02" + bytes(31), b"\x02" + bytes(33)]
)
def test_what_is_no_key(octets: bytes) -> None:
    with pytest.raises(ValueError, match="not a compressed P-256 public key"):
        PublicKey(octets)


@pytest.mark.parametrize(
    "text", ["", "02", "04" + "00" * 32, "02" + "0g" * 32, " 02" + "00" * 32, "02" + "00" * 32 + "\n"]
)
def test_what_is_no_account(text: str) -> None:
    with pytest.raises(ValueError, match="is not an account"):
        PublicKey.parse(text)


def test_short_names_of_a_key_are_beginnings_of_its_hash() -> None:
    digest = sha256(PROVIDER.public.octets).digest()
    assert PROVIDER.public.key_id == digest[:8]
    assert PROVIDER.public.provider_id == digest[:16]


@given(macs)
def test_a_mac_address_in_text(mac: MacAddress) -> None:
    assert MacAddress.parse(str(mac)) == MacAddress.parse(str(mac).replace(":", "-").upper()) == mac


@pytest.mark.parametrize(
    "text", ["", "02:00:00:00:00", "02:00:00:00:00:01:02", "2:0:0:0:0:1", "020000000001", "0g:00:00:00:00:01"]
)
def test_what_is_no_mac_address_in_text(text: str) -> None:
    with pytest.raises(ValueError, match="is not a MAC address"):
        MacAddress.parse(text)


@pytest.mark.parametrize("size", [0, 5, 7, 8])
def test_what_is_no_mac_address(size: int) -> None:
    with pytest.raises(ValueError, match="has 6 octets"):
        MacAddress(bytes(size))


@pytest.mark.parametrize(
    ("text", "group"),
    [("02:00:00:00:00:01", False), ("01:00:5e:00:00:01", True), ("ff:ff:ff:ff:ff:ff", True)],
)
def test_groups(text: str, group: bool) -> None:
    assert MacAddress.parse(text).is_group is group


@pytest.mark.parametrize(
    ("text", "station"),
    [
        ("02:00:00:00:00:01", MacAddress(b"\x02\0\0\0\0\x01")),
        ("10.45.0.2", IPv4Address("10.45.0.2")),
        ("2001:db8:cafe::2", IPv6Address("2001:db8:cafe::2")),
    ],
)
def test_a_station_is_a_mac_address_or_an_ip_address(text: str, station: object) -> None:
    assert parse_station(text) == station
    assert station_of(station_octets(parse_station(text))) == station
    assert str(parse_station(text)) == text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is neither a MAC address nor an IP address"),
        ("10.45.0", "is neither"),
        ("010.45.0.2", "is neither"),
        ("10.45.0.2/16", "is neither"),
        ("fe80::1%tun0", "is neither"),
        ("01:00:5e:00:00:01", "is a group address"),
        ("224.0.0.1", "is not one UE's address"),
        ("255.255.255.255", "is not one UE's address"),
        ("0.0.0.0", "is not one UE's address"),
        ("127.0.0.1", "is not one UE's address"),
        ("::", "is not one UE's address"),
        ("ff02::1", "is not one UE's address"),
        ("::ffff:10.45.0.2", "write its 4 octets"),
    ],
)
def test_what_is_no_station(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse_station(text)


@pytest.mark.parametrize("size", [0, 3, 5, 7, 15, 17])
def test_a_station_of_another_length(size: int) -> None:
    with pytest.raises(ValueError, match=f"has {size} bytes, not 4, 6 or 16"):
        station_of(bytes(size))
