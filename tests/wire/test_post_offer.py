"""`offer`: discounts that cannot give goods away, reservations by period, the winners of an auction."""

import pytest

from tests.wire.examples import BAND, CONSUMER, MESSAGES, QOS, resign_payload
from wire.errors import DecodeError
from wire.post_offer import PostOffer
from wire.units import PPM, U63_MAX

OFFER = MESSAGES["post_offer"]
KEY = CONSUMER.public.octets


@pytest.mark.parametrize("name", ["volume_discount_multiplier_ppm", "reservation_discount_multiplier_ppm"])
@pytest.mark.parametrize("ppm", [0, -1, PPM + 1])
def test_no_multiplier_gives_goods_away_or_raises_the_price(name: str, ppm: int) -> None:
    with pytest.raises(DecodeError, match=f"{name} is {ppm}, outside 1..{PPM}"):
        PostOffer(1, BAND, 1, 1, QOS, **{name: ppm})  # type: ignore[arg-type]  # one of two integers


@pytest.mark.parametrize(
    ("extra", "why"),
    [
        ({6: -1}, "max_allocations is -1"),
        ({6: 2**32}, "max_allocations is 4294967296"),
        ({7: 0}, "allocation_duration_s is 0"),
        ({9: 0}, "volume_discount_multiplier_ppm is 0"),
        ({9: PPM}, "volume_discount_multiplier_ppm is 1000000, outside 1..999999"),
        ({10: PPM}, "reservation_discount_multiplier_ppm is 1000000"),
        ({11: {}}, "reservations is not a map of 1 to 10000"),
        ({11: []}, "reservations is not a map"),
        ({11: {-1: [1, 1]}}, "a period is not a non-negative integer"),
        ({11: {U63_MAX + 1: [1, 1]}}, "a period is not"),
        ({11: {"1": [1, 1]}}, "a period is not"),
        ({11: {1: [1]}}, "an entry is not a pair of integers"),
        ({11: {1: [1, 1, 1]}}, "an entry is not a pair"),
        ({11: {1: [-1, 1]}}, "an entry is not a pair"),
        ({11: {1: [1, 2**63]}}, "an entry is not a pair"),
        ({11: {1: [True, 1]}}, "an entry is not a pair"),
        ({11: {period: [1, 1] for period in range(10_001)}}, "map of 1 to 10000"),
        ({12: {}}, "consumers is not a map of 1 to 50000"),
        ({12: {1: [1, 1]}}, "want public key"),
        ({12: {KEY: [0, 1]}}, "allocations of at least 1"),
        ({12: {KEY: [2**32, 1]}}, "allocations of at least 1"),
        ({12: {bytes(33): [1, 1]}}, "not a compressed"),
        ({12: {KEY[:-1]: [1, 1]}}, "not a compressed"),
        ({3: 0}, "field 3 is unknown and critical"),
    ],
)
def test_refused(extra: dict[int, object], why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        OFFER.read(resign_payload(OFFER, extra))


def test_no_discount_is_left_out() -> None:
    plain = resign_payload(OFFER, {}, leave_out=(9, 10, 11, 12))
    action = OFFER.read(plain).action
    assert (action.volume_discount_multiplier_ppm, action.reservation_discount_multiplier_ppm) == (PPM, PPM)
    assert (action.reservations, action.consumers) == ({}, {})


def test_zero_units_turn_selling_off() -> None:
    assert OFFER.read(resign_payload(OFFER, {6: 0})).action.max_allocations == 0
