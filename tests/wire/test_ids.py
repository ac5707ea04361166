"""Identifiers: octets, text, and what is none."""

from hashlib import sha256

import pytest
from hypothesis import given

from tests.wire.examples import PROVIDER, keys, macs
from wire.ids import MacAddress, PublicKey


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
