"""Publishing: once, after a ledger that was away, and after a crash between sending and hearing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.payplace.views import read_summary
from operatord.commands import KeepTotal
from operatord.shells.store import Store
from operatord.shells.summaries import Publisher
from operatord.totals import SummaryRules
from tests.ledger_world import ALICE, BOB, PROVIDER, START_S, World
from wire.errors import ShellError
from wire.keys import PrivateKey
from wire.payplace_summary import PublishSummary

HOUR_S = 3_600
RULES = SummaryRules(HOUR_S, 2)
BEFORE_S = START_S - START_S % HOUR_S - HOUR_S


class Ledger:
    """The contract itself, which may be away, or be lost before it answers."""

    def __init__(self) -> None:
        self.world = World()
        self.away = self.mute = False
        self.heard: list[PublishSummary] = []

    def submit(self, action: PublishSummary) -> str:
        if self.away:
            raise ShellError("ledger", "nobody there")
        self.heard.append(action)
        reason = self.world.do(action, BOB)
        if self.mute:
            raise ShellError("ledger", "no answer")
        return "" if reason is None else reason.name.lower()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "operatord.db")
    yield opened
    opened.close()


def keep(store: Store, subject: PrivateKey, count: int = 2, from_s: int = BEFORE_S) -> None:
    store.save([KeepTotal(from_s, subject.public, True, 600, 10_000_000)] * count)


def publisher(store: Store, ledger: Ledger, said: list[str]) -> Publisher:
    return Publisher(store, RULES, lambda: ledger, said.append)


def total(ledger: Ledger, subject: PrivateKey) -> tuple[int, int]:
    summary = read_summary(ledger.world.state, subject.public, BOB.public)
    return (0, 0) if summary is None else (summary.sessions, summary.completed)


def test_totals_of_a_time_that_is_over_are_published_once(store: Store) -> None:
    ledger, said = Ledger(), list[str]()
    keep(store, PROVIDER)
    keep(store, ALICE, 1)
    for now_s in (START_S, START_S, START_S + HOUR_S):
        publisher(store, ledger, said).turn(now_s)
    assert [one.subject for one in ledger.heard] == [PROVIDER.public]
    assert (total(ledger, PROVIDER), total(ledger, ALICE)) == ((2, 2), (0, 0))
    assert (store.telling(), said) == ([], [])


def test_a_ledger_that_is_away_is_asked_again_and_its_absence_said_once(store: Store) -> None:
    ledger, said = Ledger(), list[str]()
    ledger.away = True
    keep(store, PROVIDER)
    one = publisher(store, ledger, said)
    one.turn(START_S)
    one.turn(START_S)
    assert said == ["summaries are not published: ledger: nobody there"]
    keep(store, PROVIDER, from_s=BEFORE_S + HOUR_S)
    ledger.away = False
    one.turn(START_S)
    assert total(ledger, PROVIDER) == (2, 2)
    ledger.world.wait(HOUR_S)
    one.turn(START_S + HOUR_S)
    assert total(ledger, PROVIDER) == (4, 4), "and the next hour after it"


def test_an_answer_that_was_lost_publishes_nothing_twice(store: Store) -> None:
    ledger, said = Ledger(), list[str]()
    ledger.mute = True
    keep(store, PROVIDER)
    publisher(store, ledger, said).turn(START_S)
    assert len(store.telling()) == 1
    ledger.mute = False
    publisher(store, ledger, said).turn(START_S)
    assert total(ledger, PROVIDER) == (2, 2)
    assert (len(ledger.heard), store.telling()) == (2, [])
    assert "summary_overlaps" in said[-1]


def test_whom_the_ledger_does_not_know_holds_up_nobody(store: Store) -> None:
    ledger, said = Ledger(), list[str]()
    keep(store, PrivateKey.from_secret(77))
    keep(store, PROVIDER)
    publisher(store, ledger, said).turn(START_S)
    assert total(ledger, PROVIDER) == (2, 2)
    assert store.telling() == []
    assert "unknown_account" in said[0]
