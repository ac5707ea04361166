"""`offer`: discounts that cannot give goods away, reservations by period, the winners of an auction."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.wire.examples import BAND, CONSUMER, MESSAGES, QOS, resign_payload
from wire.auction_terms import AuctionKind, AuctionMark
from wire.errors import DecodeError
from wire.post_offer import AuctionShare, PostOffer, Reservation
from wire.units import PPM, U63_MAX

OFFER = MESSAGES["post_offer"]
KEY = CONSUMER.public.octets


@pytest.mark.parametrize("name", ["volume_discount_multiplier_ppm", "reservation_discount_multiplier_ppm"])
@pytest.mark.parametrize("ppm", [0, -1, PPM + 1])
def test_no_multiplier_gives_goods_away_or_raises_the_price(name: str, ppm: int) -> None:
    with pytest.raises(DecodeError, match=f"{name} is {ppm}, outside 1..{PPM}"):
        PostOffer(1, BAND, 1, 1, QOS, **{name: ppm})  # type: ignore[arg-type]  # one of two integers


@pytest.mark.parametrize(
    "changes",
    [
        {"price_ubc": -1},
        {"price_ubc": 2**63},
        {"max_allocations": -1},
        {"max_allocations": 2**32},
        {"allocation_duration_s": 0},
        {"allocation_duration_s": 2**32},
        {"reservations": {-1: Reservation(1, 1)}},
    ],
)
def test_what_cannot_be_sent_cannot_be_made(changes: dict[str, Any]) -> None:
    fields: dict[str, Any] = {"price_ubc": 1, "max_allocations": 1, "allocation_duration_s": 1, **changes}
    with pytest.raises(DecodeError, match="outside"):
        PostOffer(band=BAND, qos=QOS, **fields)


@pytest.mark.parametrize(
    ("kind", "pair"),
    [
        (Reservation, (-1, 1)),
        (Reservation, (1, -1)),
        (Reservation, (2**63, 1)),
        (AuctionShare, (0, 1)),
        (AuctionShare, (2**32, 1)),
        (AuctionShare, (1, -1)),
        (AuctionShare, (1, 1, -1)),
        (AuctionShare, (1, 1, 61)),
    ],
)
def test_no_entry_can_be_made_that_cannot_be_sent(kind: Callable[..., object], pair: tuple[int, ...]) -> None:
    with pytest.raises(DecodeError, match="outside"):
        kind(*pair)


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
        ({11: {-1: [1, 1]}}, "period is -1, outside"),
        ({11: {U63_MAX + 1: [1, 1]}}, "period is 9223372036854775808, outside"),
        ({11: {"1": [1, 1]}}, "a period is not"),
        ({11: {1: [1]}}, "an entry is not a pair of integers"),
        ({11: {1: [1, 1, 1]}}, "an entry is not a pair"),
        ({11: {1: [-1, 1]}}, "price_ubc is -1, outside"),
        ({11: {1: [1, 2**63]}}, "capacity is 9223372036854775808, outside"),
        ({11: {1: [True, 1]}}, "reservations has a boolean in it"),
        ({11: {period: [1, 1] for period in range(10_001)}}, "map of 1 to 10000"),
        ({12: {}}, "consumers is not a map of 1 to 50000"),
        ({12: {1: [1, 1]}}, "want public key"),
        ({12: {KEY: [1]}}, "want public key -> "),
        ({12: {KEY: [1, 1, 0]}}, "and slots if they are not 0"),
        ({12: {KEY: [1, 1, 61]}}, "slots is 61, outside 0..60"),
        ({12: {KEY: [1, 1, -1]}}, "slots is -1"),
        ({12: {KEY: [1, 1, 1]}}, "a share has slots, and it settles no auction"),
        ({12: {KEY: [1, 1, 1, 1]}}, "want public key -> "),
        ({12: {KEY: [0, 1]}}, "allocations is 0, outside 1.."),
        ({12: {KEY: [2**32, 1]}}, "allocations is 4294967296, outside 1.."),
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


def test_what_settles_an_auction_names_its_winners() -> None:
    mark = AuctionMark(AuctionKind.VICKREY, 5, 0)
    with pytest.raises(DecodeError, match="it settles an auction, and consumers is empty"):
        PostOffer(1, BAND, 1, 1, QOS, auction=mark)
    with pytest.raises(DecodeError, match="kind 3 is none of"):
        OFFER.read(resign_payload(OFFER, {13: [3, 5, 0]}))
    with pytest.raises(DecodeError, match="a session auction has a forecast"):
        OFFER.read(resign_payload(OFFER, {13: [2, 5, 0]}))


@pytest.mark.parametrize(
    "ruling",
    [
        [],
        [b"x", bytes(32), bytes(64)],
        [CONSUMER.public.octets, bytes(32), bytes(63)],
        [CONSUMER.public.octets, bytes(31), bytes(64)],
        bytes(97),
    ],
)
def test_a_ruling_is_a_key_a_head_and_a_signature(ruling: object) -> None:
    with pytest.raises(DecodeError, match="ruling"):
        OFFER.read(resign_payload(OFFER, {14: ruling}))
