"""Channels and earnings on disk: as they were, and each earning with the micropayment that covers it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from operatord.commands import Earn, ForgetMetered, KeepChannel, KeepMetered, Note
from operatord.payplace.earnings import OperatordEarnings
from operatord.payplace.income import Earning
from operatord.shells.channel_rows import CHANNEL_SCHEMA, channel_statements
from operatord.shells.store import Store
from tests.operatord.metered_world import BY_BOTH, new_book
from tests.operatord.test_channels import joined, pay
from tests.operatord.world import ALICE, BOB, PROVIDER
from wire.ids import PublicKey


def stored(folder: Path, *commands: object) -> Store:
    store = Store(folder / "operatord.db")
    store.save([one for one in commands if not isinstance(one, Note)])  # type: ignore[misc]
    store.close()
    return Store(folder / "operatord.db")


def earned(folder: Path) -> list[Earning]:
    with closing(OperatordEarnings(folder / "operatord.db")) as earnings:
        return earnings.earnings_since(0, 10)


def micropayment_of(folder: Path, consumer: PublicKey) -> bytes | None:
    with closing(OperatordEarnings(folder / "operatord.db")) as earnings:
        return earnings.micropayment_of(consumer)


def test_channels_and_sessions_come_back_as_they_were(tmp_path: Path) -> None:
    book = joined(BY_BOTH)
    _, commands = pay(book, 500_000, 1, 7_000)
    store = stored(tmp_path, *commands)
    assert store.channels() == [book.channels[ALICE.public]]
    assert store.metered() == [replace(book.sessions[ALICE.public], opened_ms=0)]
    store.close()
    assert micropayment_of(tmp_path, ALICE.public) == b"money 500000"


def test_what_is_over_is_gone_and_what_was_earned_stays(tmp_path: Path) -> None:
    book = joined()
    _, commands = pay(book, 1_000)
    store = stored(tmp_path, *commands, ForgetMetered(ALICE.public), Earn(PROVIDER.public, BOB.public, 7))
    assert store.metered() == []
    store.close()
    assert earned(tmp_path) == [
        Earning(1, PROVIDER.public, ALICE.public, 1_000), Earning(2, PROVIDER.public, BOB.public, 7),
    ]  # fmt: skip
    assert micropayment_of(tmp_path, BOB.public) is None


def test_a_channel_without_a_payment_has_no_micropayment(tmp_path: Path) -> None:
    channel = new_book(BY_BOTH).channels[ALICE.public]
    store = stored(tmp_path, KeepChannel(channel))
    assert store.channels() == [channel]
    store.close()
    assert micropayment_of(tmp_path, ALICE.public) is None


def test_an_earning_and_its_micropayment_are_there_together_or_not_at_all(tmp_path: Path) -> None:
    book = joined()
    _, commands = pay(book, 1_000)
    store = Store(tmp_path / "operatord.db")
    torn = [*commands, KeepMetered(replace(book.sessions[ALICE.public], box="\udcff"))]  # no UTF-8
    with pytest.raises(UnicodeEncodeError):
        store.save(torn)  # type: ignore[arg-type]  # no Note among them
    assert store.channels() == []
    store.close()
    assert earned(tmp_path) == []


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
