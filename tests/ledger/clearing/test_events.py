"""Entries of the log: each is read back, and nothing else is."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.clearing.events import (
    FIRST_HEAD,
    AuctionClosed,
    AuctionTaken,
    BidTaken,
    Event,
    FundsTaken,
    OfferRejected,
    OfferTaken,
    Unsealed,
    next_head,
    read_event,
    write_event,
)
from tests.ledger_world import ALICE, BOB
from wire.cbor import Value, write_cbor
from wire.errors import DecodeError

A = bytes(range(32))
EVENTS: list[Event] = [
    AuctionTaken(1, b"auction"),
    BidTaken(2, A, b"bid"),
    BidTaken(2, A, b"bid", b"\2" * 33),
    Unsealed(3, A, {0: b"s", 2: b"t"}),
    Unsealed(3, A, {}),
    FundsTaken(4, A, 7, {ALICE.public: 5, BOB.public: 0}),
    FundsTaken(4, A, 7, {}),
    OfferTaken(5, A, b"answer"),
    OfferRejected(6, A, "sold_out", "3 left"),
    AuctionClosed(7, A),
    AuctionClosed(7, A, "no_bids", "nobody"),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_read_back(event: Event) -> None:
    assert read_event(write_event(event)) == event


@pytest.mark.parametrize(
    "value",
    [
        [], 1, [0, 1, b""], [8, 1, A], [1, 1, "x"], [2, 1, A[1:], b"", b""], [2, 1, A, b""], [4, 1, A, {"x": b""}],
        [4, 1, A, {1: 1}], [3, 1, A, 7, {b"": ""}], [3, 1, A, {}],
        [5, 1, A, 5], [6, 1, A, "x"], [7, 1, A, "x", b""], ["1", 1, b""],
    ],
)  # fmt: skip
def test_anything_else_is_refused(value: Value) -> None:
    with pytest.raises(DecodeError, match="no kind that we know"):
        read_event(write_cbor(value))


@pytest.mark.parametrize(
    "value", [[True, 1, b""], [1, True, b""], [3, 1, A, 7, {b"": True}], [3, 1, A, True, {}]]
)
def test_a_boolean_is_no_number(value: Value) -> None:
    with pytest.raises(DecodeError, match="a boolean"):
        read_event(write_cbor(value))


@given(st.binary(max_size=60), st.integers(0, len(EVENTS) - 1), st.integers(0, 80))
def test_garbled_entries_are_entries_or_refused(garbage: bytes, which: int, at: int) -> None:
    good = write_event(EVENTS[which])
    data = good[:at] + garbage + good[at + len(garbage) :]
    with contextlib.suppress(DecodeError):
        assert write_event(read_event(data)) == data


def test_funds_are_of_accounts() -> None:
    with pytest.raises(DecodeError, match="not a compressed P-256 public key"):
        read_event(write_cbor([3, 1, A, 7, {b"x": 5}]))


def test_the_head_depends_on_every_entry_and_their_order() -> None:
    one, two = write_event(EVENTS[0]), write_event(EVENTS[1])
    heads = {next_head(next_head(FIRST_HEAD, a), b) for a, b in ((one, two), (two, one), (one, one))}
    assert len(heads | {next_head(FIRST_HEAD, one)}) == 4
