"""A newcomer begins with another's log: whole, in pieces, or not at all."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lab.ledger_net.market import BAND, DURATION_S, QOS
from ledger.abci.messages import AppliedChunk, Offered, Snapshot
from ledger.abci.snapshots import EVERY, FORMAT, LogSnapshots
from ledger.application import Application
from ledger.database import open_to_read
from ledger.genesis import Genesis
from ledger.opening import open_application
from ledger.submission import Executed, write_submission
from ledger.taking import read_item
from wire.allocate import Allocate
from wire.create import Create
from wire.errors import ShellError
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
    assert old.shelf.load(EVERY, FORMAT + 1, 0) == b""
    assert old.shelf.load(EVERY, FORMAT, 2) == b""
    assert old.shelf.load(99, FORMAT, 0) == b""


def test_quiet_years_cost_nothing(old: Ledger) -> None:
    """Whoever asks what there is, as often as he likes: it is one question to the log, whatever the height."""
    old.application.skip_to(10**8)
    began = time.process_time()
    (snapshot, *_) = old.shelf.listed()
    assert (snapshot.height, snapshot.chunks) == (10**8, 2)
    assert old.shelf.load(10**8, FORMAT, 1) != b""
    assert time.process_time() - began < 1


def test_a_liar_who_has_the_log_does_not_stop_a_newcomer(old: Ledger, new: Ledger, tmp_path: Path) -> None:
    """Pieces of another place, of another log, cut short, or none at all: each is asked of another peer, and changes
    nothing.
    """
    snapshot, pieces = offered(old)
    assert new.shelf.offer(snapshot, old.application.app_hash) is Offered.ACCEPT
    other = Ledger(tmp_path / "other.db")
    other.block((Create(BUYER.public), BUYER))
    for _ in range(EVERY):
        other.block()
    _, forged = offered(other)
    other.close()
    for index, piece in enumerate(pieces):
        for lie in (*pieces[:index], *pieces[index + 1 :], *forged, piece[:-1], b"garbage", b""):
            assert new.shelf.apply(index, lie) is AppliedChunk.RETRY
            assert "asked of another" in new.told[-1]
        assert new.application.height == 0
        assert new.shelf.apply(index, piece) is AppliedChunk.ACCEPT
    assert new.application.app_hash == old.application.app_hash


def test_who_says_another_number_of_pieces_is_a_liar(old: Ledger, new: Ledger) -> None:
    """Fewer, or more, as many as a number can say: it ends where the log begins."""
    snapshot, pieces = offered(old)
    for chunks in (1, 3, 2**32 - 1):
        assert new.shelf.offer(replace(snapshot, chunks=chunks), old.application.app_hash) is Offered.ACCEPT
        said = [new.shelf.apply(index, piece) for index, piece in enumerate(pieces)]
        assert AppliedChunk.REJECT_SNAPSHOT in said
        assert "whoever offers it lies" in new.told[-1]
    assert new.application.height == 0


def test_of_an_app_hash_that_is_none_of_the_log_nothing_is_taken(old: Ledger, new: Ledger) -> None:
    snapshot, pieces = offered(old)
    assert new.shelf.offer(snapshot, bytes(32)) is Offered.ACCEPT
    assert [new.shelf.apply(0, piece) for piece in pieces] == [AppliedChunk.RETRY] * 2


def test_a_newcomer_who_was_ended_in_the_middle_goes_on_there(old: Ledger, new: Ledger) -> None:
    """Its CometBFT knows nothing, and its ledger has a part of the log."""
    snapshot, pieces = offered(old)
    rows = [item for item in old.application.store.items() if item.height <= 4]
    for height in (1, 2, 4):
        encoded = [
            write_submission(read_item(item, GENESIS.ledger_id)) for item in rows if item.height == height
        ]
        new.application.skip_to(height - 1)
        new.application.finalise(height, NOW_S + height, encoded)
        new.application.commit()
    last = new.application.store.last_number()
    assert last == len(rows)
    assert new.shelf.offer(snapshot, old.application.app_hash) is Offered.ACCEPT
    for index, piece in enumerate(pieces):
        assert new.shelf.apply(index, piece) is AppliedChunk.ACCEPT
    assert (new.application.height, new.application.app_hash) == (EVERY, old.application.app_hash)
    assert list(new.application.store.items()) == list(old.application.store.items())


def test_a_ledger_that_went_another_way_says_so(old: Ledger, new: Ledger) -> None:
    snapshot, pieces = offered(old)
    new.block((Create(BUYER.public), BUYER))
    assert new.shelf.offer(snapshot, old.application.app_hash) is Offered.ACCEPT
    assert new.shelf.apply(0, pieces[0]) is AppliedChunk.ACCEPT
    with pytest.raises(ShellError, match="block 1 is not the others': begin anew"):
        new.shelf.apply(1, pieces[1])


def test_pieces_come_in_order(old: Ledger, new: Ledger) -> None:
    snapshot, pieces = offered(old)
    assert new.shelf.apply(0, pieces[0]) is AppliedChunk.ABORT
    new.shelf.offer(snapshot, old.application.app_hash)
    assert new.shelf.apply(1, pieces[1]) is AppliedChunk.ABORT


def test_who_has_a_log_and_who_knows_no_such_form(old: Ledger, new: Ledger) -> None:
    snapshot, _ = offered(old)
    assert old.shelf.offer(snapshot, old.application.app_hash) is Offered.REJECT
    assert "of no use" in old.told[-1]
    assert new.shelf.offer(replace(snapshot, format=1), bytes(32)) is Offered.REJECT_FORMAT
