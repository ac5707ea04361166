"""A house's list of its auctions."""

from __future__ import annotations

import pytest

from tests.wire.examples import MESSAGES, resign_payload
from wire.auction_list import MAX_LISTED, AuctionList, ListedAuction
from wire.auction_receipt import Status
from wire.errors import DecodeError


@pytest.mark.parametrize(
    "rows",
    [
        1,
        [],
        [1],
        [[b"x", 1, 1, 0]],
        [[b"x", 3, 1, 0, ""]],
        [[b"x", True, 1, 0, ""]],
        [[b"x", 1, 0, 0, ""]],
        [[b"x", 1, 1, -1, ""]],
        [[bytes(4_097), 1, 1, 0, ""]],
        [[b"x", 1, 1, 0, "x" * 61]],
        [[b"x", 1, 1, 0, ""]] * (MAX_LISTED + 1),
    ],
)
def test_refused_when_read(rows: object) -> None:
    message = MESSAGES["auction_list"]
    with pytest.raises(DecodeError, match="auction list"):
        message.read(resign_payload(message, {1: rows}))


def test_an_auction_is_active_or_not() -> None:
    with pytest.raises(DecodeError, match="an auction is not pending"):
        ListedAuction(b"x", Status.PENDING, 1, 0)


def test_a_house_without_auctions() -> None:
    message = MESSAGES["auction_list"]
    assert message.read(message.write(AuctionList(()))) == AuctionList(())
