"""Several meters of one grant: what each may say alone, and what all may not say together."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ledger.evidence_totals import most_bytes
from ledger.reports.grant_uses import book, disputes, entering, find_too_much, temporary_database
from ledger.reports.rows import Standing
from tests.ledger.reports.test_sum_up import ROW
from tests.ledger.test_bundle import GRANT, OTHER
from wire.errors import ShellError
from wire.grant import Grant

GRANTS = {one.grant_id: one for one in (GRANT, OTHER)}
MOST = most_bytes(GRANT)


def find(grant_id: bytes) -> Grant | None:
    return GRANTS.get(grant_id)


def enter(path: Path, box: str, *counts: int, **changes: object) -> None:
    with entering(path, box) as take:
        for count in counts:
            row = replace(ROW, grant_id=GRANT.grant_id, down_bytes=count, up_bytes=0)
            take([replace(row, **changes)], find)  # type: ignore[arg-type]


def test_what_fits_together_is_not_disputed() -> None:
    with book() as path:
        enter(path, "a", MOST - 10, 5)
        enter(path, "b", 5)
        assert find_too_much(path) == set()
        with disputes(path) as dispute:
            assert dispute(GRANT.grant_id) is None


def test_one_byte_more_is_and_all_boxes_are_named() -> None:
    with book() as path:
        enter(path, "a", MOST - 10, 5)
        enter(path, "b", 6)
        enter(path, "c", 7, grant_id=OTHER.grant_id)
        assert find_too_much(path) == {"a", "b"}
        with disputes(path) as dispute:
            found = dispute(GRANT.grant_id)
            assert dispute(OTHER.grant_id) is None
    assert found is not None
    assert found.text == (
        f"grant {GRANT.grant_id.hex()}: boxes a ({MOST - 5} bytes), b (6 bytes) say {MOST + 1} bytes of it together, "
        f"and it can carry {MOST} in all its time"
    )
    assert (found.check, found.ok) == ("totals", False)


def test_rows_that_do_not_count_anyway_and_grants_that_nobody_made_are_left_out() -> None:
    with book() as path:
        enter(path, "a", MOST)
        enter(path, "b", MOST, standing=Standing.FORGED)
        enter(path, "c", MOST, grant_id=bytes(range(16)))
        assert find_too_much(path) == set()


def test_one_box_alone_is_within_or_was_judged_by_its_own_chain() -> None:
    with book() as path:
        enter(path, "a", 2 * MOST)
        assert find_too_much(path) == set()


def test_many_boxes_are_not_all_listed_and_no_sum_overflows() -> None:
    with book() as path:
        for number in range(9):
            enter(path, f"box {number}", 2**63 - 1, 2**63 - 1)
        assert len(find_too_much(path)) == 9
        with disputes(path) as dispute:
            found = dispute(GRANT.grant_id)
    assert found is not None
    assert "and 4 more" in found.text


def test_a_book_that_is_gone_is_the_worlds_fault() -> None:
    with book() as path:
        pass
    assert not path.parent.exists()
    with pytest.raises(ShellError, match="temporary database"):
        find_too_much(path)


def test_what_fails_while_a_temporary_database_is_open_is_the_worlds_fault() -> None:
    with pytest.raises(ShellError, match="the temporary database"), temporary_database("") as connection:
        connection.execute("no SQL")
