"""The page's file: records and sales come in, hours and lists come out."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ledger.reports.rows import Standing
from operatord.page.board import Row
from operatord.page.history import KEEP_REPORTS_S, KEEP_SOLD_S, MAX_BITS, History
from operatord.page.recorded import Carried, Recorded, Short
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
SOLD = Row(GRANT, "02", "p1", NOW_S, NOW_S + 60, 8, 2, 0, as_one_goes=False)


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    opened = History(tmp_path / "page.db", b"ledger")
    yield opened
    opened.close()


def test_hours_count_what_holds_once_however_often_it_is_verified(history):
    for record in (HOLDS, DISPUTED, HOLDS):
        history.keep_record(record, NOW_S)
    assert history.carried(HOUR) == {("p1", HOUR): Carried(1_000, 7, 50)}
    assert history.count(HOUR) == {Standing.HOLDS: 1, Standing.CLAIM: 1}
    assert history.short() == [Short(GRANT, 5, 2)]


def test_lists_have_the_latest_first_and_say_what_was_kept(history):
    later = replace(HOLDS, key_id="k2", sequence=9, to_s=HOUR + 100, short=())
    for record in (HOLDS, DISPUTED, later):
        history.keep_record(record, NOW_S)
    assert history.latest(2) == [later, DISPUTED]
    assert history.disputed(5) == [DISPUTED]


def test_what_was_sold_is_kept_and_a_refund_finds_its_grant(history):
    history.keep_sold([SOLD])
    history.keep_sold([SOLD])
    assert history.promised(NOW_S, NOW_S + 30) == {("p1", HOUR): 300}
    assert history.promised(HOUR, HOUR + 3_600) == {("p1", HOUR): 600}
    nonce = refund_nonce(b"g" * 16).hex()
    assert history.refunded([nonce, "ff"]) == {nonce: GRANT}


def test_what_is_old_is_forgotten(history):
    history.keep_record(HOLDS, NOW_S)
    history.keep_sold([SOLD])
    history.forget_old(HOUR + KEEP_REPORTS_S + 100)
    assert (history.latest(5), len(history.short())) == ([], 1)
    history.forget_old(NOW_S + KEEP_SOLD_S + 100)
    assert (history.refunded([refund_nonce(b"g" * 16).hex()]), history.short()) == ({}, [])


def test_the_hours_of_the_map_are_sums(history):
    """Cut where hours end, and at now; a grant of many days is in its hours as well."""
    night = replace(SOLD, starts_s=HOUR - 600, ends_s=HOUR + 7_200)
    month = replace(
        SOLD, grant="ab" * 16, provider_id="p2", starts_s=HOUR - 86_400, ends_s=HOUR + 30 * 86_400
    )
    history.keep_sold([night, month])
    found = history.promised(HOUR - 3_600, HOUR + 5_400)
    assert {hour_s: bits for (provider_id, hour_s), bits in found.items() if provider_id == "p1"} == {
        HOUR - 3_600: 6_000, HOUR: 36_000, HOUR + 3_600: 18_000,
    }  # fmt: skip
    assert found["p2", HOUR + 3_600] == 18_000
    assert min(hour_s for _, hour_s in found) == HOUR - 3_600


def test_no_floor_is_too_much_for_an_hour(history):
    most = replace(SOLD, floor_down_bps=2**62, floor_up_bps=2**62)
    history.keep_sold([most, replace(most, grant="cd" * 16)])
    assert history.promised(HOUR, HOUR + 3_600)["p1", HOUR] == MAX_BITS
    assert history.promised(HOUR, NOW_S + 1)["p1", HOUR] > 2**62


def test_a_box_whose_clock_is_ahead_is_not_of_the_last_day_for_ever(history):
    ahead = replace(DISPUTED, from_s=4_070_908_800, to_s=4_070_908_860)
    history.keep_record(ahead, HOUR)
    history.keep_record(ahead, HOUR + 900)
    history.keep_record(replace(HOLDS, sequence=9, short=()), NOW_S)
    assert [one.sequence for one in history.latest(5)] == [9, 3], "it is of when it was first verified"
    assert history.count_disputed(HOUR + 1) == {}
    history.forget_old(HOUR + KEEP_REPORTS_S + 100)
    assert history.disputed(5) == []


def test_each_provider_s_disputes_are_counted_however_many_another_has(history):
    for number in range(300):
        history.keep_record(replace(DISPUTED, key_id="k9", provider_id="p9", sequence=number + 2), NOW_S)
    history.keep_record(replace(DISPUTED, to_s=HOUR + 6), NOW_S)
    assert history.count_disputed(HOUR) == {"p9": 300, "p1": 1}
    assert all(one.provider_id == "p9" for one in history.disputed(200))


def test_a_file_of_another_form_begins_anew(tmp_path):
    path = tmp_path / "page.db"
    with sqlite3.connect(path) as old:
        old.execute("CREATE TABLE made_by (form INTEGER NOT NULL, ledger_id BLOB NOT NULL)")
        old.execute("INSERT INTO made_by VALUES (1, ?)", (b"ledger",))
        old.execute("CREATE TABLE record (key_id TEXT)")
    old.close()
    history = History(path, b"ledger")
    history.keep_record(HOLDS, NOW_S)
    assert len(history.latest(5)) == 1
    history.close()


def test_another_ledger_s_past_is_nobody_s(tmp_path):
    one = History(tmp_path / "page.db", b"ledger")
    one.keep_record(HOLDS, NOW_S)
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
