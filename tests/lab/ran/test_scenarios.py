"""Each scenario in a few seconds of a cell: the promise holds in it, and without the loop it would not."""

from __future__ import annotations

from lab.ran.fading import STATIC
from lab.ran.scenarios import FullCell, drops, full_cell, full_shop, paused


def others_bps(seen: FullCell) -> float:
    return sum(seen.others_bps) / len(seen.others_bps)


def test_floors_hold_in_a_full_cell_and_best_effort_gets_the_rest() -> None:
    seen = full_cell(1, seconds=6, told=True)
    assert len(seen.floors) + seen.refused == 10
    assert len(seen.floors) >= 6
    assert seen.windows == 6 * len(seen.floors)
    assert seen.kept_share > 0.99
    assert seen.used_share > 0.99
    assert others_bps(seen) > 0.1 * seen.capacity_bps


def test_a_loop_that_is_not_told_has_to_find_its_ues() -> None:
    """It finds those whose rate nobody else has, and makes up for bad links only then."""
    told, seen = (full_cell(2, seconds=8, told=told) for told in (True, False))
    assert all(floor.joined for floor in told.floors)
    assert not all(floor.joined for floor in full_cell(2, seconds=1).floors)
    assert 0.6 < seen.kept_share <= told.kept_share
    assert [floor.rnti for floor in told.floors if floor.is_weak] == [1, 2]


def test_without_slices_the_same_floors_do_not_hold() -> None:
    assert full_cell(1, seconds=4, sliced=False).kept_share < 0.8


def test_a_loop_makes_up_for_a_worse_link_and_a_fixed_share_does_not() -> None:
    seen = drops(1, buyers=3, look_s=2.5, fading=STATIC)
    assert all(drop.short_s <= 0.5 for drop in seen)
    assert all(drop.bad_s == 0 for drop in seen)
    shares = [(drop.points[0].min_prb, drop.points[-1].min_prb) for drop in seen]
    assert all(after > before for before, after in shares)
    fixed = drops(1, buyers=3, look_s=2.5, fading=STATIC, frozen=True)
    assert any(drop.bad_s == drop.looked_s for drop in fixed)


def test_a_paused_slice_gets_nothing_and_comes_back() -> None:
    seen = paused(1, seconds=2.0)
    assert seen.paused_bps == 0
    assert seen.after_bps > 0.95 * seen.floor_bps
    assert round(seen.to_s - seen.from_s, 6) == 2.0


def test_a_full_shop_refuses_and_keeps_what_it_sold() -> None:
    seen = full_shop(1, seconds=4)
    assert 3 <= seen.admitted <= 20
    assert seen.refusal.startswith("no_prb: needs ")
    assert seen.kept_share > 0.97
