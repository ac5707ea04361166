"""Totals on disk: added up, and told once, whatever happens in between."""

from __future__ import annotations

from pathlib import Path

from operatord.commands import ForgetSessions, KeepTotal, SummaryTold, TellSummary
from operatord.shells.store import Store
from operatord.totals import Total
from tests.operatord.world import ALICE, BOB
from wire.payplace_summary import PublishSummary

DAY_S = 86_400
SUMMARY = PublishSummary(ALICE.public, 0, 2 * DAY_S, 3, 2, 600, 10_000_000)


def stored(folder: Path, *commands: KeepTotal | TellSummary | SummaryTold | ForgetSessions) -> Store:
    store = Store(folder / "operatord.db")
    store.save(commands)
    store.close()
    return Store(folder / "operatord.db")


def test_sessions_add_up_by_time_and_subject(tmp_path: Path) -> None:
    store = stored(
        tmp_path,
        KeepTotal(0, ALICE.public, True, 60, 1_000),
        KeepTotal(0, ALICE.public, False, 30, 500),
        KeepTotal(DAY_S, ALICE.public, True, 1, 1),
        KeepTotal(0, BOB.public, True, 5, 5),
    )
    assert sorted(store.totals(DAY_S), key=lambda one: one.sessions) == [
        Total(0, BOB.public, 1, 1, 5, 5), Total(0, ALICE.public, 2, 1, 90, 1_500),
    ]  # fmt: skip
    assert len(store.totals(2 * DAY_S)) == 3
    store.close()


def test_what_is_told_is_counted_no_more(tmp_path: Path) -> None:
    later = KeepTotal(2 * DAY_S, ALICE.public, True, 1, 1)
    other = KeepTotal(0, BOB.public, True, 5, 5)
    first = KeepTotal(0, ALICE.public, True, 60, 1_000)
    store = stored(tmp_path, first, later, other, TellSummary(SUMMARY))
    assert {one.subject for one in store.totals(2 * DAY_S)} == {BOB.public}
    assert len(store.totals(9 * DAY_S)) == 2
    assert store.telling() == [SUMMARY]
    store.save([SummaryTold(ALICE.public)])
    assert store.telling() == []
    store.close()


def test_what_never_came_to_a_summary_is_forgotten_with_its_sessions(tmp_path: Path) -> None:
    store = stored(tmp_path, KeepTotal(0, ALICE.public, True, 1, 1), ForgetSessions(DAY_S))
    assert store.totals(9 * DAY_S) == []
    store.close()
