"""The page's file: records and sales come in, hours and lists come out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ledger.reports.rows import Standing
from operatord.page.board import Row
from operatord.page.history import KEEP_REPORTS_S, KEEP_SOLD_S, History
from operatord.page.recorded import Carried, Recorded, Short, SoldTime
from wire.errors import ShellError
from wire.refund import refund_nonce

NOW_S = 1_800_000_000
HOUR = NOW_S // 3_600 * 3_600
GRANT = (b"g" * 16).hex()
HOLDS = Recorded(
    "k1", 2, "p1", "usage", Standing.HOLDS, (), "", True, HOUR + 5, HOUR + 65, 3, 1_000, 7, (Short(GRANT, 5, 2),)
)  # fmt: skip
DISPUTED = replace(
    HOLDS, sequence=3, standing=Standing.CLAIM, checks=("totals",), why="no", bytes=50, short=()
)


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    opened = History(tmp_path / "page.db", b"ledger")
    yield opened
    opened.close()


def test_hours_count_what_holds_once_however_often_it_is_verified(history):
    for record in (HOLDS, DISPUTED, HOLDS):
        history.keep_record(record)
    assert history.carried(HOUR) == {("p1", HOUR): Carried(1_000, 7, 50)}
    assert history.count(HOUR) == {Standing.HOLDS: 1, Standing.CLAIM: 1}
    assert history.short(10) == [Short(GRANT, 5, 2)]


def test_lists_have_the_latest_first_and_say_what_was_kept(history):
    later = replace(HOLDS, key_id="k2", sequence=9, to_s=HOUR + 100, short=())
    for record in (HOLDS, DISPUTED, later):
        history.keep_record(record)
    assert history.latest(2) == [later, DISPUTED]
    assert history.disputed(5) == [DISPUTED]


def test_what_was_sold_is_kept_and_a_refund_finds_its_grant(history):
    history.keep_sold([Row(GRANT, "02", "p1", NOW_S, NOW_S + 60, 8, 2, 0, as_one_goes=False)])
    assert history.sold(NOW_S) == [SoldTime("p1", NOW_S, NOW_S + 60, 10)]
    nonce = refund_nonce(b"g" * 16).hex()
    assert history.refunded([nonce, "ff"]) == {nonce: GRANT}


def test_what_is_old_is_forgotten(history):
    history.keep_record(HOLDS)
    history.keep_sold([Row(GRANT, "02", "p1", NOW_S, NOW_S + 60, 8, 2, 0, as_one_goes=False)])
    history.forget_old(HOUR + KEEP_REPORTS_S + 100)
    assert (history.latest(5), len(history.sold(0)), len(history.short(5))) == ([], 1, 1)
    history.forget_old(NOW_S + KEEP_SOLD_S + 100)
    assert (history.sold(0), history.short(5)) == ([], [])


def test_another_ledger_s_past_is_nobody_s(tmp_path):
    one = History(tmp_path / "page.db", b"ledger")
    one.keep_record(HOLDS)
    one.close()
    again = History(tmp_path / "page.db", b"ledger")
    assert len(again.latest(5)) == 1
    again.close()
    other = History(tmp_path / "page.db", b"another")
    assert other.latest(5) == []
    other.close()
    assert (tmp_path / "page.db").stat().st_mode & 0o077 == 0


def test_a_damaged_file_is_said(tmp_path):
    (tmp_path / "page.db").write_bytes(b"no database" * 500)
    with pytest.raises(ShellError, match=r"page\.db"):
        History(tmp_path / "page.db", b"ledger")
