"""What a whole log says of the past: balances as of each block, what ran, and which heads a house has given away."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ledger.clearing.audit import Anchor
from ledger.clearing.ledger_word import ReplayedLedger
from ledger.database import open_to_read
from ledger.engine import Engine
from ledger.genesis import Genesis
from ledger.opening import open_ledger
from ledger.submission import Executed
from tests.ledger_world import ALICE, BOB, EXCHANGE, LEDGER, PROVIDER, offer
from wire.auction_terms import AuctionKind, AuctionMark, Ruling
from wire.create import Create
from wire.errors import VerificationError
from wire.keys import PrivateKey
from wire.money_actions import Deposit, Transfer
from wire.post_offer import AuctionShare, PostOffer
from wire.ruling import sign_ruling
from wire.transaction import Action, Transaction, sign_transaction

NOW_S = int(time.time())
GENESIS = Genesis((LEDGER.public,), EXCHANGE.public, NOW_S, 60)
HEAD = bytes(range(32))


def settling() -> PostOffer:
    """Of an auction that Bob's house cleared."""
    action = offer(
        consumers={ALICE.public: AuctionShare(1, 5)},
        auction=AuctionMark(AuctionKind.VICKREY, NOW_S - 5, 0),
        ruling=Ruling(BOB.public, HEAD, bytes(64)),
    )
    auction_id = action.auction_id(PROVIDER.public)
    ruling = sign_ruling(BOB, GENESIS.ledger_id, auction_id, HEAD, action.price_ubc, action.consumers)
    return replace(action, ruling=ruling)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = open_ledger(tmp_path / "ledger.db", GENESIS)
    yield made
    made.store.close()


def commit(engine: Engine, at_s: int, *actions: tuple[Action, PrivateKey]) -> bytes:
    """One block; the id of its last transaction."""
    signed = [
        sign_transaction(Transaction(action, bytes([n] * 8), at_s + 60), key, GENESIS.ledger_id)
        for n, (action, key) in enumerate(actions)
    ]
    outcomes = engine.commit(signed, at_s)
    assert all(isinstance(outcome, Executed) for outcome in outcomes), outcomes
    return signed[-1].transaction_id


def test_the_past_of_a_log(engine: Engine, tmp_path: Path) -> None:
    commit(engine, NOW_S, *((Create(key.public), key) for key in (ALICE, PROVIDER)))
    commit(engine, NOW_S + 3, (Deposit(ALICE.public, 500), EXCHANGE))
    spent = commit(engine, NOW_S + 7, (Transfer(PROVIDER.public, 120), ALICE))
    settled = commit(engine, NOW_S + 8, (settling(), PROVIDER))
    store = open_to_read(tmp_path / "ledger.db")
    accounts = {ALICE.public, BOB.public}
    word = ReplayedLedger(store, GENESIS.ledger_id, dict.fromkeys((0, 1, 2, 3, 4, 9), accounts))
    had = [word.funds(height, accounts) for height in (0, 1, 2, 3, 4)]
    assert [one and dict(one.balances_ubc) for one in had] == [
        {}, {ALICE.public: 0}, {ALICE.public: 500}, {ALICE.public: 380}, {ALICE.public: 380},
    ]  # fmt: skip
    assert [one and (one.time_s - NOW_S, one.next_s and one.next_s - NOW_S) for one in had] == [
        (0, 0), (0, 3), (3, 7), (7, 8), (8, None),
    ]  # fmt: skip
    assert word.funds(9, accounts) is None, "there is no such block"
    assert (word.ran(spent), word.ran(bytes(32))) == (True, False)
    auction_id = settling().auction_id(PROVIDER.public)
    assert word.anchors(BOB.public, accounts | {PROVIDER.public}) == [Anchor(settled, HEAD, auction_id)]
    assert word.anchors(BOB.public, accounts) == [Anchor(settled, HEAD, b"")]
    assert word.anchors(ALICE.public, accounts) == []
    assert word.head.height == 4
    with pytest.raises(VerificationError, match="is another ledger"):
        ReplayedLedger(store, bytes(32), {})
    store.close()
