"""Channels and earnings on disk: as they were, and each earning with the micropayment that covers it."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from operatord.commands import Earn, ForgetMetered, KeepChannel, KeepMetered, Note
from operatord.shells.channel_rows import CHANNEL_SCHEMA, channel_statements
from operatord.shells.store import Store
from tests.operatord.metered_world import BY_BOTH, new_book
from tests.operatord.test_channels import joined, pay
from tests.operatord.world import ALICE, BOB, PROVIDER


def stored(folder: Path, *commands: object) -> Store:
    store = Store(folder / "operatord.db")
    store.save([one for one in commands if not isinstance(one, Note)])  # type: ignore[misc]
    store.close()
    return Store(folder / "operatord.db")


def test_channels_and_sessions_come_back_as_they_were(tmp_path: Path) -> None:
    book = joined(BY_BOTH)
    _, commands = pay(book, 500_000, 1, 7_000)
    store = stored(tmp_path, *commands)
    assert store.channels() == [book.channels[ALICE.public]]
    assert store.metered() == [replace(book.sessions[ALICE.public], opened_ms=0)]
    assert store.micropayment_of(ALICE.public) == b"money 500000"
    store.close()


def test_what_is_over_is_gone_and_what_was_earned_stays(tmp_path: Path) -> None:
    book = joined()
    _, commands = pay(book, 1_000)
    store = stored(tmp_path, *commands, ForgetMetered(ALICE.public), Earn(PROVIDER.public, BOB.public, 7))
    assert store.metered() == []
    first, second = store.earned_since(0, 10)
    assert (first[1:], second[1:]) == (
        (PROVIDER.public, ALICE.public, 1_000), (PROVIDER.public, BOB.public, 7),
    )  # fmt: skip
    assert store.earned_since(first[0], 10) == [second]
    assert store.earned_since(0, 1) == [first]
    assert store.micropayment_of(BOB.public) is None
    store.close()


def test_a_channel_without_a_payment_has_no_micropayment(tmp_path: Path) -> None:
    channel = new_book(BY_BOTH).channels[ALICE.public]
    store = stored(tmp_path, KeepChannel(channel))
    assert store.channels() == [channel]
    assert store.micropayment_of(ALICE.public) is None
    store.close()


def test_an_earning_and_its_micropayment_are_there_together_or_not_at_all(tmp_path: Path) -> None:
    book = joined()
    _, commands = pay(book, 1_000)
    store = Store(tmp_path / "operatord.db")
    torn = [*commands, KeepMetered(replace(book.sessions[ALICE.public], box="\udcff"))]  # no UTF-8
    with pytest.raises(UnicodeEncodeError):
        store.save(torn)  # type: ignore[arg-type]  # no Note among them
    assert (store.channels(), store.earned_since(0, 10)) == ([], [])
    store.close()


def test_each_order_is_a_statement_that_the_schema_knows() -> None:
    book = joined()
    _, commands = pay(book, 1_000)
    db = sqlite3.connect(":memory:")
    db.executescript(CHANNEL_SCHEMA)
    for command in commands:
        assert isinstance(command, KeepChannel | KeepMetered | Earn)
        for query, values in channel_statements(command):
            db.execute(query, values)
    assert db.execute("SELECT COUNT(*) FROM earned").fetchone() == (1,)
    db.close()
