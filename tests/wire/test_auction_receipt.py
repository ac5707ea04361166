"""A house's receipts: a place goes with a head, and what was not taken has neither."""

from __future__ import annotations

import pytest

from tests.wire.examples import CONSUMER, MESSAGES, resign_payload
from wire.auction_receipt import AuctionReceipt, Status
from wire.errors import DecodeError


def test_a_place_goes_with_a_head() -> None:
    with pytest.raises(DecodeError, match="place 3 with a head of 0 bytes"):
        AuctionReceipt(bytes(32), Status.PENDING, number=3)
    with pytest.raises(DecodeError, match="place 0 with a head of 32 bytes"):
        AuctionReceipt(bytes(32), Status.ERROR, head=bytes(32))


@pytest.mark.parametrize(
    ("extra", "why"),
    [
        ({2: 8}, "status is 8"),
        ({2: 0}, "status is 0"),
        ({7: ""}, "reason is empty"),
        ({5: 0}, "at_ns is 0"),
        ({9: 0}, "wins_above_ubc of a bid that is pending"),
        ({2: 6, 9: -1}, "wins_above_ubc is -1"),
    ],
)
def test_refused_when_read(extra: dict[int, object], why: str) -> None:
    message = MESSAGES["auction_receipt"]
    with pytest.raises(DecodeError, match=why):
        message.read(resign_payload(message, extra))


def test_long_texts_are_cut() -> None:
    message = MESSAGES["auction_receipt"]
    receipt = AuctionReceipt(bytes(32), Status.ERROR, reason="r" * 99, detail="d" * 999)
    read = message.read(message.write(receipt))
    assert (len(read.reason), len(read.detail)) == (60, 200)
    assert len(message.write(receipt)) <= message.max_bytes


def test_only_who_lost_reads_what_wins() -> None:
    for status in set(Status) - {Status.CANCELLED}:
        with pytest.raises(DecodeError, match=f"wins_above_ubc of a bid that is {status.name.lower()}"):
            AuctionReceipt(bytes(32), status, wins_above_ubc=0)
    message = MESSAGES["outbid_receipt"]
    free = AuctionReceipt(bytes(32), Status.CANCELLED, wins_above_ubc=0)
    assert (
        message.read(message.write(free)) == free
    )  # any price above nothing wins, which is not that none is known


def test_the_largest_receipt_fits() -> None:
    message = MESSAGES["outbid_receipt"]
    most = 2**63 - 1
    receipt = AuctionReceipt(
        bytes(32), Status.CANCELLED, CONSUMER.public, most, most, bytes(32), "r" * 60, "d" * 200, most
    )
    assert len(message.write(receipt)) <= message.max_bytes
    assert message.read(message.write(receipt)) == receipt
