"""The network: the provider's word on how to join."""

from dataclasses import replace

import pytest

from tests.wire.examples import CONSUMER, MESSAGES, PROVIDER, resign_payload
from wire.errors import DecodeError, VerificationError
from wire.network import read_network
from wire.units import U63_MAX

NETWORK = MESSAGES["network"]


def test_only_the_provider_signs_it() -> None:
    assert read_network(NETWORK.golden, PROVIDER.public) == NETWORK.example
    with pytest.raises(VerificationError):
        read_network(NETWORK.golden, CONSUMER.public)


@pytest.mark.parametrize("ssid", [b"", bytes(33)])
def test_no_such_name_can_be_made(ssid: bytes) -> None:
    with pytest.raises(DecodeError, match=f"1 to 32 bytes, not {len(ssid)}"):
        replace(NETWORK.example, ssid=ssid)


def test_the_largest_fits() -> None:
    largest = replace(NETWORK.example, ssid=bytes(32), expires_s=U63_MAX)
    encoded = NETWORK.write(largest)
    assert len(encoded) <= NETWORK.max_bytes
    assert NETWORK.read(encoded) == largest


@pytest.mark.parametrize(
    ("label", "value", "why"),
    [
        (1, bytes(5), "bssid has 5 bytes, not 6"),
        (2, b"", "1 to 32 bytes, not 0"),
        (2, bytes(33), "ssid has 33 bytes, at most 32"),
        (2, "airgrant", "ssid is not a byte string"),
        (3, bytes(33), "not a compressed P-256 public key"),
        (3, bytes(32), "operator has 32 bytes, not 33"),
        (4, -1, "expires_s is -1"),
        (4, 2**63, "expires_s is 9223372036854775808"),
    ],
)
def test_refused(label: int, value: object, why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        NETWORK.read(resign_payload(NETWORK, {label: value}))
