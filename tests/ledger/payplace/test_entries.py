"""PayPlace's entries in bytes: each comes back as it was, under its key, and nothing else is read."""

from __future__ import annotations

import pytest

from ledger.entries import read_entry, write_entry
from ledger.payplace.entries import (
    Channel,
    ChannelNumber,
    PayMerchant,
    PayOperator,
    PayplaceEntry,
    PendingShift,
    Status,
    UsageSummary,
    channel_key,
    merchant_key,
    number_key,
    operator_key,
    summary_key,
)
from wire.errors import DecodeError

ID, KEY, POINT = bytes(range(8)), b"\x02" + bytes(32), bytes(256)
SHIFT = PendingShift(KEY, 7, 1_000)
ENTRIES: list[tuple[bytes, PayplaceEntry]] = [
    (
        operator_key(ID),
        PayOperator(KEY, POINT, 5, 100, 10, 5, 150, POINT, b"", 3, 2, 2, 204, bytes(range(32))),
    ),
    (merchant_key(ID, bytes(32)), PayMerchant(POINT, KEY, 1, 2, Status.MISSING, 3, bytes(32))),
    (channel_key(ID, 9), Channel(KEY, 30, 10, 20, ((1, 4), (7, 5)), SHIFT)),
    (channel_key(ID, 10), Channel(KEY, 30)),
    (number_key(ID, KEY), ChannelNumber(9)),
    (summary_key(ID, ID[::-1]), UsageSummary(9, 5, 4, 60, 1_000)),
]


@pytest.mark.parametrize(("key", "entry"), ENTRIES)
def test_each_comes_back(key: bytes, entry: PayplaceEntry) -> None:
    encoded = write_entry(entry)
    assert read_entry(key, encoded) == entry
    for other, _ in ENTRIES:
        if other[:1] != key[:1]:
            with pytest.raises(DecodeError):
                read_entry(other, encoded)


def test_keys_differ() -> None:
    assert len({key for key, _ in ENTRIES}) == len(ENTRIES)
    assert {key[:1] for key, _ in ENTRIES} == {b"n", b"p", b"q", b"t", b"y"}


@pytest.mark.parametrize("key", [key for key, _ in ENTRIES])
def test_nonsense_is_refused(key: bytes) -> None:
    for nonsense in (b"\x80", b"\x81\x80", b"\x85\x00\x00\x00\x00\x60", b"\xff"):
        with pytest.raises(DecodeError):
            read_entry(key, nonsense)
