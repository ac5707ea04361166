"""A ruling holds for one result of one auction on one ledger, and is the same each time it is signed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.wire.examples import CONSUMER, LEDGER_ID, OPERATOR, PROVIDER
from wire.errors import VerificationError
from wire.post_offer import AuctionShare
from wire.ruling import sign_ruling, verify_ruling

AUCTION_ID = bytes(range(32))
HEAD = bytes(range(1, 33))
SHARES = {CONSUMER.public: AuctionShare(1, 7)}


def test_the_same_result_has_the_same_ruling() -> None:
    rulings = {sign_ruling(OPERATOR, LEDGER_ID, AUCTION_ID, HEAD, 7, SHARES) for _ in range(3)}
    (ruling,) = rulings
    verify_ruling(ruling, LEDGER_ID, AUCTION_ID, 7, SHARES)


def test_it_holds_for_nothing_else() -> None:
    ruling = sign_ruling(OPERATOR, LEDGER_ID, AUCTION_ID, HEAD, 7, SHARES)
    others = [
        (bytes(32), AUCTION_ID, 7, SHARES),
        (LEDGER_ID, bytes(32), 7, SHARES),
        (LEDGER_ID, AUCTION_ID, 8, SHARES),
        (LEDGER_ID, AUCTION_ID, 7, {CONSUMER.public: AuctionShare(1, 8)}),
        (LEDGER_ID, AUCTION_ID, 7, {PROVIDER.public: AuctionShare(1, 7)}),
        (LEDGER_ID, AUCTION_ID, 7, {CONSUMER.public: AuctionShare(1, 7, 1)}),
    ]
    for other in others:
        with pytest.raises(VerificationError):
            verify_ruling(ruling, *other)
    with pytest.raises(VerificationError):
        verify_ruling(replace(ruling, house=PROVIDER.public), LEDGER_ID, AUCTION_ID, 7, SHARES)
    with pytest.raises(VerificationError):
        verify_ruling(replace(ruling, head=bytes(32)), LEDGER_ID, AUCTION_ID, 7, SHARES)
