"""The limits of work: what is counted, and which batches may be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from ledger.proposal_limits import MAX_MIXED_BATCH, MAX_WORK, Work, fitting, may_be_ordered, work_of
from ledger.submission import Batch, Enrolment, Record
from tests.ledger_world import ALICE, BOB, CAROL, GENESIS, PROVIDER, START_S, buy, offer
from wire.auction_terms import AuctionKind, AuctionMark
from wire.club_actions import FoundClub, SpendTokens
from wire.keys import PrivateKey
from wire.money_actions import Transfer
from wire.payplace_deposit import PayplaceDeposit, Split
from wire.payplace_notarisation import LeafProof, MarkMissing, Notarise
from wire.payplace_registration import RegisterMerchant, RegisterOperator, Times
from wire.payplace_shift import ChallengeShift
from wire.payplace_withdrawal import Claim, ForceExit, Source, WithdrawPayout
from wire.post_offer import AuctionShare, Reservation
from wire.transaction import Action, SignedTransaction, Transaction, sign_transaction

MARK = AuctionMark(AuctionKind(1), START_S, 0)
SETTLES = offer(auction=MARK, consumers={BOB.public: AuctionShare(1, 1)})
BID = buy(30, epoch=0, auction=bytes(32))
MANY = MAX_MIXED_BATCH


def sign(action: Action, key: PrivateKey = ALICE) -> SignedTransaction:
    return sign_transaction(Transaction(action, bytes(8), START_S), key, GENESIS.ledger_id)


def test_what_is_counted() -> None:
    purchase = sign(buy(consumers=[BOB.public, CAROL.public]))
    assert work_of(sign(Transfer(BOB.public, 1))) == Work(1)
    assert work_of(purchase) == Work(1, 2)
    assert work_of(sign(SETTLES, PROVIDER)) == Work(1, 1)
    assert work_of(Batch((purchase, purchase))) == Work(2, 4)
    assert work_of(Record(bytes(70))) == Work(1, 0, 70)
    assert work_of(Enrolment(b"")) == Work(2)
    shares = {PrivateKey.from_secret(number).public: AuctionShare(1, 1) for number in range(1, 26)}
    assert work_of(sign(offer(max_allocations=25, consumers=shares), PROVIDER)) == Work(3, 25)
    ahead = {period: Reservation(1, 1) for period in range(40)}
    assert work_of(sign(offer(reservations=ahead), PROVIDER)) == Work(5)


def test_what_is_counted_of_payplace() -> None:
    """BLS signatures, keys, micropayments, and the channels that leaves name: in P-256 signatures."""
    leaf, point, key = LeafProof(bytes(640), 0, b""), bytes(128), bytes(256)
    claim = Claim(leaf, 1, tuple([Source(number, 1, bytes(64)) for number in range(50)]))
    operator, times = PROVIDER.public, Times(100, 10, 5, 110)
    for action, signatures in (
        (RegisterOperator(times, key, point), 31),
        (RegisterMerchant(operator, key, point, point, 0), 61),
        (PayplaceDeposit(BOB.public, (Split(operator, 1),)), 1),
        (MarkMissing(9, (leaf,) * 100), 1 + 400 + 1_000),
        (Notarise(bytes(32), 0, point), 31),
        (Notarise(bytes(32), 0, point, (leaf.leaf,) * 10), 31 + 40 + 100),
        (WithdrawPayout(operator, claim, 0), 1 + 4 + 50 + 10),
        (ForceExit(claim), 1 + 4 + 50 + 10),
        (ChallengeShift(operator, BOB.public, 1, bytes(64)), 2),
    ):
        assert work_of(sign(action)) == Work(signatures), action


def test_what_is_counted_of_clubs() -> None:
    """A spending writes 2.8 KB at most, a founding looks for each member's account."""
    assert work_of(sign(SpendTokens(PROVIDER.public, 1, 5))) == Work(2)
    for members, signatures in ((2, 2), (64, 8)):
        keys = PROVIDER.public.octets * members
        assert work_of(sign(FoundClub(1, 1, 5, keys))) == Work(signatures)


@pytest.mark.parametrize("what", ["signatures", "consumers", "record_bytes"])
def test_each_limit_closes_a_block_and_the_first_is_always_let_in(what: str) -> None:
    one = Record(b"r") if what == "record_bytes" else sign(buy(consumers=[BOB.public]))
    for number, fit in ((5, 5), (2, 2), (0, 1)):
        assert list(fitting([one] * 5, replace(MAX_WORK, **{what: number}))) == [one] * fit
    assert list(fitting([])) == []


def test_what_lies_beyond_a_limit_is_not_even_read() -> None:
    """But for the one that is too much."""
    read = 0

    def reading() -> Iterator[SignedTransaction]:
        nonlocal read
        for _ in range(10):
            read += 1
            yield sign(Transfer(BOB.public, 1))

    assert len(list(fitting(reading(), replace(MAX_WORK, signatures=4)))) == 4
    assert read == 5


def test_a_large_batch_is_the_end_of_one_auction() -> None:
    transfer, bid, settles = sign(Transfer(BOB.public, 1)), sign(BID), sign(SETTLES, PROVIDER)
    other = sign(buy(30, epoch=0, auction=bytes(31) + b"1"))
    assert may_be_ordered(transfer)
    assert may_be_ordered(Batch((transfer,) * MANY))
    assert may_be_ordered(Batch((settles, *(bid,) * MANY)))
    assert may_be_ordered(Batch((bid,) * (MANY + 1))), "what is left of one"
    for wrong in (
        (transfer,) * (MANY + 1),
        (settles, *(bid,) * MANY, transfer),
        (settles, *(bid,) * MANY, other),
        (sign(offer(), PROVIDER), *(bid,) * MANY),
        (sign(buy()),) * (MANY + 1),
    ):
        assert not may_be_ordered(Batch(wrong))
