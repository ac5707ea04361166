"""Sums: only what holds is proved, the rest stands beside it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ledger.reports.rows import Row, Standing
from ledger.reports.sum_up import DAY_MS, GROUPS, Sum, add_rows, format_day, join_sums, total_of

ROW = Row(
    provider_id=b"p" * 16,
    key_id=b"k" * 8,
    sequence=2,
    grant_id=b"g" * 16,
    consumer=b"c" * 33,
    from_utc_ms=DAY_MS,
    to_utc_ms=DAY_MS + 5_000,
    down_bytes=100,
    up_bytes=10,
    down_offered_bytes=200,
    up_offered_bytes=20,
    down_shortfall_bytes=3,
    up_shortfall_bytes=4,
    attested=True,
    standing=Standing.HOLDS,
)


def sums(by: str, *rows: Row) -> dict[str, Sum]:
    found: dict[str, Sum] = {}
    add_rows(found, rows, by)
    return found


def test_what_holds_is_added() -> None:
    both = sums("box", ROW, replace(ROW, down_bytes=1, attested=False))
    assert both == {ROW.key_id.hex(): Sum(2, 101, 20, 6, 8, 1)}


def test_what_is_disputed_is_beside_it_and_what_is_forged_only_counted() -> None:
    rows = [replace(ROW, standing=one) for one in (Standing.CLAIM, Standing.BREAK, Standing.FORGED)]
    assert sums("grant", *rows) == {
        ROW.grant_id.hex(): Sum(disputed_rows=2, disputed_bytes=220, forged_rows=1)
    }


@pytest.mark.parametrize("by", GROUPS)
def test_every_group_has_the_same_total(by: str) -> None:
    rows = [
        replace(ROW, from_utc_ms=day * DAY_MS, key_id=bytes(7) + bytes((day,)), consumer=consumer)
        for day in range(3)
        for consumer in (b"a" * 33, b"")
    ]
    assert total_of(sums(by, *rows)) == total_of(sums("day", *rows))


def test_groups_have_names_for_people() -> None:
    assert GROUPS["day"](ROW) == "1970-01-02"
    assert GROUPS["consumer"](ROW) == (b"c" * 33).hex()
    assert GROUPS["consumer"](replace(ROW, consumer=b"")) == "unknown"
    assert GROUPS["consumer"](replace(ROW, consumer=b"", grant_id=b"pass" + bytes(12))) == "pass"


def test_a_time_that_no_calendar_has_is_still_a_day() -> None:
    assert format_day(2**63 // DAY_MS) == f"day {2**63 // DAY_MS}"


def test_sums_of_files_are_joined_in_the_order_of_names() -> None:
    joined = join_sums([{"b": Sum(1), "a": Sum(2)}, {"b": Sum(3)}])
    assert list(joined.items()) == [("a", Sum(2)), ("b", Sum(4))]
