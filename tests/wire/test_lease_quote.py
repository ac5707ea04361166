"""A lease quote beside what holds for every message: what it may say, and its largest size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.wire.examples import BAND, CONSUMER, LEDGER_ID, MESSAGES, PROVIDER, UTC_S
from wire.band import Band
from wire.errors import DecodeError
from wire.lease_quote import MAX_LEASE_QUOTE_BYTES, LeaseQuote, read_lease_quote, write_lease_quote
from wire.units import U32_MAX, U63_MAX

QUOTE = LeaseQuote(CONSUMER.public, BAND, 22_680, 3_600, UTC_S)


def test_the_largest_fits() -> None:
    largest = LeaseQuote(
        CONSUMER.public, Band(299_000_000, 300_000_000, 1_000_000), U63_MAX, U32_MAX, U63_MAX
    )
    encoded = write_lease_quote(largest, PROVIDER, LEDGER_ID)
    assert len(encoded) <= MAX_LEASE_QUOTE_BYTES
    assert read_lease_quote(encoded, PROVIDER.public, LEDGER_ID) == largest
    assert MESSAGES["lease_quote"].max_bytes == MAX_LEASE_QUOTE_BYTES


REFUSED: list[Callable[[], object]] = [
    lambda: replace(QUOTE, price_ubc=0),
    lambda: replace(QUOTE, price_ubc=U63_MAX + 1),
    lambda: replace(QUOTE, duration_s=0),
    lambda: replace(QUOTE, duration_s=U32_MAX + 1),
    lambda: replace(QUOTE, valid_until_s=-1),
]


@pytest.mark.parametrize("make", REFUSED)
def test_what_is_out_of_bounds_is_refused_where_it_is_made(make: Callable[[], object]) -> None:
    with pytest.raises(DecodeError, match="lease quote"):
        make()
