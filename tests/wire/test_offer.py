"""The signed offer: whose it is, and what no offer says."""

import pytest

from tests.wire.examples import CONSUMER, MESSAGES, PROVIDER, resign_payload
from wire.cose import read_envelope
from wire.errors import DecodeError, VerificationError
from wire.offer import parse_offer, read_offer

OFFER = MESSAGES["offer"]


def test_only_its_provider_signs_it() -> None:
    assert read_offer(OFFER.golden, PROVIDER.public) == OFFER.example
    with pytest.raises(VerificationError):
        read_offer(OFFER.golden, CONSUMER.public)


def test_parsed_where_somebody_else_verifies() -> None:
    assert parse_offer(read_envelope(OFFER.golden)) == OFFER.example


@pytest.mark.parametrize(
    ("label", "value", "why"),
    [
        (1, 0, "epoch is 0, outside 1"),
        (2, -1, "price_ubc is -1"),
        (2, 2**63, "price_ubc is 9223372036854775808"),
        (3, 0, "allocation_duration_s is 0"),
        (3, 2**32, "allocation_duration_s is 4294967296"),
        (4, [1, 2], "band is not an array of 3"),
        (4, [2, 1, 1], "band: 2..1 kHz is not a band"),
        (5, [1, 0, 1, 1], "qos: floor 1 and ceiling 0"),
        (5, [1, 2, 3, 4, 5, 1, 0], "qos ends in a default"),
        (6, bytes(5), "bssid has 5 bytes, not 6"),
        (6, "02:00:00:00:00:01", "bssid is not a byte string"),
        (7, True, "expires_s is not an integer"),
    ],
)
def test_refused(label: int, value: object, why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        OFFER.read(resign_payload(OFFER, {label: value}))
