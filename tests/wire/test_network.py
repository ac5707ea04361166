"""The network: the provider's word on how to join."""

from dataclasses import replace

import pytest

from tests.wire.examples import CONSUMER, LEDGER, LEDGER_ID, MESSAGES, PROVIDER, resign_payload
from wire.errors import DecodeError, VerificationError
from wire.network import read_network
from wire.registration import MAX_REGISTRATION_BYTES, read_registration
from wire.units import U63_MAX

NETWORK = MESSAGES["network"]
WITHOUT_REGISTRATION = bytes.fromhex(
    "d2844da2012804485baff89de7de5c1da0583da40146020000000"
    "0fe02486169726772616e7403582102b01a172a76a4602c92d3242cb897dde3024c740debb215b4c6b0aae93c2291a9"
    "041a694305f858407beba16886771411727"
    "1b3884b620ceeac0ac482d2713e69ba832f0d4de0dd9de58d1f44"
    "71a3f63867bee98a36bc6532cc6c1480ea7ed9f68895d59bc638fd9d"
)
"""As it was signed before registrations were, and is where the operator is the provider."""


def test_only_the_provider_signs_it() -> None:
    assert read_network(NETWORK.golden, PROVIDER.public) == NETWORK.example
    with pytest.raises(VerificationError):
        read_network(NETWORK.golden, CONSUMER.public)


def test_it_may_be_without_a_registration() -> None:
    plain = replace(NETWORK.example, registration=b"")
    assert NETWORK.read(WITHOUT_REGISTRATION) == plain
    assert NETWORK.write(plain)[:-64] == WITHOUT_REGISTRATION[:-64]


def test_the_registration_in_the_example_is_the_operators() -> None:
    registration = read_registration(NETWORK.example.registration, LEDGER.public, LEDGER_ID)
    assert registration.account == NETWORK.example.operator


def test_a_long_registration_cannot_be_made() -> None:
    with pytest.raises(DecodeError, match="registration has 161 bytes"):
        replace(NETWORK.example, registration=bytes(161))


@pytest.mark.parametrize("ssid", [b"", bytes(33)])
def test_no_such_name_can_be_made(ssid: bytes) -> None:
    with pytest.raises(DecodeError, match=f"1 to 32 bytes, not {len(ssid)}"):
        replace(NETWORK.example, ssid=ssid)


def test_the_largest_fits() -> None:
    registration = bytes(MAX_REGISTRATION_BYTES)
    largest = replace(NETWORK.example, ssid=bytes(32), expires_s=U63_MAX, registration=registration)
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
        (5, b"", "registration is empty"),
        (5, bytes(161), "registration has 161 bytes, at most 160"),
        (5, "signed", "registration is not a byte string"),
    ],
)
def test_refused(label: int, value: object, why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        NETWORK.read(resign_payload(NETWORK, {label: value}))
