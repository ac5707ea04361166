"""A newcomer begins with another's log: whole, in pieces, or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lab.ledger_net.market import BAND, DURATION_S, QOS
from ledger.abci.messages import AppliedChunk, Offered, Snapshot
from ledger.abci.snapshots import EVERY, LogSnapshots
from ledger.application import Application
from ledger.database import open_to_read
from ledger.genesis import Genesis
from ledger.opening import open_application
from ledger.submission import Executed, write_submission
from wire.allocate import Allocate
from wire.create import Create
from wire.keys import PrivateKey
from wire.money_actions import Deposit
from wire.post_offer import PostOffer
from wire.transaction import Action, Transaction, sign_transaction

NOW_S = 1_700_000_000
KEY, EXCHANGE, BUYER = (PrivateKey.generate() for _ in range(3))
GENESIS = Genesis((KEY.public,), EXCHANGE.public, NOW_S)


class Ledger:
    """An application with its shelf; blocks are made by hand."""

    def __init__(self, file: Path) -> None:
        self.application: Application = open_application(file, GENESIS)
        self.told: list[str] = []
        self.shelf = LogSnapshots(self.application, open_to_read(file), self.told.append)

    def close(self) -> None:
        self.shelf.close()
        self.application.store.close()

    def block(self, *actions: tuple[Action, PrivateKey]) -> None:
        height = self.application.height + 1
        encoded = []
        for number, (action, key) in enumerate(actions):
            transaction = Transaction(action, height.to_bytes(6, "big") + bytes([0, number]), NOW_S + 9_999)
            encoded.append(write_submission(sign_transaction(transaction, key, GENESIS.ledger_id)))
        done = self.application.finalise(height, NOW_S + height, encoded)
        assert all(isinstance(outcome, Executed) for outcome in done.outcomes), done.outcomes
        self.application.commit()


@pytest.fixture
def old(tmp_path: Path) -> Iterator[Ledger]:
    """Twelve blocks: three with something in them, two of those longer than a piece."""
    ledger = Ledger(tmp_path / "old.db")
    people = [(Create(key.public), key) for key in (KEY, BUYER)]
    ledger.block(*people, (PostOffer(1, BAND, 2**32 - 1, DURATION_S, QOS), KEY))
    ledger.block((Deposit(BUYER.public, 10**9), EXCHANGE))
    ledger.block()
    for number in range(2):
        keys = b"".join(b"\x02" + (number << 32 | one).to_bytes(32, "big") for one in range(33_000))
        ledger.block((Allocate(KEY.public, 33_000, BAND, 1, consumer_keys=keys), BUYER))
    for _ in range(EVERY + 2 - 5):
        ledger.block()
    yield ledger
    ledger.close()


@pytest.fixture
def new(tmp_path: Path) -> Iterator[Ledger]:
    ledger = Ledger(tmp_path / "new.db")
    yield ledger
    ledger.close()


def offered(old: Ledger) -> tuple[Snapshot, list[bytes]]:
    snapshot = old.shelf.listed()[0]
    load = old.shelf.load
    return snapshot, [load(snapshot.height, snapshot.format, number) for number in range(snapshot.chunks)]


def test_a_newcomer_has_the_same_ledger(old: Ledger, new: Ledger) -> None:
    snapshot, pieces = offered(old)
    assert (snapshot.height, snapshot.chunks) == (EVERY, 2)
    assert new.shelf.offer(snapshot, old.application.app_hash) is Offered.ACCEPT
    for number, piece in enumerate(pieces):
        assert new.shelf.apply(number, piece) is AppliedChunk.ACCEPT
    assert new.application.height == EVERY
    assert new.application.app_hash == old.application.app_hash
    assert list(new.application.store.headers()) == list(old.application.store.headers())
    assert [one.encoded for one in new.application.store.items()] == [
        one.encoded for one in old.application.store.items()
    ]
    new.block()
    new.block()
    assert new.shelf.listed() == old.shelf.listed(), "and offers what the others do"


def test_nothing_is_offered_before_there_is_anything(new: Ledger) -> None:
    assert new.shelf.listed() == []
    for _ in range(EVERY):
        new.block()
    assert new.shelf.listed() == []


def test_what_is_not_there_is_empty(old: Ledger) -> None:
    assert old.shelf.load(EVERY, 2, 0) == b""
    assert old.shelf.load(EVERY, 1, 2) == b""
    assert old.shelf.load(99, 1, 0) == b""


def test_pieces_of_another_log_change_nothing(old: Ledger, new: Ledger) -> None:
    snapshot, pieces = offered(old)
    before = new.application.app_hash
    assert new.shelf.offer(snapshot, bytes(32)) is Offered.ACCEPT
    assert new.shelf.apply(0, pieces[0]) is AppliedChunk.ACCEPT
    assert new.shelf.apply(1, pieces[1]) is AppliedChunk.REJECT_SNAPSHOT
    assert "it leads to" in new.told[-1]
    assert new.shelf.offer(snapshot, old.application.app_hash) is Offered.ACCEPT
    assert new.shelf.apply(0, pieces[1]) is AppliedChunk.REJECT_SNAPSHOT
    assert new.shelf.apply(1, pieces[1]) is AppliedChunk.ABORT, "nothing is under way"
    assert new.shelf.offer(snapshot, old.application.app_hash) is Offered.ACCEPT
    assert new.shelf.apply(0, pieces[0][:-1]) is AppliedChunk.RETRY
    assert (new.application.height, new.application.app_hash) == (0, before)


def test_one_peer_that_sends_garbage_does_not_spoil_what_others_send(old: Ledger, new: Ledger) -> None:
    snapshot, pieces = offered(old)
    assert new.shelf.offer(snapshot, old.application.app_hash) is Offered.ACCEPT
    for index, piece in enumerate(pieces):
        assert new.shelf.apply(index, b"garbage") is AppliedChunk.RETRY
        assert new.shelf.apply(index, piece) is AppliedChunk.ACCEPT
    assert new.application.app_hash == old.application.app_hash


def test_pieces_come_in_order(old: Ledger, new: Ledger) -> None:
    snapshot, pieces = offered(old)
    assert new.shelf.apply(0, pieces[0]) is AppliedChunk.ABORT
    new.shelf.offer(snapshot, old.application.app_hash)
    assert new.shelf.apply(1, pieces[1]) is AppliedChunk.ABORT


def test_who_has_a_log_and_who_knows_no_such_form(old: Ledger, new: Ledger) -> None:
    snapshot, _ = offered(old)
    assert old.shelf.offer(snapshot, old.application.app_hash) is Offered.ABORT
    assert new.shelf.offer(replace(snapshot, format=2), bytes(32)) is Offered.REJECT_FORMAT
