"""A full cell in a few seconds: floors hold, nobody is taken for another, and without slices they would not hold."""

from __future__ import annotations

import pytest

from lab.ran.full_cell import FullCell, full_cell


@pytest.fixture(scope="module")
def seen() -> FullCell:
    return full_cell(2, seconds=4)


def test_floors_hold_in_a_full_cell_and_best_effort_gets_the_rest(seen: FullCell) -> None:
    assert len(seen.floors) + seen.refused == 10
    assert len(seen.floors) >= 6
    assert seen.windows > 4 * len(seen.floors)
    assert seen.kept_share > 0.97
    assert seen.used_share > 0.99
    assert sum(seen.others_bps) / len(seen.others_bps) > 0.1 * seen.capacity_bps
    assert len(seen.sold_bps) == len(seen.others_bps) == 4


def test_all_are_found_and_nobody_is_taken_for_another(seen: FullCell) -> None:
    assert all(floor.joined for floor in seen.floors)
    assert seen.wrong_s == 0
    assert all(floor.joined_s is not None and floor.joined_s < 10 for floor in seen.floors if not floor.owed)


def test_also_if_all_come_in_one_moment() -> None:
    seen = full_cell(2, seconds=8, together=True)
    assert seen.wrong_s == 0
    assert sum(floor.joined for floor in seen.floors) >= len(seen.floors) - 1
    assert any(floor.is_weak and floor.owed for floor in seen.floors), (
        "its link was not known when it was sold"
    )


def test_a_loop_that_is_told_needs_no_time() -> None:
    seen = full_cell(2, seconds=2, told=True)
    assert all(floor.joined_s is not None and floor.joined_s <= 1.0 for floor in seen.floors)
    assert not any(floor.owed for floor in seen.floors)


def test_without_slices_the_same_floors_do_not_hold() -> None:
    seen = full_cell(1, seconds=4, sliced=False)
    assert seen.refused == 0
    assert seen.kept_share < 0.8
