"""Sealed bids: who can read what, when; and that a bid opens to one transaction or to none."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import pytest

from tests.wire.examples import BID, BIDDING, CONSUMER, LEDGER_ID, MESSAGES, OPERATOR, UTC_S, resign_payload
from wire.allocate import Allocate
from wire.band import MAX_KHZ, Band
from wire.errors import DecodeError, VerificationError
from wire.key_agreement import seal
from wire.keys import PrivateKey
from wire.sealed_bid import (
    MAX_BID_BYTES,
    MAX_SEALED_BID_BYTES,
    Lock,
    SealedBid,
    _associated,
    _pad,
    _seal,
    _xor,
    open_bid,
    open_ticket,
    read_sealed_bid,
    seal_bid,
    write_sealed_bid,
)
from wire.secret_sharing import split_secret
from wire.transaction import Transaction, sign_transaction
from wire.units import U32_MAX, U63_MAX

KEEPERS = [PrivateKey.from_secret(number) for number in range(20, 36)]
CHANCE = bytes(range(16))
TRANSACTION = MESSAGES["bid"].golden


def lock_of(keepers: int, threshold: int) -> Lock:
    keys = tuple(key.public for key in KEEPERS[:keepers])
    return Lock(bytes(32), OPERATOR.public, keys, threshold, LEDGER_ID)


def sealed(lock: Lock, transaction: bytes = TRANSACTION) -> SealedBid:
    return seal_bid(lock, transaction, CONSUMER, BIDDING, CHANCE)


def secrets(*places: int) -> dict[int, PrivateKey]:
    return {at: KEEPERS[at] for at in places}


@pytest.mark.parametrize(("keepers", "threshold"), [(1, 1), (2, 2), (3, 2), (4, 3), (5, 1)])
def test_any_threshold_of_the_secrets_opens_it(keepers: int, threshold: int) -> None:
    lock = lock_of(keepers, threshold)
    bid = sealed(lock)
    for places in combinations(range(keepers), threshold):
        assert open_bid(bid, lock, secrets(*places)) == TRANSACTION
    assert open_bid(bid, lock, secrets(*range(keepers))) == TRANSACTION


def test_with_a_wrong_secret_among_them_it_stays_shut() -> None:
    lock = lock_of(3, 2)
    for wrong in (OPERATOR, CONSUMER, BIDDING):
        with pytest.raises(VerificationError):
            open_bid(sealed(lock), lock, {0: KEEPERS[0], 1: wrong})


def test_the_house_reads_who_and_not_how_much() -> None:
    lock = lock_of(2, 2)
    bid = sealed(lock)
    assert open_ticket(bid, lock, OPERATOR) == CONSUMER.public
    with pytest.raises(VerificationError):
        open_ticket(bid, replace(lock, house=CONSUMER.public), CONSUMER)


def test_a_ticket_fits_no_other_bid_and_no_other_auction() -> None:
    lock = lock_of(1, 1)
    bid = sealed(lock)
    for other in (replace(lock, auction_id=b"\1" * 32), replace(lock, ledger_id=bytes(32))):
        with pytest.raises(VerificationError):
            open_ticket(bid, other, OPERATOR)
        with pytest.raises(VerificationError):
            open_bid(bid, other, secrets(0))
    stolen = replace(bid, bid_key=PrivateKey.from_secret(99).public)
    for try_to in (lambda: open_ticket(stolen, lock, OPERATOR), lambda: open_bid(stolen, lock, secrets(0))):
        with pytest.raises(VerificationError):
            try_to()


def test_nobody_lends_his_name_to_a_ticket() -> None:
    """A ticket that names an account without its signature."""
    lock = lock_of(1, 1)
    bid = sealed(lock)
    pad = _pad(OPERATOR, bid.share_key, lock.house, b"ticket", KEEPERS[0].key.public_key())
    forged = seal(pad, CONSUMER.public.octets + bytes(64), _associated(lock, bid.bid_key))
    with pytest.raises(VerificationError):
        open_ticket(replace(bid, ticket=forged), lock, OPERATOR)


def test_a_bid_that_keepers_would_read_differently_opens_with_none_of_them() -> None:
    """Keeper 0 holds a share of the key, keepers 1 and 2 shares of another: no choice of two brings out a bid."""
    lock = lock_of(3, 2)
    content = len(TRANSACTION).to_bytes(2, "big") + TRANSACTION.ljust(MAX_BID_BYTES, b"\0")
    shared, _, sealed_content = _seal(lock, BIDDING.public, CHANCE, content)
    other = split_secret(CHANCE, b"\7" * 16, 3)
    pads = [_pad(shared, shared.public, key, b"share") for key in lock.time_keys]
    shares = b"".join(_xor(share, pad) for share, pad in zip(other, pads, strict=True))
    bid = SealedBid(lock.auction_id, BIDDING.public, shared.public, bytes(125), shares, sealed_content)
    for places in combinations(range(3), 2):
        with pytest.raises(VerificationError, match="others would read differently"):
            open_bid(bid, lock, secrets(*places))


@pytest.mark.parametrize(
    "content", [b"\0\1" + bytes(318 + 1), b"\xff\xff" + bytes(318), b"\0\0" + bytes(317) + b"x"]
)
def test_what_is_not_filled_up_as_it_should_be_is_refused(content: bytes) -> None:
    lock = lock_of(1, 1)
    shared, shares, sealed_content = _seal(lock, BIDDING.public, CHANCE, content)
    bid = SealedBid(lock.auction_id, BIDDING.public, shared.public, bytes(125), shares[0], sealed_content)
    with pytest.raises(VerificationError, match="filled up"):
        open_bid(bid, lock, secrets(0))


def test_shares_for_other_keepers_are_refused() -> None:
    with pytest.raises(VerificationError, match="32 bytes of shares"):
        open_bid(sealed(lock_of(2, 1)), lock_of(1, 1), secrets(0))


def test_all_bids_have_one_size_and_the_longest_fits() -> None:
    lock = lock_of(16, 16)
    band = Band(MAX_KHZ - 1, MAX_KHZ, 1)
    longest = Allocate(CONSUMER.public, U63_MAX, band, 0, U32_MAX, auction=bytes(32))
    signed = sign_transaction(Transaction(longest, bytes(8), U63_MAX), CONSUMER, LEDGER_ID).envelope.encoded
    assert len(signed) <= MAX_BID_BYTES
    sizes = {
        len(write_sealed_bid(sealed(lock, one), BIDDING, LEDGER_ID)) for one in (signed, TRANSACTION, b"")
    }
    assert len(sizes) == 1
    assert sizes.pop() <= MAX_SEALED_BID_BYTES


@pytest.mark.parametrize(
    ("extra", "why"),
    [
        ({4: bytes(124)}, "ticket has 124 bytes"),
        ({5: b""}, "shares has 0 bytes"),
        ({5: bytes(17)}, "shares has 17 bytes"),
        ({6: bytes(349)}, "content has 349 bytes"),
        ({3: b"\2" + b"\xff" * 31}, "share_key has 32 bytes"),
    ],
)
def test_refused_when_read(extra: dict[int, object], why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        read_sealed_bid(resign_payload(MESSAGES["sealed_bid"], extra), LEDGER_ID)


def test_a_share_key_that_is_no_point_is_refused_when_it_is_opened() -> None:
    lock = lock_of(1, 1)
    bid = replace(sealed(lock), share_key=type(CONSUMER.public)(b"\2" + b"\xff" * 32))
    with pytest.raises(VerificationError, match="not a point"):
        open_bid(bid, lock, secrets(0))
    with pytest.raises(VerificationError, match="not a point"):
        open_ticket(bid, lock, OPERATOR)


def test_the_example_is_a_real_bid() -> None:
    auction = MESSAGES["auction"].example
    (key,) = auction.read_time_keys()
    lock = Lock(auction.auction_id, auction.house, (key.key,), 1, LEDGER_ID)
    bid = MESSAGES["sealed_bid"].example
    assert open_ticket(bid, lock, OPERATOR) == CONSUMER.public
    assert open_bid(bid, lock, {0: PrivateKey.from_secret(8)}) == BID
    assert key.time_s == UTC_S + 600
