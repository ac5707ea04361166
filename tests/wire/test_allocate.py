"""`allocate`: spot, in advance, and for 50,000 consumers."""

import pytest

from tests.wire.examples import BAND, CONSUMER, MESSAGES, PROVIDER, resign_payload
from wire.allocate import MAX_CONSUMERS, Allocate, write_allocate
from wire.errors import DecodeError

ALLOCATE = MESSAGES["allocate"]
KEY = CONSUMER.public.octets


def build(**fields: object) -> Allocate:
    return Allocate(PROVIDER.public, 1, BAND, 1, **fields)  # type: ignore[arg-type]  # that is what is tried


def test_named_consumers_in_their_order() -> None:
    assert build().consumers == []
    assert build(consumer_keys=KEY + PROVIDER.public.octets).consumers == [KEY, PROVIDER.public.octets]
    assert len(build(consumer_keys=KEY * MAX_CONSUMERS).consumers) == MAX_CONSUMERS


@pytest.mark.parametrize(("price_ubc", "epoch"), [(-1, 1), (2**63, 1), (1, 0), (1, 2**63)])
def test_price_and_epoch_have_their_ranges(price_ubc: int, epoch: int) -> None:
    with pytest.raises(DecodeError, match="outside"):
        Allocate(PROVIDER.public, price_ubc, BAND, epoch)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"period": 1}, "period and period_to go together"),
        ({"period_to": 1}, "period and period_to go together"),
        ({"allocations": 0}, "allocations is 0, outside 1.."),
        ({"allocations": 2**32}, "allocations is 4294967296, outside"),
        ({"slots": 1}, "no auction is named"),
        ({"slots": -1}, "slots is -1, outside 0..60"),
        ({"slots": 61}, "slots is 61, outside 0..60"),
        ({"period": -1, "period_to": 0}, "period is -1, outside"),
        ({"period": 1, "period_to": 2**63}, "period_to is 9223372036854775808, outside"),
        ({"period": 2, "period_to": 1}, "period_to 1 is before period 2"),
        ({"consumer_keys": KEY[:-1]}, "32 bytes are not 0 to 50000 public keys of 33"),
        ({"consumer_keys": KEY + b"x"}, "34 bytes are not"),
        ({"consumer_keys": KEY * (MAX_CONSUMERS + 1)}, "are not 0 to 50000 public keys"),
        ({"consumer_keys": KEY + bytes(33)}, "a consumer is not a compressed public key"),
    ],
)
def test_refused_by_the_constructor(fields: dict[str, object], why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        build(**fields)


@pytest.mark.parametrize(
    ("extra", "why"),
    [
        ({8: 1}, "period and period_to go together"),
        ({9: 1}, "period and period_to go together"),
        ({8: 2, 9: 1}, "before period"),
        ({7: 1}, "allocations is 1, outside 2"),
        ({7: 0}, "allocations is 0, outside 2"),
        ({7: 2**32}, "allocations is 4294967296"),
        ({10: b""}, "consumers is empty and has to be left out"),
        ({10: b"\x04" * 33}, "not a compressed public key"),
        ({10: [KEY]}, "consumers is not a byte string"),
        ({6: 0}, "epoch is 0"),
        ({4: -5}, "price_ubc is -5"),
        ({11: 0}, "auction is not a byte string"),
        ({11: bytes(31)}, "auction has 31 bytes, not 32"),
        ({11: bytes(32)}, "field 6 is unknown and critical"),
        ({12: 0}, "slots is 0, outside 1..60"),
        ({12: 61}, "slots is 61, outside 1..60"),
        ({12: 5}, "slots are of a bid in a session auction"),
        ({13: 0}, "field 13 is unknown and critical"),
    ],
)
def test_refused_when_read(extra: dict[int, object], why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        ALLOCATE.read(resign_payload(ALLOCATE, extra))


def test_a_bid_names_its_auction_and_no_epoch() -> None:
    bid = Allocate(PROVIDER.public, 5, BAND, 0, auction=bytes(32))
    assert 6 not in write_allocate(bid)
    with pytest.raises(DecodeError, match="epoch is 3, outside 0"):
        Allocate(PROVIDER.public, 5, BAND, 3, auction=bytes(32))
    with pytest.raises(DecodeError, match="an auction's id has 32 bytes, not 31"):
        Allocate(PROVIDER.public, 5, BAND, 0, auction=bytes(31))


def test_no_slots_are_left_out() -> None:
    bid = Allocate(PROVIDER.public, 5, BAND, 0, 3, auction=bytes(32))
    assert 12 not in write_allocate(bid)
    with_slots = Allocate(PROVIDER.public, 5, BAND, 0, 3, auction=bytes(32), slots=60)
    assert write_allocate(with_slots) == write_allocate(bid) | {12: 60}
